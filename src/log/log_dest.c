#include "log_dest.h"

#include "app_error.h"
#include "paths.h"
#include "text.h"

#include <string.h>

gboolean log_dest_parse(const char *value, const char *format, struct log_dest *ret, GError **error)
{
    struct log_dest dest = {0};
    if (strcmp(value, "-") == 0) {
        dest.kind = LOG_STDERR;
    } else if (strcmp(value, "journald") == 0) {
        dest.kind = LOG_JOURNALD;
    } else if (g_str_has_prefix(value, "file:") && value[5] != '\0') {
        dest.kind = LOG_FILE;
        g_autoptr(GError) cause = NULL;
        dest.path = paths_absolute(value + 5, &cause);
        if (dest.path == NULL) {
            g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "--log: %s", cause->message);
            return FALSE;
        }
    } else {
        g_autofree char *shown = text_escape(value);
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "--log: \"%s\" is no destination; write -, file:PATH or journald", shown);
        return FALSE;
    }
    if (format == NULL || !log_format_parse("--log-format", format, &dest.format, NULL))
        dest.format = dest.kind == LOG_STDERR ? LOG_TEXT : LOG_JSON;
    *ret = dest;
    return TRUE;
}

void log_dest_clear(struct log_dest *dest)
{
    g_clear_pointer(&dest->path, g_free);
}

char *log_dest_text(const struct log_dest *dest)
{
    switch (dest->kind) {
    case LOG_STDERR:
        return g_strdup("-");
    case LOG_JOURNALD:
        return g_strdup("journald");
    default:
        return g_strconcat("file:", dest->path, NULL);
    }
}

static const char *const format_names[LOG_N_FORMATS] = {
    [LOG_TEXT] = "text", [LOG_JSON] = "json", [LOG_ECS] = "ecs", [LOG_OCSF] = "ocsf", [LOG_FALCO] = "falco"};

const char *log_format_name(enum log_format format)
{
    return format_names[format];
}

gboolean log_format_parse(const char *option, const char *name, enum log_format *ret, GError **error)
{
    for (int i = 0; i < LOG_N_FORMATS; i++) {
        if (strcmp(name, format_names[i]) == 0) {
            *ret = (enum log_format)i;
            return TRUE;
        }
    }
    g_autofree char *shown = text_escape(name);
    return app_error_usage(error, "%s: \"%s\" is no format; write json, text, ecs, ocsf or falco", option, shown);
}
