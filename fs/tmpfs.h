/*
 * tmpfs - a tmpfs of the kernel's that no name space shows.
 *
 * It is made with fsopen(2) and fsmount(2) and never attached anywhere, so that it is gone with the last descriptor,
 * whatever ended the daemon, and size and nr_inodes are the kernel's business. Set-up only, one thread.
 */
#ifndef ROFUSE_FS_TMPFS_H
#define ROFUSE_FS_TMPFS_H

#include "route.h"

/*
 * tmpfs_new - an empty tmpfs with the size, nr_inodes, mode, uid and gid of a spec.
 *
 * An ordinary user gets it from a user namespace of a short-lived child, in which nobody but he himself exists.
 *
 * @ret_why: on failure what went wrong and the mend, without the route's name; owned, g_free().
 *
 * Returns a descriptor of its root, owned by the caller, or -errno.
 */
int tmpfs_new(const struct route_spec *spec, char **ret_why);

#endif
