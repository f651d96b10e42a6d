#include "merge_private.h"

#include "app_error.h"
#include "text.h"

#include <string.h>

#define MOST_MERGED 32 /* mappings that "<<" leads to */

static void measure(struct merge_file *file, const struct yaml_marked *services)
{
    const struct yaml_marked *service_key = file->service_key;
    struct yaml_marked *services_key;
    yaml_marks_get(file->marks->root, "services", &services_key);
    file->step = 2;
    file->list_step = 2;
    if (!services->is_flow && service_key->column > services_key->column && service_key->line > services_key->line)
        file->step = service_key->column - services_key->column;
    file->list_step = file->step;
    for (guint i = 0; i + 1 < file->service->items->len; i += 2) {
        const struct yaml_marked *key = g_ptr_array_index(file->service->items, i);
        const struct yaml_marked *value = g_ptr_array_index(file->service->items, i + 1);
        if (value->kind == YAML_MARKS_SEQUENCE && !value->is_flow && value->column >= key->column &&
            value->anchor == NULL) {
            file->list_step = value->column - key->column;
            return;
        }
    }
}

static gboolean find_service(struct merge_file *file, GError **error)
{
    struct yaml_marked *services = yaml_marks_get(file->marks->root, "services", NULL);
    g_autofree char *shown = text_word(file->service_name);
    file->service = yaml_marks_get(services, file->service_name, &file->service_key);
    if (file->service == NULL)
        return app_error_failed(error, "%s: it has no service %s of its own; name the file that has it last",
                                file->name, shown);
    bool is_null = yaml_marks_is_null(file->service);
    if ((file->service->kind != YAML_MARKS_MAPPING && !is_null) || file->service->tag != NULL ||
        (file->service->anchor != NULL && yaml_marks_is_shared(file->marks, file->service)))
        return app_error_failed(error,
                                "%s:%zu:%zu: the service %s is shared with others by an anchor; write it out first",
                                file->name, file->service->line + 1, file->service->column + 1, shown);
    if (is_null && services->is_flow)
        return app_error_failed(error, "%s:%zu:%zu: the service %s is empty; write {} behind its name", file->name,
                                file->service->line + 1, file->service->column + 1, shown);
    measure(file, services);
    return TRUE;
}

gboolean merge_file_init(struct merge_file *file, const char *name, const char *text, size_t length,
                         const char *service, GError **error)
{
    *file = (struct merge_file){.name = name, .text = text, .length = length, .service_name = service};
    const char *newline = memchr(text, '\n', length);
    file->newline = newline != NULL && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
    file->keys = g_string_new(NULL);
    text_edits_init(&file->edits, text, length);
    file->marks = yaml_marks_parse(name, text, length, error);
    return file->marks != NULL && find_service(file, error);
}

void merge_file_clear(struct merge_file *file)
{
    yaml_marks_free(file->marks);
    text_edits_clear(&file->edits);
    g_string_free(file->keys, TRUE);
}

static const struct yaml_marked *find_anchor(const struct merge_file *file, const char *name)
{
    for (guint i = 0; i < file->marks->nodes->len; i++) {
        const struct yaml_marked *node = g_ptr_array_index(file->marks->nodes, i);
        if (g_strcmp0(node->anchor, name) == 0)
            return node;
    }
    return NULL;
}

/* The value of a mapping's key, its own or that which "<<" brings; NULL where there is none. */
static const struct yaml_marked *find_key(const struct merge_file *file, const struct yaml_marked *node,
                                          const char *key, unsigned *left)
{
    if (node == NULL || *left == 0)
        return NULL;
    (*left)--;
    if (node->kind == YAML_MARKS_ALIAS)
        return find_key(file, find_anchor(file, node->text), key, left);
    const struct yaml_marked *value = NULL;
    if (node->kind == YAML_MARKS_MAPPING) {
        value = yaml_marks_get(node, key, NULL);
        return value != NULL ? value : find_key(file, yaml_marks_get(node, "<<", NULL), key, left);
    }
    for (guint i = 0; i < node->items->len && value == NULL; i++)
        value = find_key(file, g_ptr_array_index(node->items, i), key, left);
    return value;
}

