/*
 * seed - the first copy of image content, into a new volume or a tmpcopyup tmpfs.
 *
 * Keeps what docker keeps: owner, mode, times, extended attributes, ACLs, hard links, holes, devices, fifos, sockets.
 * An ordinary user gets what he may have: his own files, without set-user-ID bits and without devices.
 */
#ifndef ROFUSE_FS_SEED_H
#define ROFUSE_FS_SEED_H

#include "backing.h"

/*
 * seed_fill - copies a directory of the image, its own attributes included, into an empty directory.
 *
 * @image:   the directory; is_dir must hold.
 * @dir_fd:  an empty directory that nobody else writes to; readable descriptor or O_PATH.
 * @ret_path: on failure the path below the directory at which it failed ("" = the directory); owned, g_free().
 *
 * Returns 0 or -errno (-ECANCELED: the image's patience was over); what was copied so far stays, for the caller to remove. Any thread.
 */
int seed_fill(const struct backing_image *image, int dir_fd, char **ret_path);

#endif
