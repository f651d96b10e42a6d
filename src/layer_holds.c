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

GArray *layer_holds_take(const char *store, char *const *layers, GError **error)
{
    GArray *holds = g_array_new(FALSE, FALSE, sizeof(int));
    for (char *const *layer = layers; *layer != NULL; layer++) {
        if (!is_below(*layer, store))
            continue;
        g_autofree char *directory = g_path_get_dirname(*layer);
        int fd = image_store_hold(directory);
        if (fd < 0) {
            g_autofree char *shown = text_word(*layer);
            g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                        "the layer %s has just been removed from the store; import its image again", shown);
            layer_holds_free(holds);
            return NULL;
        }
        g_array_append_val(holds, fd);
    }
    return holds;
}

void layer_holds_free(GArray *holds)
{
    for (guint i = 0; holds != NULL && i < holds->len; i++)
        close(g_array_index(holds, int, i));
    if (holds != NULL)
        g_array_unref(holds);
}
