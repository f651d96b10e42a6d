#include "layer_holds.h"

#include "app_error.h"
#include "image_store.h"
#include "text.h"

#include <string.h>
#include <unistd.h>

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* @what: for the line. */
static gboolean hold(GArray *holds, const char *directory, const char *what, GError **error)
{
    int fd = image_store_hold(directory);
    if (fd >= 0) {
        g_array_append_val(holds, fd);
        return TRUE;
    }
    g_autofree char *shown = text_word(what);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "%s has just been removed from the store of images; import the image again", shown);
    return FALSE;
}

GArray *layer_holds_take(const char *store, const char *image_id, char *const *layers, GError **error)
{
    GArray *holds = g_array_new(FALSE, FALSE, sizeof(int));
    g_autofree char *image = image_id != NULL ? image_store_image_dir(store, image_id) : NULL;
    gboolean done = image == NULL || hold(holds, image, image_id, error);
    for (char *const *layer = layers; done && *layer != NULL; layer++) {
        if (!is_below(*layer, store))
            continue;
        g_autofree char *directory = g_path_get_dirname(*layer);
        done = hold(holds, directory, *layer, error);
    }
    if (!done)
        g_clear_pointer(&holds, layer_holds_free);
    return holds;
}

void layer_holds_free(GArray *holds)
{
    for (guint i = 0; holds != NULL && i < holds->len; i++)
        close(g_array_index(holds, int, i));
    if (holds != NULL)
        g_array_unref(holds);
}
