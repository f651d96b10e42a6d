#include "volume_remove.h"

#include "remove_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Whether nobody has the volume; the lock ends with the descriptor that is returned, or -errno. */
static int lock(int volume_fd)
{
    int fd = openat(volume_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = errno == EWOULDBLOCK ? EBUSY : errno;
    close(fd);
    return -error;
}

static int remove_from(int store_fd, const char *name)
{
    int volume_fd = openat(store_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (volume_fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int lock_fd = lock(volume_fd);
    close(volume_fd);
    if (lock_fd < 0 && lock_fd != -ENOENT)
        return lock_fd;
    int status = remove_tree(store_fd, name);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}

int volume_remove(const char *store, const char *name)
{
    if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL)
        return -EINVAL;
    int store_fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store_fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int status = remove_from(store_fd, name);
    close(store_fd);
    return status;
}
