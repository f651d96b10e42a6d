/*
 * unmount - takes a mount point out of the tree, by the kernel or, where that is not ours to do, by fusermount3.
 */
#ifndef ROFUSE_SRC_UNMOUNT_H
#define ROFUSE_SRC_UNMOUNT_H

#include <stdbool.h>

/*
 * unmount_point - unmounts what is on top at a mount point; symbolic links at its end are not followed.
 *
 * @lazy: detach now, whoever uses it (umount2(2) MNT_DETACH), everything mounted below too.
 * Returns 0, -EBUSY, or another -errno (-EPERM where fusermount3 refused or is missing). One thread only.
 */
int unmount_point(const char *point, bool lazy);

#endif
