#include "image_json.h"

#include "app_error.h"
#include "text.h"

#include <stdarg.h>

gboolean image_json_fail(GError **error, const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = text_word(what);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s: %s", shown, why);
    return FALSE;
}

json_t *image_json_parse(const char *text, size_t size, const char *what, GError **error)
{
    json_error_t why;
    if (size > IMAGE_JSON_MAX) {
        image_json_fail(error, what, "is larger than %zu MiB; that is no image", IMAGE_JSON_MAX >> 20);
        return NULL;
    }
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL) {
        g_autofree char *shown = text_escape(why.text);
        image_json_fail(error, what, "line %d column %d: %s; it is to be JSON", why.line, why.column, shown);
    }
    return json;
}

static gboolean get(const json_t *object, const char *key, const char *what, json_type type, const char *type_name,
                    json_t **ret, GError **error)
{
    json_t *value = json_object_get(object, key);
    *ret = NULL;
    if (value == NULL || json_is_null(value))
        return TRUE;
    if (json_typeof(value) != type)
        return image_json_fail(error, what, "\"%s\" is not %s", key, type_name);
    *ret = value;
    return TRUE;
}

gboolean image_json_string(const json_t *object, const char *key, const char *what, const char **ret, GError **error)
{
    json_t *value;
    if (!get(object, key, what, JSON_STRING, "a string", &value, error))
        return FALSE;
    *ret = json_string_value(value);
    return TRUE;
}

gboolean image_json_array(const json_t *object, const char *key, const char *what, json_t **ret, GError **error)
{
    return get(object, key, what, JSON_ARRAY, "a list", ret, error);
}

gboolean image_json_object(const json_t *object, const char *key, const char *what, json_t **ret, GError **error)
{
    return get(object, key, what, JSON_OBJECT, "an object", ret, error);
}

gboolean image_json_strings(const json_t *object, const char *key, const char *what, gboolean allow_string, char ***ret,
                            GError **error)
{
    const json_t *value = json_object_get(object, key);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    if (allow_string && json_is_string(value)) {
        g_ptr_array_add(list, g_strdup(json_string_value(value)));
    } else if (value != NULL && !json_is_null(value)) {
        if (!json_is_array(value))
            return image_json_fail(error, what, "\"%s\" is not a list of strings", key);
        for (size_t i = 0; i < json_array_size(value); i++) {
            const json_t *item = json_array_get(value, i);
            if (!json_is_string(item))
                return image_json_fail(error, what, "\"%s\": item %zu is not a string", key, i + 1);
            g_ptr_array_add(list, g_strdup(json_string_value(item)));
        }
    }
    g_ptr_array_add(list, NULL);
    *ret = (char **)g_ptr_array_steal(list, NULL);
    return TRUE;
}
