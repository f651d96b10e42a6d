/*
 * beneath - opens what lies below a root descriptor and nothing else.
 *
 * Every file that the daemon opens in a layer or a backing directory goes through here: openat2(2) with
 * RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS and RESOLVE_NO_SYMLINKS, or, where openat2 is missing (before Linux 5.6) or
 * forbidden by a seccomp filter, a walk of our own, one component at a time with O_NOFOLLOW. Symbolic links are the
 * business of the kernel inside the mount, never the daemon's.
 */
#ifndef ROFUSE_FS_BENEATH_H
#define ROFUSE_FS_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * beneath_open - opens a path below a root.
 *
 * @root_fd:   O_PATH (or other) descriptor of a directory; of any file when path is "".
 * @path:      as in path.h; of any length, longer ones than PATH_MAX are walked in pieces.
 * @flags:     as for open(2); O_CLOEXEC and O_NOFOLLOW are added. O_CREAT is not for here.
 * @same_mount: refuse to cross into a mount below the root (-EXDEV).
 *
 * Returns a descriptor owned by the caller, or -errno (-ELOOP where a symbolic link stands in the way). Any thread.
 */
int beneath_open(int root_fd, const char *path, int flags, bool same_mount);

/*
 * beneath_reopen - opens a file for which an O_PATH descriptor is at hand, whatever its name is by now.
 *
 * Goes through /proc/thread-self/fd (a thread can have descriptors of its own: session_view.c), so permissions are checked for the calling thread's fsuid. The type should have been
 * looked at before: this would open a device. Returns a descriptor owned by the caller, or -errno.
 */
int beneath_reopen(int fd, int flags);

/* Room for "/proc/thread-self/fd/N", for the calls that take only a path (getxattr, utimensat, …) of an O_PATH descriptor. */
struct beneath_link {
    char path[32];
};

/* Fills and returns @link's path. */
const char *beneath_link_path(struct beneath_link *link, int fd);

#endif
