/*
 * layers_image - the image's layers, opened for advice_make().
 */
#ifndef ROFUSE_SRC_LAYERS_IMAGE_H
#define ROFUSE_SRC_LAYERS_IMAGE_H

#include "advice_view.h"

struct layers_image {
    struct advice_view view;   /* its image is owned */
    struct advice_image image; /* of the view */
};

/*
 * layers_image_open - looks into layers.
 *
 * @layers: host paths, first = bottom; NULL or empty = they are not known. Returns what advice_make() takes: a part of @ret, which must stay where it is, or NULL where there is nothing to
 * look at; that the layers cannot be opened is a notice. layers_image_close() in any case.
 */
const struct advice_image *layers_image_open(struct layers_image *ret, char *const *layers);
void layers_image_close(struct layers_image *image);

#endif
