#include "seed_file.h"

#include "beneath.h"

#include <attr/libattr.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_CHUNK ((size_t)1 << 20)
/* Of what the kernel copies by itself at once; in between it can be given up. */
#define COPY_MOST ((size_t)64 << 20)

static int write_all(int to, const char *data, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(to, data, size, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        size -= (size_t)written;
        offset += written;
    }
    return 0;
}

/* Copies bytes [start, end). A shorter source is an error of the layer, not something to hide. */
static int copy_range(int from, int to, off_t start, off_t end, const struct patience *patience)
{
    while (start < end && !patience_is_over(patience)) {
        off_t in = start, out = start;
        ssize_t copied = copy_file_range(from, &in, to, &out, MIN(COPY_MOST, (size_t)(end - start)), 0);
        if (copied <= 0)
            break; /* another file system or an old kernel: by hand */
        start += copied;
    }
    g_autofree char *buffer = start < end ? g_malloc(COPY_CHUNK) : NULL;
    while (start < end) {
        if (patience_is_over(patience))
            return -ECANCELED;
        ssize_t length = pread(from, buffer, MIN(COPY_CHUNK, (size_t)(end - start)), start);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length < 0 ? -errno : -EIO;
        int status = write_all(to, buffer, (size_t)length, start);
        if (status < 0)
            return status;
        start += length;
    }
    return 0;
}

/* Copies the data and leaves the holes. */
static int copy_data(int from, int to, off_t size, const struct patience *patience)
{
    if (ftruncate(to, size) < 0)
        return -errno;
    for (off_t at = 0; at < size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return 0; /* nothing but a hole up to the end */
        off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
        if (data < 0)
            data = at; /* a file system that knows no holes */
        if (hole < 0 || hole > size)
            hole = size;
        int status = copy_range(from, to, data, hole, patience);
        if (status < 0)
            return status;
        at = hole;
    }
    return 0;
}

static int copy_regular(const struct union_stack *stack, const char *source, const struct union_entry *entry,
                        int dir_fd, const char *name, const struct patience *patience)
{
    int from = union_open_file(stack, source, entry->layers[0], 0);
    if (from < 0)
        return from;
    int to = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int status = to < 0 ? -errno : copy_data(from, to, entry->st.st_size, patience);
    if (to >= 0 && close(to) < 0 && status == 0)
        status = -errno;
    close(from);
    return status;
}

static int copy_symlink(const struct union_stack *stack, const char *source, const struct union_entry *entry,
                        int dir_fd, const char *name)
{
    g_autofree char *target = NULL;
    int status = union_readlink(stack, source, entry->layers[0], &target);
    if (status == 0 && symlinkat(target, dir_fd, name) < 0)
        status = -errno;
    return status;
}

/* Whether a failure to set an attribute is a limit of the file system or of the user, which docker passes over too. */
static bool attribute_may_fail(int error)
{
    return error == EOPNOTSUPP || error == EPERM || error == EACCES;
}

static int copy_xattrs(const struct union_stack *stack, const char *source, uint16_t layer, const char *to)
{
    ssize_t size = union_listxattr(stack, source, layer, NULL, 0);
    if (size <= 0)
        return size == -EOPNOTSUPP ? 0 : (int)size;
    g_autofree char *names = g_malloc((size_t)size);
    size = union_listxattr(stack, source, layer, names, (size_t)size);
    g_autofree char *value = g_malloc(XATTR_SIZE_MAX);
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
        /* libattr's list: attributes that mean something on the one file system only are not copied. */
        if (attr_copy_action(name, NULL) == ATTR_ACTION_SKIP)
            continue;
        ssize_t length = union_getxattr(stack, source, layer, name, value, XATTR_SIZE_MAX);
        if (length < 0)
            return (int)length;
        if (setxattr(to, name, value, (size_t)length, 0) < 0 && !attribute_may_fail(errno))
            return -errno;
    }
    return size < 0 ? (int)size : 0;
}

int seed_attributes(const struct union_stack *stack, const char *source, const struct union_entry *entry, int fd)
{
    struct beneath_link link;
    const char *path = beneath_link_path(&link, fd);
    mode_t mode = entry->st.st_mode & 07777;
    /* The owner first, as chown takes set-user-ID bits and capabilities away. EINVAL: not mapped in our user namespace. */
    if (fchownat(fd, "", entry->st.st_uid, entry->st.st_gid, AT_EMPTY_PATH) < 0) {
        if (errno != EPERM && errno != EINVAL)
            return -errno;
        mode &= ~(mode_t)(S_ISUID | S_ISGID);
    }
    if (!S_ISLNK(entry->st.st_mode) && chmod(path, mode) < 0)
        return -errno;
    int status = entry->has_xattrs ? copy_xattrs(stack, source, entry->layers[0], path) : 0;
    const struct timespec times[2] = {entry->st.st_atim, entry->st.st_mtim};
    if (status == 0 && utimensat(AT_FDCWD, path, times, 0) < 0)
        status = -errno;
    return status;
}

int seed_file(const struct union_stack *stack, const char *source, const struct union_entry *entry, int dir_fd,
              const char *name, const struct patience *patience)
{
    int status;
    if (S_ISREG(entry->st.st_mode)) {
        status = copy_regular(stack, source, entry, dir_fd, name, patience);
    } else if (S_ISLNK(entry->st.st_mode)) {
        status = copy_symlink(stack, source, entry, dir_fd, name);
    } else {
        status = mknodat(dir_fd, name, (entry->st.st_mode & S_IFMT) | 0600, entry->st.st_rdev) < 0 ? -errno : 0;
        if (status == -EPERM && (S_ISCHR(entry->st.st_mode) || S_ISBLK(entry->st.st_mode)))
            return 0;
    }
    if (status < 0)
        return status;
    int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    status = seed_attributes(stack, source, entry, fd);
    close(fd);
    return status;
}
