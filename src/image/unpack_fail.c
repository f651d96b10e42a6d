#include "unpack_fail.h"

#include "app_error.h"

#include <errno.h>
#include <stdbool.h>

gboolean unpack_fail_errno(GError **error, const char *what, int code)
{
    bool is_full = code == ENOSPC || code == EDQUOT;
    return app_error_failed(error, "%s: %s%s", what, g_strerror(code), is_full ? UNPACK_FULL_HINT : "");
}
