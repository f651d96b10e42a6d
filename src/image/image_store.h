/*
 * image_store - where unpacked layers and what is known of images lie, for all mounts of a user.
 *
 *   STORE/layers/sha256/HEX/tree       a layer, by the sha256 of its tar (DiffID); never changed
 *   STORE/layers/sha256/HEX/layer.json its sizes
 *   STORE/images/HEX/config.json       an image's configuration, whose sha256 is HEX, byte by byte
 *   STORE/images/HEX/image.json        its names, and how it lies on its layers (image_record.h)
 *   STORE/tmp/NAME                     what is being made; flock(2)ed by who makes it; left over when nobody holds it
 *   STORE/locks/HEX                    flock(2)ed by who unpacks that layer
 *   STORE/lock                         flock(2)ed for a moment, by who changes images or looks for what is left over
 *
 * All of it is 0700: set-uid programs and device nodes of images are within nobody's reach. What is in use is held by a
 * shared flock(2) on the directory of the layer or the image, and is removed by who gets the exclusive one.
 */
#ifndef ROFUSE_SRC_IMAGE_STORE_H
#define ROFUSE_SRC_IMAGE_STORE_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes the directories. FALSE with one line. */
gboolean image_store_make(const char *store, GError **error);

/* The lock of the whole; a descriptor to close; -1 with one line. */
int image_store_lock(const char *store, GError **error);

/* The lock of who unpacks a layer; -1 with one line, or, where it is taken and @wait is false, -1 without. */
int image_store_lock_layer(const char *store, const char *diff_id, bool wait, GError **error);

/* An unnamed file; -1 with one line. Makes the store. */
int image_store_unnamed(const char *store, GError **error);

/* Owned by the caller. */
char *image_store_layer_dir(const char *store, const char *diff_id);  /* STORE/layers/sha256/HEX */
char *image_store_layer_tree(const char *store, const char *diff_id); /* …/tree */
char *image_store_image_dir(const char *store, const char *id);       /* STORE/images/HEX */

/* Keeps a directory of the two above from being removed; a descriptor to close; -1 where it is not there. */
int image_store_hold(const char *directory);

/* Takes a directory away: 1 done, 0 it is held, -1 with one line. With the store's lock. */
int image_store_remove(const char *store, const char *directory, GError **error);

/* Sizes of a layer; false where it is not there. */
bool image_store_layer_size(const char *store, const char *diff_id, uint64_t *ret_size, uint64_t *ret_entries);

/* Something that is being made below STORE/tmp. */
struct image_tmp {
    char *path; /* owned */
    int fd;     /* of the directory, locked; owned */
};

/* A new directory, after what others have left over was removed. FALSE with one line. */
gboolean image_tmp_make(const char *store, struct image_tmp *ret, GError **error);

/* Gives it its place for good, unless there is one already; either way the place is held (image_store_hold()). What has
 * its place is whole even after a loss of power. Takes the store's lock. A descriptor to close; -1 with one line. */
int image_tmp_keep(const char *store, struct image_tmp *tmp, const char *place, GError **error);

/* Removes it unless it was kept; safe on one that is cleared. */
void image_tmp_clear(struct image_tmp *tmp);

/* Writes FILE in a directory, by a rename. FALSE with one line. */
gboolean image_store_write(const char *directory, const char *file, const char *text, size_t size, GError **error);
gboolean image_store_write_json(const char *directory, const char *file, json_t *json, GError **error);

/* Removes what is left over in STORE/tmp. With the store's lock. */
void image_store_clean(const char *store);

#endif
