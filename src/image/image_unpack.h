/*
 * image_unpack - unpacks a layer's blob into a directory, in a process of its own (image_child.h).
 *
 * Whiteouts stay the files that they are in the tar. An entry that no layer may have ends it with a line that names
 * the entry; so does a blob or a tar that has not the digest that it should have, when all is read.
 */
#ifndef ROFUSE_SRC_IMAGE_UNPACK_H
#define ROFUSE_SRC_IMAGE_UNPACK_H

#include "image_child.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct image_unpack {
    uint64_t offset, size; /* where the blob lies in the file */
    const char *digest;    /* of the blob; NULL = not known; valid as the next */
    const char *diff_id;   /* of the tar; NULL: is not compared (fuzzing) */
};

/* Starts it; @fd: the file, @dir_fd: the empty directory; both borrowed. As image_child_start(). */
gboolean image_unpack_start(struct image_child *child, int fd, int dir_fd, const struct image_unpack *unpack,
                            GError **error);

/* The work itself, without a process: what IMAGE_CHILD_INPUT would be is @fd. For the child and for tests; changes the
 * working directory. */
gboolean image_unpack_here(int fd, int dir_fd, bool can_own, const struct image_unpack *unpack,
                           struct image_result *result, GError **error);

#endif
