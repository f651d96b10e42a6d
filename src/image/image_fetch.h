/*
 * image_fetch - brings the layers of an image that the store lacks into it, several at once.
 */
#ifndef ROFUSE_SRC_IMAGE_FETCH_H
#define ROFUSE_SRC_IMAGE_FETCH_H

#include "image_plan.h"

#include <glib.h>

/*
 * image_fetch - unpacks what is missing; when it returns TRUE all layers are in the store, and held.
 *
 * @holds: gets a descriptor (int) for each layer, to close; those that are in it on FALSE too.
 * Starts as many processes as there are processors, four at most. A layer that another process unpacks at this moment
 * is waited for. FALSE with one line that names the image, the layer and the entry; nothing is left of what was begun.
 */
gboolean image_fetch(const char *store, const struct image_plan *plan, GArray *holds, GError **error);

#endif
