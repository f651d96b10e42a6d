/*
 * image_gc - takes images, and layers that no image needs any more, out of the store.
 */
#ifndef ROFUSE_SRC_IMAGE_GC_H
#define ROFUSE_SRC_IMAGE_GC_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct image_gc {
    unsigned names;  /* that were taken away from images which have others */
    unsigned images; /* that were removed */
    unsigned layers;
    uint64_t size;   /* of the layers' files */
    unsigned in_use; /* images that prune left, as a mount uses them */
};

/*
 * image_gc_remove - removes an image.
 *
 * @word: a name (of several, the image loses this one only), an id or its beginning.
 * FALSE with one line: there is none, or a mount uses it.
 */
gboolean image_gc_remove(const char *store, const char *word, struct image_gc *ret, GError **error);

/* Removes images without a name (@all: all) that no mount uses, layers of no image, and what imports left over. */
gboolean image_gc_prune(const char *store, bool all, struct image_gc *ret, GError **error);

#endif
