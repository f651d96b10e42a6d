#include "json_read.h"

#include "app_error.h"
#include "json_bytes.h"
#include "record_names.h"

#include <string.h>

void json_read_fail(struct json_read *read, const char *key, const char *why)
{
    if (read->error == NULL)
        app_error_failed(&read->error, "%s: \"%s\" %s", read->what, key, why);
}

gboolean json_read_end(struct json_read *read, GError **error)
{
    if (read->error == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&read->error));
    return FALSE;
}

/* A member of a kind; NULL where it is missing, or wrong, or something before it was. */
static const json_t *find(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                          json_type type, const char *type_name)
{
    if (read->error != NULL)
        return NULL;
    const json_t *member = json_object_get(object, key);
    if (member == NULL || json_is_null(member)) {
        if (need == JSON_READ_REQUIRED)
            json_read_fail(read, key, "is missing");
        return NULL;
    }
    if (json_typeof(member) == type)
        return member;
    g_autofree char *why = g_strdup_printf("is no %s", type_name);
    json_read_fail(read, key, why);
    return NULL;
}

const json_t *json_read_object(struct json_read *read, const json_t *object, const char *key, enum json_read_need need)
{
    return find(read, object, key, need, JSON_OBJECT, "object");
}

const json_t *json_read_array(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                              size_t most)
{
    const json_t *array = find(read, object, key, need, JSON_ARRAY, "list");
    if (json_array_size(array) <= most)
        return array;
    json_read_fail(read, key, "is too long");
    return NULL;
}

const char *json_read_word(struct json_read *read, const json_t *object, const char *key, enum json_read_need need)
{
    return json_string_value(find(read, object, key, need, JSON_STRING, "string"));
}

/* A base64 text's bytes, or NULL where it is none, or where the bytes are no C string. */
static char *decode(const char *text)
{
    gsize length;
    g_autofree guchar *bytes = g_base64_decode(text, &length);
    g_autofree char *again = g_base64_encode(bytes, length);
    if (strcmp(again, text) != 0 || length == 0 || memchr(bytes, '\0', length) != NULL)
        return NULL;
    return g_strndup((const char *)bytes, length);
}

/* The text, or the exact bytes beside it. */
static char *take_bytes(struct json_read *read, const char *key, const char *text, const json_t *exact)
{
    if (exact == NULL || json_is_null(exact))
        return g_strdup(text);
    char *bytes = json_is_string(exact) ? decode(json_string_value(exact)) : NULL;
    if (bytes == NULL)
        json_read_fail(read, key, "is not the base64 of a name");
    return bytes;
}

char *json_read_bytes(struct json_read *read, const json_t *object, const char *key, enum json_read_need need)
{
    const char *text = json_read_word(read, object, key, need);
    if (text == NULL)
        return NULL;
    g_autofree char *bytes_key = g_strconcat(key, "_bytes", NULL);
    return take_bytes(read, bytes_key, text, json_object_get(object, bytes_key));
}

char **json_read_bytes_list(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                            size_t most)
{
    const json_t *texts = json_read_array(read, object, key, need, most);
    if (texts == NULL)
        return NULL;
    g_autofree char *bytes_key = g_strconcat(key, "_bytes", NULL);
    const json_t *exact = json_read_array(read, object, bytes_key, JSON_READ_OPTIONAL, most);
    if (exact != NULL && json_array_size(exact) != json_array_size(texts))
        json_read_fail(read, bytes_key, "is not as long as the list that it belongs to");
    g_auto(GStrv) list = g_new0(char *, json_array_size(texts) + 1);
    for (size_t i = 0; i < json_array_size(texts) && read->error == NULL; i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        if (text == NULL)
            json_read_fail(read, key, "is no list of strings");
        else
            list[i] = take_bytes(read, bytes_key, text, json_array_get(exact, i));
    }
    return read->error == NULL ? g_steal_pointer(&list) : NULL;
}

char *json_read_path(struct json_read *read, const json_t *object, const char *key, enum json_read_need need)
{
    g_autofree char *path = json_read_bytes(read, object, key, need);
    if (path == NULL || *path == '/')
        return g_steal_pointer(&path);
    json_read_fail(read, key, "is no absolute path");
    return NULL;
}

int64_t json_read_integer(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                          int64_t least, int64_t most, int64_t missing)
{
    const json_t *number = find(read, object, key, need, JSON_INTEGER, "whole number");
    if (number == NULL)
        return missing;
    int64_t value = json_integer_value(number);
    if (value >= least && value <= most)
        return value;
    json_read_fail(read, key, "is out of range");
    return missing;
}

uint32_t json_read_id(struct json_read *read, const json_t *object, const char *key)
{
    return (uint32_t)json_read_integer(read, object, key, JSON_READ_OPTIONAL, 0, (int64_t)UINT32_MAX - 1, UINT32_MAX);
}

bool json_read_true(struct json_read *read, const json_t *object, const char *key)
{
    const json_t *member = read->error == NULL ? json_object_get(object, key) : NULL;
    if (member != NULL && !json_is_boolean(member))
        json_read_fail(read, key, "is neither true nor false");
    return json_is_true(member);
}

struct timespec json_read_time(struct json_read *read, const json_t *object, const char *key, bool *ret_has)
{
    struct timespec time = {0};
    const char *text = json_read_word(read, object, key, ret_has != NULL ? JSON_READ_OPTIONAL : JSON_READ_REQUIRED);
    if (text != NULL && !record_time_parse(text, &time))
        json_read_fail(read, key, "is no time as 2024-11-24T00:00:00.123456789Z");
    if (ret_has != NULL)
        *ret_has = text != NULL;
    return time;
}
