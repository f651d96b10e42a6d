#include "learn_size.h"

#include "app_error.h"
#include "quantity.h"
#include "text.h"

gboolean learn_size_read(const char *option, const char *text, struct tmpfs_size *ret, GError **error)
{
    struct tmpfs_size size;
    if (quantity_size(text, &size.bytes, &size.percent) && (size.bytes > 0 || size.percent > 0)) {
        *ret = size;
        return TRUE;
    }
    g_autofree char *shown = text_escape(text);
    return app_error_usage(error, "%s: \"%s\" is no size for the throw-away layer; %s", option, shown,
                           QUANTITY_SIZE_HINT);
}
