/*
 * tar_index - where the members of a plain tar file lie in it, so that they can be read in place.
 *
 * For the archives that images come in (docker save, oci-archive): a few hundred files with short names. Reads ustar,
 * GNU long names and pax (POSIX.1-2017, pax); of pax the records "path", "linkpath" and "size". Everything is bounded, and nothing
 * but the index is made from what is read.
 */
#ifndef ROFUSE_SRC_TAR_INDEX_H
#define ROFUSE_SRC_TAR_INDEX_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct tar_index;

struct tar_member {
    uint64_t offset, size; /* of the content; a link's size is 0 */
};

/*
 * tar_index_read - reads the headers of a tar file; the content is skipped.
 *
 * @fd: a regular file, read with pread(2) from its beginning. @what: its name for the error line.
 * Owned by the caller, tar_index_free(). NULL with one line. One thread.
 */
struct tar_index *tar_index_read(int fd, const char *what, GError **error);
void tar_index_free(struct tar_index *index); /* NULL is allowed */

/* A regular file of that name ("./" and doubled slashes set aside; the last of several). Symbolic and hard links to a
 * file of the archive are followed, as old docker archives have them. False where there is none. */
bool tar_index_find(const struct tar_index *index, const char *path, struct tar_member *ret);

#endif
