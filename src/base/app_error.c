#include "app_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
G_DEFINE_QUARK(rofuse-app-error, app_error)
/* clang-format on */

/* One fprintf, so that lines of several processes on one terminal do not mix. */
static void print_line(const char *message)
{
    fprintf(stderr, "rofuse: %s\n", message);
    fflush(stderr);
}

gboolean app_error_failed(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(APP_ERROR, APP_ERROR_FAILED, format, arguments));
    va_end(arguments);
    return FALSE;
}

gboolean app_error_usage(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(APP_ERROR, APP_ERROR_USAGE, format, arguments));
    va_end(arguments);
    return FALSE;
}

int app_error_print(GError *error)
{
    int status = error->domain == APP_ERROR ? error->code : APP_ERROR_USAGE;
    /* A message of GOption can carry what the person typed, a newline too: one line it stays. */
    for (char *c = strpbrk(error->message, "\n\r"); c != NULL; c = strpbrk(c, "\n\r"))
        *c = ' ';
    print_line(error->message);
    g_error_free(error);
    return status;
}

void app_notice(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_line(message);
}
