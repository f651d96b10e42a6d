/*
 * Operations on the content of open files.
 */
#include "ops_private.h"

#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

/* O_DIRECT wants buffers that suit the device; a page does for all. */
#define DIRECT_ALIGNMENT 4096

/* A copy may be shorter than asked for; one that is too long keeps a serving thread from the others. */
#define COPY_MOST ((size_t)8 << 20)

static void *aligned_buffer(size_t size)
{
    void *buffer = NULL;
    if (posix_memalign(&buffer, DIRECT_ALIGNMENT, MAX(size, DIRECT_ALIGNMENT)) != 0)
        return NULL;
    return buffer;
}

/* Which descriptor of a route's file a request goes to. Pages of a mapping are never direct: their size at the end of a file
 * is any. */
static int fd_for(const struct fuse_file_info *fi)
{
    struct ops_file *file = ops_file(fi);
    if (!(fi->flags & O_DIRECT) || fi->writepage)
        return file->fd;
    int fd = ops_direct_fd(file);
    return fd >= 0 ? fd : file->fd;
}

static void read_direct(fuse_req_t req, int fd, size_t size, off_t offset)
{
    void *buffer = aligned_buffer(size);
    ssize_t length = buffer == NULL ? -1 : pread(fd, buffer, size, offset);
    if (length < 0)
        ops_reply_status(req, buffer == NULL ? ENOMEM : errno);
    else
        fuse_reply_buf(req, buffer, (size_t)length);
    free(buffer);
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    struct tree *tree = ops_of(req)->tree; /* the request ends with the reply */
    struct node *node = ops_open_node(req, ino, fi);
    struct tree_held held;
    int status = ops_hold(req, node, fi, &held);
    if (status < 0) {
        ops_reply_status(req, status);
    } else if (held.fd < 0) {
        fuse_reply_buf(req, NULL, 0);
    } else if ((fi->flags & O_DIRECT) && node->id.kind == NODE_ROUTE) {
        read_direct(req, fd_for(fi), size, offset);
    } else {
        struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);
        data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
        data.buf[0].fd = held.fd;
        data.buf[0].pos = offset;
        fuse_reply_data(req, &data, 0);
    }
    if (status == 0)
        tree_let_go(tree, &held);
}

static ssize_t write_at(int fd, const char *buffer, size_t size, off_t offset, const struct fuse_file_info *fi)
{
    struct iovec piece = {.iov_base = (void *)buffer, .iov_len = size};
    /* Pages of a mapping go where they belong, whatever the file's flags are. */
    bool append = (fi->flags & O_APPEND) && !fi->writepage;
    ssize_t written = pwritev2(fd, &piece, 1, offset, append ? RWF_APPEND : 0);
    return written >= 0 ? written : -errno;
}

static ssize_t write_direct(int fd, const char *buffer, size_t size, off_t offset, const struct fuse_file_info *fi)
{
    char *aligned = aligned_buffer(size);
    if (aligned == NULL)
        return -ENOMEM;
    memcpy(aligned, buffer, size);
    ssize_t written = write_at(fd, aligned, size, offset, fi);
    free(aligned);
    return written;
}

/*
 * Before what an open file has is changed: set-user-ID bits and their like go. The kernel may not know of bits that somebody
 * else has set in a place that is shared, and would not ask.
 */
static void drop_before_change(const struct assume_credentials *who, const struct node *node, int fd, bool asked)
{
    if (asked || (ops_is_shared(node) && who->uid != 0))
        ops_drop_privileges(who, fd);
}

void ops_write(fuse_req_t req, fuse_ino_t ino, const char *buffer, size_t size, off_t offset, struct fuse_file_info *fi)
{
    const struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    struct node *node = ops_open_node(req, ino, fi);
    struct change change = CHANGE(DENIAL_WRITE, node, NULL);
    if (node->id.kind != NODE_ROUTE) {
        ops_reply_status(req, EBADF); /* no open for writing passes the gate there */
        return;
    }
    int fd = fd_for(fi);
    drop_before_change(&who, node, fd, ops_kills_privileges(fi));
    ssize_t written =
        fd != ops_file(fi)->fd ? write_direct(fd, buffer, size, offset, fi) : write_at(fd, buffer, size, offset, fi);
    if (written < 0) {
        ops_reply_status(req, gate_failed(&ops->gate, &who, &change, (int)written));
        return;
    }
    gate_wrote(&ops->gate, &who, node, (uint64_t)written);
    fuse_reply_write(req, (size_t)written);
}

