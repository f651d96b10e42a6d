/*
 * advice_view - what an image's layers say to advice_make().
 */
#ifndef ROFUSE_SRC_ADVICE_VIEW_H
#define ROFUSE_SRC_ADVICE_VIEW_H

#include "advice.h"
#include "image_view.h"

/* The view is borrowed and must outlive what is returned. */
struct advice_image advice_view_image(struct image_view *view);

#endif
