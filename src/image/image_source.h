/*
 * image_source - the files that an image comes in: an OCI layout's directory, or an archive that is read in place.
 *
 * An archive that is compressed as a whole is unpacked once, to an unnamed file in the store.
 */
#ifndef ROFUSE_SRC_IMAGE_SOURCE_H
#define ROFUSE_SRC_IMAGE_SOURCE_H

#include "image_ref.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_source;

/* Part of a file. */
struct image_region {
    int fd; /* for reading with pread(2); owned by whoever got the region */
    uint64_t offset, size;
};

/*
 * image_source_open - opens what a reference names; for all kinds but IMAGE_DIRECTORY and IMAGE_STORED.
 *
 * @store: the directory of the store, for a compressed archive; must exist only then.
 * Owned by the caller, image_source_free(). NULL with one line. May start a process; one thread.
 */
struct image_source *image_source_open(const struct image_ref *ref, const char *store, GError **error);
void image_source_free(struct image_source *source); /* NULL is allowed */

/* "PATH" of a file inside, as an error line shows it; owned by the caller. */
char *image_source_name(const struct image_source *source, const char *path);

/* Whether there is such a file. */
bool image_source_has(const struct image_source *source, const char *path);

/* Where a file lies; FALSE with one line. */
gboolean image_source_find(const struct image_source *source, const char *path, struct image_region *ret,
                           GError **error);

/* A small file as a whole (IMAGE_JSON_MAX at most), with a NUL behind; owned by the caller; NULL with one line. */
char *image_source_read(const struct image_source *source, const char *path, size_t *ret_size, GError **error);

/* The same for a blob, whose digest (a valid one) is checked; @size: what was said of it, or -1. */
char *image_source_read_blob(const struct image_source *source, const char *digest, int64_t size, size_t *ret_size,
                             GError **error);

#endif
