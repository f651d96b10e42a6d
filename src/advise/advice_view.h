/*
 * advice_view - what an image's layers say to advice_make().
 */
#ifndef ROFUSE_SRC_ADVICE_VIEW_H
#define ROFUSE_SRC_ADVICE_VIEW_H

#include "advice.h"
#include "image_view.h"

struct advice_view {
    struct image_view *view; /* borrowed */
};

/* @view must outlive what is returned. */
struct advice_image advice_view_image(struct advice_view *view);

#endif
