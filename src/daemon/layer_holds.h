/*
 * layer_holds - keeps a mount's image and its layers in the store of images for as long as the mount is there.
 */
#ifndef ROFUSE_SRC_LAYER_HOLDS_H
#define ROFUSE_SRC_LAYER_HOLDS_H

#include <glib.h>

/*
 * layer_holds_take - holds an image, and those of some layers that lie in a store (image_store.h); others are nobody's
 * business here.
 *
 * @store: directory of the store. @image_id: NULL = there is none. @layers: absolute paths, NULL-terminated.
 * Owned by the caller, layer_holds_free(), which lets go. NULL with one line where a layer has just been removed.
 */
GArray *layer_holds_take(const char *store, const char *image_id, char *const *layers, GError **error);
void layer_holds_free(GArray *holds); /* NULL is allowed */

#endif
