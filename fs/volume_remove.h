/*
 * volume_remove - takes a volume and all that is in it out of the store (volume.h).
 */
#ifndef ROFUSE_FS_VOLUME_REMOVE_H
#define ROFUSE_FS_VOLUME_REMOVE_H

/*
 * volume_remove - removes STORE/NAME.
 *
 * Returns 0, also where there is none, or -errno: -EBUSY while a mount has it (its lock is held), -EINVAL for what is no
 * name. Any thread.
 */
int volume_remove(const char *store, const char *name);

#endif