void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    int status = 0;
    /* What close(2) of the backing file would say (a network file system writes then). */
    if (ops_open_node(req, ino, fi)->id.kind == NODE_ROUTE) {
        int copy = dup(ops_file(fi)->fd);
        if (copy >= 0)
            status = close(copy) < 0 ? -errno : 0;
    }
    ops_reply_status(req, status);
}

void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    int status = 0;
    /* Never "no such operation", even where all is a tmpfs: the kernel would not ask again, and a volume can be added. */
    if (ops_open_node(req, ino, fi)->id.kind == NODE_ROUTE)
        status = (datasync ? fdatasync(ops_file(fi)->fd) : fsync(ops_file(fi)->fd)) < 0 ? -errno : 0;
    ops_reply_status(req, status);
}

void ops_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
    struct tree *tree = ops_of(req)->tree;
    struct tree_held held;
    int status = ops_hold(req, ops_open_node(req, ino, fi), fi, &held);
    if (status < 0) {
        ops_reply_status(req, status);
        return;
    }
    off_t found = held.fd >= 0 ? lseek(held.fd, offset, whence) : (errno = ENXIO, -1);
    if (found < 0)
        ops_reply_status(req, errno);
    else
        fuse_reply_lseek(req, found);
    tree_let_go(tree, &held);
}

void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *fi)
{
    const struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    struct node *node = ops_open_node(req, ino, fi);
    struct change change = CHANGE(DENIAL_FALLOCATE, node, NULL);
    if (node->id.kind == NODE_ROUTE)
        drop_before_change(&who, node, ops_file(fi)->fd, false);
    int status = node->id.kind != NODE_ROUTE                             ? -EBADF
                 : fallocate(ops_file(fi)->fd, mode, offset, length) < 0 ? -errno
                                                                         : 0;
    ops_reply_status(req, status < 0 ? gate_failed(&ops->gate, &who, &change, status) : 0);
}

void ops_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in, struct fuse_file_info *fi_in,
                         fuse_ino_t ino_out, off_t offset_out, struct fuse_file_info *fi_out, size_t length, int flags)
{
    const struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    struct change change = CHANGE(DENIAL_COPY, ops_open_node(req, ino_out, fi_out), NULL);
    struct tree_held in, out = {.fd = -1};
    int status = ops_hold(req, ops_open_node(req, ino_in, fi_in), fi_in, &in);
    if (status == 0) {
        status = ops_hold(req, ops_open_node(req, ino_out, fi_out), fi_out, &out);
        if (status < 0)
            tree_let_go(ops->tree, &in);
    }
    if (status < 0) {
        ops_reply_status(req, status);
        return;
    }
    if (ops_open_node(req, ino_out, fi_out)->id.kind == NODE_ROUTE)
        drop_before_change(&who, ops_open_node(req, ino_out, fi_out), out.fd, false);
    ssize_t copied = in.fd < 0 || out.fd < 0 ? -EXDEV /* the kernel copies by itself then */
                                             : copy_file_range(in.fd, &offset_in, out.fd, &offset_out,
                                                               MIN(length, COPY_MOST), (unsigned)flags);
    if (copied == -1)
        copied = -errno;
    if (copied >= 0)
        gate_wrote(&ops->gate, &who, change.node, (uint64_t)copied);
    if (copied < 0)
        ops_reply_status(req, gate_failed(&ops->gate, &who, &change, (int)copied));
    else
        fuse_reply_write(req, (size_t)copied);
    tree_let_go(ops->tree, &in);
    tree_let_go(ops->tree, &out);
}

/* Changing immutable and append-only flags is for CAP_LINUX_IMMUTABLE (fileattr_set_prepare); the kernel leaves that check
 * to the file system behind, and root in a container does not have it. */
