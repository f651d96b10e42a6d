/*
 * Operations that open and close files.
 */
#include "ops_private.h"

#include "beneath.h"
#include "ops_passthrough.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* The kernel's FMODE_EXEC among the flags of an open for execve(2) (include/linux/fs.h, __FMODE_EXEC). */
#define OPEN_FOR_EXEC 0x20

/* Flags that are the kernel's business and not the backing file's. O_APPEND is decided at each write: fcntl(2) can change
 * it, and a write back of mapped pages must not append. */
#define OPEN_NOT_PASSED (O_CREAT | O_EXCL | O_NOCTTY | O_NOFOLLOW | O_APPEND | O_DIRECT | O_DIRECTORY | OPEN_FOR_EXEC)

static bool opens_for_change(int flags)
{
    /* The fourth access mode, both bits, asks for permission to read and write, and opens for neither. */
    return (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR || (flags & O_TRUNC);
}

/* Closes what is no longer listed. */
static void file_close(struct ops_file *file)
{
    int direct_fd = atomic_load(&file->direct_fd);
    if (direct_fd >= 0)
        close(direct_fd);
    if (file->fd >= 0)
        close(file->fd);
    g_free(file);
}

static void release_left(struct node_open *open)
{
    file_close((struct ops_file *)((char *)open - offsetof(struct ops_file, open)));
}

static struct ops_file *file_new(struct tree *tree, struct node *node, int fd)
{
    struct ops_file *file = g_new(struct ops_file, 1);
    *file = (struct ops_file){
        .fd = fd, .node = node_ref(tree->table, node), .direct_fd = -1, .open = {.fd = fd, .release = release_left}};
    node_opened(tree->table, node, &file->open);
    atomic_fetch_add(&node->id.route->n_open, 1);
    return file;
}

/* What the kernel has written by itself is seen when a file is opened and when it is closed. @is_empty: it is known to be. */
static void note_growth(const struct ops *ops, const struct node *node, const struct ops_file *file, bool is_empty)
{
    struct stat st = {0};
    if (file->grows && (is_empty || fstat(file->fd, &st) == 0))
        gate_grew(&ops->gate, node, passthrough_grown(ops->passthrough, node->id.shown, (uint64_t)st.st_size));
}

/* A file was opened. @id: the backing file's number, or 0. */
static void note_open(const struct ops *ops, const struct node *node, struct ops_file *file, int flags, int id)
{
    if (!opens_for_change(flags))
        return;
    gate_opened(&ops->gate, node);
    file->grows = id > 0;
    note_growth(ops, node, file, flags & O_TRUNC);
}

/* The backing file is let go before its descriptor is closed, and with it the node's number perhaps. */
static void file_free(const struct ops *ops, struct ops_file *file)
{
    struct node *node = file->node;
    struct route *route = node->id.route;
    node_closed(ops->tree->table, node, &file->open);
    note_growth(ops, node, file, false);
    passthrough_close(ops->passthrough, node->id.shown, false);
    file_close(file);
    node_unref(ops->tree->table, node);
    if (atomic_fetch_sub(&route->n_open, 1) == 1)
        ops_route_unused(ops, route);
}

int ops_hold(fuse_req_t req, struct node *node, const struct fuse_file_info *fi, struct tree_held *ret)
{
    *ret = (struct tree_held){.fd = -1};
    if (node->id.kind == NODE_MADE)
        return 0;
    if (fi != NULL && node->id.kind == NODE_ROUTE) {
        *ret = (struct tree_held){.fd = ops_file(fi)->fd, .is_borrowed = true};
        return 0;
    }
    if (fi != NULL)
        return tree_hold(ops_of(req)->tree, node, ret);
    int fd = ops_open_directory(req, node);
    if (fd < 0)
        return fd;
    ret->fd = fd;
    return 0;
}

int ops_direct_fd(struct ops_file *file)
{
    int fd = atomic_load(&file->direct_fd);
    if (fd >= 0)
        return fd;
    int flags = fcntl(file->fd, F_GETFL);
    fd = beneath_reopen(file->fd, (flags & O_ACCMODE) | O_DIRECT);
    int none = -1;
    if (fd >= 0 && !atomic_compare_exchange_strong(&file->direct_fd, &none, fd)) {
        close(fd); /* another request was faster */
        fd = none;
    }
    return fd;
}

/* Whether the backing file system can do what an open with O_DIRECT asks for. Returns 0 or -errno. */
static int check_direct(struct ops_file *file, const struct node *node, int flags)
{
    if (!(flags & O_DIRECT) || node->id.kind != NODE_ROUTE)
        return 0;
    int fd = ops_direct_fd(file);
    return fd == -EINVAL ? fd : 0;
}

/*
 * How the kernel is to treat what is opened. @id: the backing file's number, or 0.
 *
 * What is closed need not be told where closing does nothing: nobody else looks at what was written (a tmpfs of our own), or
 * nothing is left to be written (by passthrough, or not open for writing).
 */
static void fill_open(struct fuse_file_info *fi, const struct node *node, int id)
{
    bool shared = ops_is_shared(node);
    fi->keep_cache = !shared && id == 0; /* by passthrough, nothing is cached that could be kept; the kernel says EIO */
    fi->noflush = !shared || (node->id.route->is_local && (id != 0 || (fi->flags & O_ACCMODE) == O_RDONLY));
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    fi->backing_id = id;
#endif
}

/* Replies with an open file of a route; takes ownership of @fd. */
static void reply_opened(fuse_req_t req, struct node *node, int fd, struct fuse_file_info *fi)
{
    struct ops *ops = ops_of(req);
    struct ops_file *file = file_new(ops->tree, node, fd);
    bool counted;
    int id = passthrough_open(ops->passthrough, ops->tree, node, fd, fi->flags, &counted);
    int status = check_direct(file, node, fi->flags);
    fi->fh = (uint64_t)(uintptr_t)file;
    note_open(ops, node, file, fi->flags, id);
    fill_open(fi, node, id);
    if (status < 0)
        ops_reply_status(req, status);
    if (status < 0 || fuse_reply_open(req, fi) < 0)
        file_free(ops, file);
}

/*
 * Replies that a file of the image, or a made one, is open. It is opened in its layer when it is read and the kernel has not
 * been given the file itself: what is in the page cache costs no system call.
 */
static void reply_opened_image(fuse_req_t req, fuse_ino_t ino, struct node *node, struct fuse_file_info *fi)
{
    struct ops *ops = ops_of(req);
    bool counted;
    int id = passthrough_open(ops->passthrough, ops->tree, node, -1, fi->flags, &counted);
    fi->fh = counted ? OPS_FH_COUNTED : OPS_FH_NONE;
    fill_open(fi, node, id);
    if (id == 0)
        ops_store(ops, ino, node);
    uint64_t number = node->id.shown;
    if (fuse_reply_open(req, fi) < 0 && counted)
        passthrough_close(ops->passthrough, number, true);
}

/*
 * Whether running this file would do what a nosuid mount prevents. The kernel takes the set-user-ID bits from the inode, so
 * all that can be done here is to refuse; a file whose bits would change nothing for this caller runs.
 */
static bool gains_by_exec(int fd, const struct assume_credentials *who)
{
    struct stat st;
    struct beneath_link link;
    if (fstat(fd, &st) < 0)
        return true;
    return ((st.st_mode & S_ISUID) && st.st_uid != who->uid) ||
           ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != who->gid) ||
           (who->uid != 0 && getxattr(beneath_link_path(&link, fd), "security.capability", NULL, 0) > 0);
}