/*
 * The value of a key of the service; NULL with @ret_new where it is to be written anew. FALSE with one line where it comes
 * from elsewhere, or is others' as well.
 */
gboolean merge_find_value(const struct merge_file *file, const char *key, const GPtrArray *values,
                          struct yaml_marked **ret_key, struct yaml_marked **ret, GError **error)
{
    unsigned left = MOST_MERGED;
    *ret = yaml_marks_get(file->service, key, ret_key);
    if (*ret == NULL && find_key(file, file->service, key, &left) != NULL)
        return merge_refuse(file, file->service_key, key,
                            "comes from an anchor by <<, and a key of its own would take its place", values, error);
    if (*ret == NULL)
        return TRUE;
    if ((*ret)->kind == YAML_MARKS_ALIAS || yaml_marks_is_shared(file->marks, *ret))
        return merge_refuse(file, *ret, key, "is shared with others by an anchor", values, error);
    if ((*ret)->tag != NULL || (*ret)->is_block)
        return merge_refuse(file, *ret, key, "is written in a way that is not changed here", values, error);
    return TRUE;
}

/* Where the keys of the service stand. */
size_t merge_key_column(const struct merge_file *file)
{
    const struct yaml_marked *first = file->service->items->len > 0 ? g_ptr_array_index(file->service->items, 0) : NULL;
    return first != NULL ? first->column : file->service_key->column + file->step;
}

/* A new key of the service; in a flow mapping "KEY: VALUE", else lines with @value below or beside it. */
void merge_add_key(struct merge_file *file, const char *key, const char *flow_value, const char *block_value)
{
    if (file->service->is_flow) {
        bool is_quoted = file->service->items->len > 0 &&
                         ((const struct yaml_marked *)g_ptr_array_index(file->service->items, 0))->quote == '"';
        g_string_append_printf(file->keys, is_quoted ? "%s\"%s\": %s" : "%s%s: %s", file->keys->len > 0 ? ", " : "",
                               key, flow_value);
        return;
    }
    merge_indent(file->keys, merge_key_column(file));
    g_string_append_printf(file->keys, "%s:%s", key, block_value);
}

/* Whether the service says so already, wherever it has that from. */
static bool is_read_only(const struct merge_file *file)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    unsigned left = MOST_MERGED;
    const struct yaml_marked *value = find_key(file, file->service, "read_only", &left);
    if (value != NULL && value->kind == YAML_MARKS_ALIAS)
        value = find_anchor(file, value->text);
    return value != NULL && value->kind == YAML_MARKS_SCALAR && g_strv_contains(yes, value->text);
}

gboolean merge_read_only(struct merge_file *file, GError **error)
{
    struct yaml_marked *key, *value = yaml_marks_get(file->service, "read_only", NULL);
    if (is_read_only(file))
        return TRUE;
    if (value == NULL) {
        /* One of its own takes the place of what "<<" brings, for this service alone: that is what is wanted. */
        g_autofree char *block = g_strconcat(" true", file->newline, NULL);
        merge_add_key(file, "read_only", "true", block);
        return TRUE;
    }
    if (!merge_find_value(file, "read_only", NULL, &key, &value, error))
        return FALSE;
    if (value->kind != YAML_MARKS_SCALAR)
        return merge_refuse(file, value, "read_only", "is no yes and no no", NULL, error);
    text_edits_replace(&file->edits, value->start, value->end, value->start == value->end ? " true" : "true");
    return TRUE;
}

void merge_finish(struct merge_file *file)
{
    if (file->keys->len == 0)
        return;
    if (file->service->is_flow) {
        merge_insert_flow(file, file->service, file->keys->str);
        return;
    }
    if (file->service->kind == YAML_MARKS_SCALAR && file->service->start < file->service->end)
        text_edits_replace(&file->edits, file->service->start, file->service->end, "");
    merge_insert_lines(file, file->service->end, file->keys->str);
}
