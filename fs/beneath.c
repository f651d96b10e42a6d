#include "beneath.h"

#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *beneath_link_path(struct beneath_link *link, int fd)
{
    snprintf(link->path, sizeof link->path, "/proc/thread-self/fd/%d", fd);
    return link->path;
}

int beneath_reopen(int fd, int flags)
{
    struct beneath_link link;
    int opened = open(beneath_link_path(&link, fd), (flags & ~O_NOFOLLOW) | O_CLOEXEC);
    return opened >= 0 ? opened : -errno;
}

static int openat2_beneath(int root_fd, const char *path, int flags, bool same_mount)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };
    if (same_mount)
        how.resolve |= RESOLVE_NO_XDEV;
    int fd;
    do {
        /* -EAGAIN: a rename or mount somewhere in the system made the kernel unsure about RESOLVE_BENEATH. */
        fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return fd >= 0 ? fd : -errno;
}

static bool openat2_works(int root_fd)
{
    int fd = openat2_beneath(root_fd, ".", O_PATH, false);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool crosses_mount(int from_fd, int to_fd)
{
    struct statx from, to;
    /* Mount ids came with Linux 5.8; a kernel without openat2 is older still, so devices have to do there. */
    if (statx(from_fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &from) < 0 ||
        statx(to_fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &to) < 0)
        return true;
    if (from.stx_mask & to.stx_mask & STATX_MNT_ID)
        return from.stx_mnt_id != to.stx_mnt_id;
    return from.stx_dev_major != to.stx_dev_major || from.stx_dev_minor != to.stx_dev_minor;
}

static int walk_beneath(int root_fd, const char *path, int flags, bool same_mount)
{
    int at = root_fd, fd;
    const char *rest = path, *start;
    size_t length = path_next(&rest, &start);
    for (;;) {
        char name[NAME_MAX + 1];
        if (length > NAME_MAX) {
            fd = -ENAMETOOLONG;
            break;
        }
        memcpy(name, start, length);
        name[length] = '\0';
        if (!path_is_name(name)) {
            fd = -EXDEV; /* what openat2 says of ".." out of the root */
            break;
        }
        const char *next;
        size_t next_length = path_next(&rest, &next);
        bool last = next_length == 0;
        fd = openat(at, name, (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            fd = -errno;
        else if (same_mount && crosses_mount(at, fd)) {
            close(fd);
            fd = -EXDEV;
        }
        if (fd < 0 || last)
            break;
        if (at != root_fd)
            close(at);
        at = fd;
        start = next;
        length = next_length;
    }
    if (at != root_fd)
        close(at);
    return fd;
}

static int open_short(int root_fd, const char *path, int flags, bool same_mount)
{
    int fd = openat2_beneath(root_fd, path, flags, same_mount);
    if (fd == -ENOSYS || (fd == -EPERM && !openat2_works(root_fd)))
        fd = walk_beneath(root_fd, path, flags, same_mount);
    return fd;
}

int beneath_open(int root_fd, const char *path, int flags, bool same_mount)
{
    if (path[0] == '\0') {
        if (flags & O_PATH) {
            int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
            return fd >= 0 ? fd : -errno;
        }
        return beneath_reopen(root_fd, flags);
    }
    size_t length = strlen(path);
    int at = root_fd;
    while (length >= PATH_MAX) {
        const char *cut = memrchr(path, '/', PATH_MAX - 1);
        if (cut == NULL)
            break; /* one name of more than 255 bytes: the kernel will say so */
        g_autofree char *piece = g_strndup(path, (size_t)(cut - path));
        int next = open_short(at, piece, O_PATH | O_DIRECTORY, same_mount);
        if (at != root_fd)
            close(at);
        if (next < 0)
            return next;
        at = next;
        length -= (size_t)(cut + 1 - path);
        path = cut + 1;
    }
    int fd = open_short(at, path, flags, same_mount);
    if (at != root_fd)
        close(at);
    return fd;
}
