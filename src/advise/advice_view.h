/*
 * advice_view - what an image's layers say to advice_make().
 */
#ifndef ROFUSE_SRC_ADVICE_VIEW_H
#define ROFUSE_SRC_ADVICE_VIEW_H

#include "advice.h"
#include "image_view.h"

#include <jansson.h>

struct advice_view {
    struct image_view *view; /* borrowed */
    const json_t *learned;   /* what learn mode let through, rofuse.learn/1; borrowed; NULL = nothing */
};

/* @view must outlive what is returned. */
struct advice_image advice_view_image(struct advice_view *view);

#endif
