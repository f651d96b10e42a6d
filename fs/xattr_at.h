/*
 * xattr_at - extended attributes of a name in an open directory.
 *
 * One system call where the kernel has listxattrat(2) and getxattrat(2) (Linux 6.13), else by way of /proc/self/fd. The
 * name is one component and is not followed where it is a symbolic link. "" means the open file itself, O_PATH or not.
 */
#ifndef ROFUSE_FS_XATTR_AT_H
#define ROFUSE_FS_XATTR_AT_H

#include <stddef.h>
#include <sys/types.h>

/* All names, NUL after NUL. Returns the length, 0 where the file system has no attributes, or -errno (-ERANGE). */
ssize_t xattr_at_list(int dir_fd, const char *name, char *names, size_t size);

/* Returns the length or -errno. */
ssize_t xattr_at_get(int dir_fd, const char *name, const char *attribute, void *value, size_t size);

#endif
