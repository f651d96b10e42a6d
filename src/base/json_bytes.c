#include "json_bytes.h"

#include "text.h"

#include <glib.h>
#include <string.h>

static json_t *encode(const char *bytes)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)bytes, strlen(bytes));
    return json_string(base64);
}

void json_bytes_set(json_t *object, const char *key, const char *bytes)
{
    if (bytes == NULL) {
        json_object_set_new(object, key, json_null());
        return;
    }
    g_autofree char *repaired = text_repair(bytes);
    json_object_set_new(object, key, json_string(repaired != NULL ? repaired : bytes));
    if (repaired != NULL) {
        g_autofree char *bytes_key = g_strconcat(key, "_bytes", NULL);
        json_object_set_new(object, bytes_key, encode(bytes));
    }
}

void json_bytes_set_list(json_t *object, const char *key, const char *const *list, size_t n)
{
    if (list == NULL) {
        json_object_set_new(object, key, json_null());
        return;
    }
    json_t *texts = json_array(), *exact = json_array();
    gboolean any_repaired = FALSE;
    for (size_t i = 0; i < n; i++) {
        g_autofree char *repaired = text_repair(list[i]);
        json_array_append_new(texts, json_string(repaired != NULL ? repaired : list[i]));
        json_array_append_new(exact, repaired != NULL ? encode(list[i]) : json_null());
        any_repaired |= repaired != NULL;
    }
    json_object_set_new(object, key, texts);
    if (any_repaired) {
        g_autofree char *bytes_key = g_strconcat(key, "_bytes", NULL);
        json_object_set(object, bytes_key, exact);
    }
    json_decref(exact);
}

static char *decode(const json_t *text, const json_t *exact)
{
    if (json_is_string(exact)) {
        gsize length;
        g_autofree guchar *bytes = g_base64_decode(json_string_value(exact), &length);
        return g_strndup((const char *)bytes, length);
    }
    return json_is_string(text) ? g_strdup(json_string_value(text)) : NULL;
}

char *json_bytes_get(const json_t *object, const char *key)
{
    g_autofree char *bytes_key = g_strconcat(key, "_bytes", NULL);
    return decode(json_object_get(object, key), json_object_get(object, bytes_key));
}

char **json_bytes_get_list(const json_t *object, const char *key)
{
    g_autofree char *bytes_key = g_strconcat(key, "_bytes", NULL);
    const json_t *texts = json_object_get(object, key), *exact = json_object_get(object, bytes_key);
    GPtrArray *list = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(texts); i++) {
        char *bytes = decode(json_array_get(texts, i), json_array_get(exact, i));
        if (bytes != NULL)
            g_ptr_array_add(list, bytes);
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}
