#include "xattr_at.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The same number on every architecture that numbers its system calls as new ones are numbered; glibc 2.36 lacks it. */
#if !defined(SYS_listxattrat) && !defined(__alpha__)
#define SYS_listxattrat 465
#endif

struct link {
    char path[sizeof "/proc/thread-self/fd/" + 3 * sizeof(int) + NAME_MAX + 2];
};

static const char *link_path(struct link *link, int dir_fd, const char *name)
{
    snprintf(link->path, sizeof link->path, "/proc/thread-self/fd/%d%s%s", dir_fd, name[0] != '\0' ? "/" : "", name);
    return link->path;
}

static ssize_t list(int dir_fd, const char *name, char *names, size_t size)
{
    struct link link;
    const char *path = link_path(&link, dir_fd, name);
    /* The link in /proc itself has to be followed, a name in the directory not. */
    return name[0] == '\0' ? listxattr(path, names, size) : llistxattr(path, names, size);
}

ssize_t xattr_at_list(int dir_fd, const char *name, char *names, size_t size)
{
    ssize_t length = -1;
    errno = ENOSYS;
#ifdef SYS_listxattrat
    /* It takes no O_PATH descriptor of the file itself. */
    if (name[0] != '\0')
        length = syscall(SYS_listxattrat, dir_fd, name, AT_SYMLINK_NOFOLLOW, names, size);
#endif
    /* EPERM: of a seccomp filter that does not know the call. */
    if (length < 0 && (errno == ENOSYS || errno == EPERM))
        length = list(dir_fd, name, names, size);
    if (length < 0)
        return errno == EOPNOTSUPP ? 0 : -errno;
    return length;
}

ssize_t xattr_at_get(int dir_fd, const char *name, const char *attribute, void *value, size_t size)
{
    struct link link;
    const char *path = link_path(&link, dir_fd, name);
    ssize_t length = name[0] == '\0' ? getxattr(path, attribute, value, size) : lgetxattr(path, attribute, value, size);
    return length < 0 ? -errno : length;
}