/* Whether a file lies on learn mode's layer: made there, or a changed copy of one that the image has. */
static bool is_learned_file(const struct ops *ops, const struct node *node)
{
    int upper_fd = policy_is_learned(node) ? atomic_load(&node->id.route->upper_fd) : -1;
    g_autofree char *path = upper_fd >= 0 ? node_path(ops->tree->table, node) : NULL;
    int fd = path != NULL ? beneath_open(upper_fd, path, O_PATH, true) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* What the route's options say of an open for execution. Returns 0 or the errno to reply. */
static int check_exec(const struct ops *ops, const struct assume_credentials *who, struct node *node, int fd, int flags)
{
    const struct route_spec *spec = &node->id.route->spec;
    if (!(flags & OPEN_FOR_EXEC))
        return 0;
    struct change change = CHANGE(DENIAL_EXEC, node, NULL);
    if (spec->noexec)
        return gate_record(&ops->gate, who, &change, EACCES, DENIAL_DECLARED_NOEXEC);
    if (spec->nosuid && gains_by_exec(fd, who))
        return gate_record(&ops->gate, who, &change, EACCES, DENIAL_DECLARED_NOSUID);
    if (is_learned_file(ops, node))
        gate_done(&ops->gate, who, &change);
    return 0;
}

/* As the caller. A file that may only be appended to cannot be opened for anything else, so there the flag is passed on. */
static int reopen_as_caller(struct assume *as, int path_fd, int flags)
{
    int fd;
    do {
        fd = beneath_reopen(path_fd, flags & ~OPEN_NOT_PASSED);
        if (fd == -EPERM && (flags & O_APPEND))
            fd = beneath_reopen(path_fd, flags & ~(OPEN_NOT_PASSED & ~O_APPEND));
    } while (assume_again(as, fd));
    return fd;
}

/* Opens a file of a route as the caller. Returns a descriptor or -errno. */
static int open_route_file(fuse_req_t req, struct node *node, int flags)
{
    struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    int path_fd = tree_open(ops->tree, node);
    if (path_fd < 0)
        return path_fd;
    int fd = -check_exec(ops, &who, node, path_fd, flags);
    struct assume as;
    struct stat st;
    /* The set-group-ID bit of a file that is truncated may be kept by members of its group. */
    bool with_groups = (flags & O_TRUNC) && fstat(path_fd, &st) == 0 && (st.st_mode & S_ISGID);
    /* The type is known: what the kernel opens here is a regular file, and the node was verified to be one. */
    if (fd == 0 && (flags & OPEN_FOR_EXEC))
        fd = beneath_reopen(path_fd,
                            O_RDONLY); /* who may execute it need not be able to read it; open(2) has no such flag */
    else if (fd == 0 && (fd = assume_begin(&as, &ops->power, &who, path_fd, -1, with_groups)) == 0)
        fd = reopen_as_caller(&as, path_fd, flags);
    else if (fd == -EPERM && !opens_for_change(flags))
        fd = beneath_reopen(path_fd, flags & ~OPEN_NOT_PASSED); /* the kernel let him read */
    close(path_fd);
    return fd;
}

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = ops_of(req);
    struct node *node = ops_node(req, ino);
    struct assume_credentials who = ops_who(req);
    struct change change = CHANGE(DENIAL_OPEN, node, NULL);
    change.flags = fi->flags;
    if (opens_for_change(fi->flags)) {
        int error = gate_apply(&ops->gate, &who, &change, policy_open(node));
        if (error != 0) {
            ops_reply_status(req, error);
            return;
        }
    }
    if (node->id.kind != NODE_ROUTE) {
        reply_opened_image(req, ino, node, fi);
        return;
    }
    int fd = open_route_file(req, node, fi->flags);
    if (fd < 0) {
        if (opens_for_change(fi->flags))
            gate_failed(&ops->gate, &who, &change, fd);
        ops_reply_status(req, fd);
        return;
    }
    if ((fi->flags & O_TRUNC) && ops_kills_privileges(fi))
        ops_drop_privileges(&who, fd);
    if (opens_for_change(fi->flags))
        gate_done(&ops->gate, &who, &change);
    reply_opened(req, node, fd, fi);
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct ops *ops = ops_of(req);
    const struct node *node = ops_open_node(req, ino, fi);
    if (node->id.kind == NODE_ROUTE)
        file_free(ops, ops_file(fi));
    else if (fi->fh == OPS_FH_COUNTED)
        passthrough_close(ops->passthrough, node->id.shown, true);
    fuse_reply_err(req, 0);
}

