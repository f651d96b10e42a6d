#include "mount_clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <unistd.h>

int mount_clone(int dir_fd, const char *path, bool read_only, bool *ret_own)
{
    int fd = open_tree(dir_fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
    *ret_own = fd >= 0;
    if (fd >= 0) {
        struct mount_attr attr = {
            .attr_set = MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0),
            .propagation = MS_PRIVATE,
        };
        /* Refused only where a user namespace locks an attribute; the gate refuses writes all the same. */
        (void)mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr);
        return fd;
    }
    if (path[0] == '\0')
        fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    else
        fd = openat(dir_fd, path, O_PATH | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}
