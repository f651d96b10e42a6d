/*
 * volume - the store of volumes: STORE/NAME/_data, as docker's.
 *
 * A new and empty volume is filled beside its place, in STORE/NAME/_data.filling, and put there by a rename, so that a
 * fill that was interrupted leaves an empty volume behind and never half of the image's content. STORE/NAME/lock is held
 * shared by every mount that uses the volume and exclusively by the one that fills it. One thread at a time.
 */
#ifndef ROFUSE_FS_VOLUME_H
#define ROFUSE_FS_VOLUME_H

#include "backing.h"

/*
 * volume_open - opens a volume, makes it if it is not there, fills it where the spec says so.
 *
 * @spec:     source NULL: an anonymous volume is made, and its name (64 hexadecimal digits) set here.
 * @store:    absolute host path; made if missing.
 * @image:    the image's content at the target.
 * @ret_lock: holds the volume as used; owned by the caller.
 * @ret_why:  on failure what went wrong and the mend, without the route's name; owned, g_free().
 *
 * Returns an O_PATH descriptor of the data (of the subpath, where one is given), owned by the caller, or -errno.
 */
int volume_open(struct route_spec *spec, const char *store, const struct backing_image *image, int *ret_lock,
                char **ret_why);

#endif