/* Replies to a create with a new file; takes over @fd and the ref on @node. */
static void reply_created(fuse_req_t req, struct node *node, const struct stat *st, int fd, struct fuse_file_info *fi)
{
    struct ops *ops = ops_of(req);
    struct tree *tree = ops->tree;
    struct ops_file *file = file_new(tree, node, fd);
    bool counted;
    int id = passthrough_open(ops->passthrough, tree, node, fd, fi->flags, &counted);
    int status = check_direct(file, node, fi->flags);
    struct fuse_entry_param entry;
    struct node *number = ops_claim_entry(tree, node, st, &entry);
    fi->fh = (uint64_t)(uintptr_t)file;
    note_open(ops, node, file, fi->flags, id);
    fill_open(fi, node, id);
    if (status < 0)
        ops_reply_status(req, status);
    if (status < 0 || fuse_reply_create(req, &entry, fi) < 0) {
        file_free(ops, file);
        node_forget(tree->table, number, 1);
    }
    node_unref(tree->table, node);
}

/* Opens a file that somebody else made between the kernel's look-up and now. Returns a descriptor or -errno. */
static int open_existing(fuse_req_t req, struct node *dir, const char *name, int flags)
{
    struct tree *tree = ops_of(req)->tree;
    struct node *node;
    struct stat st;
    int status = tree_lookup(tree, dir, name, &node, &st);
    if (status < 0)
        return status;
    /* Anything but a regular file: the kernel looks again and finds what it is. */
    int fd = S_ISREG(st.st_mode) && node->id.kind == NODE_ROUTE ? open_route_file(req, node, flags) : -ESTALE;
    node_unref(tree->table, node);
    return fd;
}