static int check_immutable(int fd, const void *in, size_t in_size, const struct assume_credentials *who)
{
    const unsigned guarded = FS_IMMUTABLE_FL | FS_APPEND_FL;
    unsigned wanted = 0, now = 0;
    uint64_t capabilities = 0;
    memcpy(&wanted, in, MIN(in_size, sizeof wanted));
    if (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
        return -errno;
    if (!((wanted ^ now) & guarded))
        return 0;
    if (who->uid != 0 || who->tid == 0 || caller_capabilities(who->tid, &capabilities) < 0 ||
        !(capabilities & (UINT64_C(1) << CAP_LINUX_IMMUTABLE)))
        return -EPERM;
    return 0;
}

static void set_flags(fuse_req_t req, struct node *node, int fd, const void *in, size_t in_size)
{
    struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    struct change change = CHANGE(DENIAL_SETFLAGS, node, NULL);
    int error = gate_check(&ops->gate, &who, &change);
    if (error == 0) {
        unsigned flags = 0;
        struct assume as;
        memcpy(&flags, in, MIN(in_size, sizeof flags));
        int status = check_immutable(fd, in, in_size, &who);
        if (status == 0)
            status = assume_begin(&as, &ops->power, &who, fd, -1, false);
        if (status == 0)
            do
                status = ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
            while (assume_again(&as, status));
        error = status < 0 ? gate_failed(&ops->gate, &who, &change, status) : 0;
        if (error == 0)
            gate_done(&ops->gate, &who, &change);
    }
    if (error != 0)
        ops_reply_status(req, error);
    else
        fuse_reply_ioctl(req, 0, NULL, 0);
}

/* TCGETS of a program that wonders whether a file is a terminal, and everything else: no. */
static bool is_answered(unsigned command)
{
    return command == FS_IOC_GETFLAGS || command == FS_IOC_GETVERSION || command == FS_IOC_FSGETXATTR ||
           command == FS_IOC_SETFLAGS || command == FS_IOC_FSSETXATTR;
}

void ops_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int command, void *argument, struct fuse_file_info *fi,
               unsigned flags, const void *in, size_t in_size, size_t out_size)
{
    (void)argument;
    struct node *node = ops_open_node(req, ino, (flags & FUSE_IOCTL_DIR) ? NULL : fi);
    struct tree *tree = ops_of(req)->tree;
    struct tree_held held;
    if (!is_answered(command)) {
        ops_reply_status(req, ENOTTY);
        return;
    }
    /* Without a descriptor (a made file) the answers below say so. */
    (void)ops_hold(req, node, (flags & FUSE_IOCTL_DIR) ? NULL : fi, &held);
    int fd = held.fd;
    unsigned value = 0;
    switch (command) {
    case FS_IOC_GETFLAGS:
    case FS_IOC_GETVERSION:
        if (fd < 0 || ioctl(fd, command, &value) < 0)
            ops_reply_status(req, fd < 0 ? ENOTTY : errno);
        else
            fuse_reply_ioctl(req, 0, &value, MIN(out_size, sizeof value));
        break;
    case FS_IOC_FSGETXATTR: {
        /* The kernel asks this before each of the two ways of setting (vfs_fileattr_set), so that "no such thing" in
         * answer to it would keep the refusals below from being asked for. */
        struct fsxattr attributes = {0};
        if (fd >= 0 && ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0 && node->id.kind == NODE_ROUTE)
            ops_reply_status(req, errno);
        else
            fuse_reply_ioctl(req, 0, &attributes, MIN(out_size, sizeof attributes));
        break;
    }
    case FS_IOC_SETFLAGS:
        set_flags(req, node, fd, in, in_size);
        break;
    case FS_IOC_FSSETXATTR: {
        /* Project ids and the like cannot be changed through the mount; in the image that is a refused write. */
        struct assume_credentials who = ops_who(req);
        struct change change = CHANGE(DENIAL_SETFLAGS, node, NULL);
        int error = gate_check(&ops_of(req)->gate, &who, &change);
        ops_reply_status(req, error != 0 ? error : EOPNOTSUPP);
        break;
    }
    }
    tree_let_go(tree, &held);
}
