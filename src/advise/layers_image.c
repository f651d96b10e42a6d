#include "layers_image.h"

#include "app_error.h"

#include <glib.h>

/* Without the image the advice is less sure, and is given all the same. */
const struct advice_image *layers_image_open(struct layers_image *ret, char *const *layers)
{
    guint n = layers != NULL ? g_strv_length((char **)layers) : 0;
    g_autofree char *why = NULL;
    *ret = (struct layers_image){0};
    if (n == 0)
        return NULL;
    int status = image_view_open((const char *const *)layers, n, &ret->view.view, &why);
    if (status < 0) {
        app_notice("the image cannot be looked at, so the advice is less sure: %s",
                   why != NULL ? why : g_strerror(-status));
        return NULL;
    }
    ret->image = advice_view_image(&ret->view);
    return &ret->image;
}

void layers_image_close(struct layers_image *image)
{
    image_view_free(image->view.view);
}