/* Whether a directory has been removed, and lives on with those who stand in it. */
static bool is_removed(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* Makes or opens DIR/NAME, or a file without a name, as the caller. @ret_is_gone: it failed where the directory has been
 * removed. Returns a descriptor or -errno. */
static int create_file(fuse_req_t req, struct node *dir, const char *name, mode_t mode, int flags, bool *ret_is_gone)
{
    struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    bool unnamed = name == NULL;
    struct tree_held held;
    *ret_is_gone = false;
    int status = tree_hold(ops->tree, dir, &held);
    if (status < 0)
        return status;
    int passed = (flags & ~OPEN_NOT_PASSED) | O_CLOEXEC | O_NOFOLLOW;
    if (unnamed)
        passed |= O_TMPFILE | (flags & O_EXCL);
    else
        passed |= O_CREAT | O_EXCL;
    struct assume as;
    int fd = assume_begin(&as, &ops->power, &who, held.fd, (int)fuse_req_ctx(req)->umask, (mode & S_ISGID) != 0);
    if (fd == 0)
        do {
            fd = openat(held.fd, unnamed ? "." : name, passed, mode & 07777);
            if (fd < 0)
                fd = -errno;
        } while (assume_again(&as, fd));
    *ret_is_gone = fd < 0 && is_removed(held.fd);
    tree_let_go(ops->tree, &held);
    if (fd == -EEXIST && !unnamed && !(flags & O_EXCL))
        fd = open_existing(req, dir, name, flags);
    return fd;
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
    struct ops *ops = ops_of(req);
    struct tree *tree = ops->tree;
    struct node *dir = ops_node(req, parent);
    struct assume_credentials who = ops_who(req);
    bool unnamed = strcmp(name, OPS_TMPFILE_NAME) == 0;
    struct change change = CHANGE(unnamed ? DENIAL_TMPFILE : DENIAL_CREATE, dir, unnamed ? NULL : name);
    change.flags = fi->flags;
    change.mode = mode;
    int error = gate_check(&ops->gate, &who, &change);
    if (error != 0) {
        ops_reply_status(req, error);
        return;
    }
    bool is_gone;
    int fd = create_file(req, dir, unnamed ? NULL : name, mode, fi->flags, &is_gone);
    if (fd < 0) {
        /* ext4 says EPERM of it (__ext4_new_inode), but nobody's permission is missing. */
        ops_reply_status(req, is_gone && fd == -EPERM ? fd : gate_failed(&ops->gate, &who, &change, fd));
        return;
    }
    struct node *node;
    struct stat st;
    gate_done(&ops->gate, &who, &change);
    ops_attributes_changed(dir);
    int status = tree_adopt(tree, dir->id.route, fd, unnamed ? NULL : dir, name, &node, &st);
    if (status == 0 && unnamed) {
        int held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        /* An O_PATH descriptor would do, but a file without a name has none to open one by but this. */
        if (held >= 0)
            node_hold(tree->table, node, held);
    }
    if (status < 0) {
        close(fd);
        ops_reply_status(req, status);
        return;
    }
    reply_created(req, node, &st, fd, fi);
}
