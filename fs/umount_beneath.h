/*
 * umount_beneath - unmounts what is mounted at a place inside a mount, and nothing outside of it.
 *
 * umount2(2) follows the symbolic links that lie on the way, and whoever may write in a route can put one there. So the
 * way is gone with beneath_open(), which follows none.
 */
#ifndef ROFUSE_FS_UMOUNT_BENEATH_H
#define ROFUSE_FS_UMOUNT_BENEATH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * umount_beneath - unmounts the mount on top at MOUNTPOINT/PLACE, and before it what is mounted below it (a bind's source
 * may have mounts of its own), as far as nobody uses that.
 *
 * @mountpoint: absolute.
 * @place:      path below it, with or without a leading slash; not the mount point itself.
 * @mount_id:   only the mount with this id (statx(2), STATX_MNT_ID); 0 = whatever is mounted there.
 * @lazy:       detach now, whoever uses it (MNT_DETACH), everything mounted below it too.
 *
 * Returns 0; -EINVAL where no mount, or another one, is there; -EBUSY; or another -errno (of the way, too). May wait for
 * the daemon of the mount where the kernel has forgotten what lies on the way. Any thread.
 */
int umount_beneath(const char *mountpoint, const char *place, uint64_t mount_id, bool lazy);

#endif
