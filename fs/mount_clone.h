/*
 * mount_clone - a directory or file of the host through a mount of our own.
 *
 * A clone of the mount (open_tree(2), OPEN_TREE_CLONE) can be made nodev and read-only without touching the host's, so
 * that the kernel itself refuses what rofuse should refuse. Where the privilege is missing, what is opened is the host's.
 * Any thread.
 */
#ifndef ROFUSE_FS_MOUNT_CLONE_H
#define ROFUSE_FS_MOUNT_CLONE_H

#include <stdbool.h>

/*
 * mount_clone - opens PATH (symbolic links followed) below @dir_fd, or @dir_fd itself where it is "".
 *
 * What is mounted below it is there too, as in a bind of docker's.
 *
 * @ret_own: whether it is a mount of our own.
 *
 * Returns an O_PATH descriptor, owned by the caller, or -errno.
 */
int mount_clone(int dir_fd, const char *path, bool read_only, bool *ret_own);

#endif
