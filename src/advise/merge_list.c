#include "merge_private.h"

#include "advise_words.h"
#include "text.h"

#include <string.h>

static void add_list(struct merge_file *file, const char *key, const GPtrArray *values)
{
    size_t column = merge_key_column(file) + file->list_step;
    g_autofree char *flow = merge_list_flow(values),
                    *lines = merge_list_lines(file, column, values, (struct merge_style){0});
    g_autofree char *block = g_strconcat(file->newline, lines, NULL);
    merge_add_key(file, key, flow, block);
}

/* "tmpfs: /tmp" becomes a list with it. */
static gboolean extend_scalar(struct merge_file *file, const struct yaml_marked *key, const struct yaml_marked *value,
                              const GPtrArray *values, GError **error)
{
    const char *colon = merge_find_colon(file, key, value);
    if (file->service->is_flow) {
        g_autofree char *first = advise_yaml_quoted(value->text), *more = merge_list_flow(values);
        g_autofree char *list = g_strdup_printf("[%s, %s", first, more + 1);
        text_edits_replace(&file->edits, value->start, value->end, list);
        return TRUE;
    }
    if (colon == NULL)
        return merge_refuse(file, value, key->text, "is written in a way that is not changed here", values, error);
    size_t column = key->column + file->list_step;
    g_autofree char *lines = merge_list_lines(file, value->line == key->line ? column : value->column, values,
                                              (struct merge_style){.quote = value->quote});
    if (value->line == key->line) {
        GString *begin = g_string_new(file->newline);
        merge_indent(begin, column);
        g_string_append(begin, "- ");
        text_edits_replace(&file->edits, (size_t)(colon - file->text) + 1, value->start, begin->str);
        g_string_free(begin, TRUE);
    } else {
        text_edits_replace(&file->edits, value->start, value->start, "- ");
    }
    merge_insert_lines(file, value->end, lines);
    return TRUE;
}

static void insert_words(struct merge_file *file, const struct yaml_marked *list, const GPtrArray *values)
{
    GString *words = g_string_new(NULL);
    for (guint i = 0; i < values->len; i++) {
        g_autofree char *word = merge_scalar(g_ptr_array_index(values, i), merge_style_of(list));
        g_string_append_printf(words, "%s%s", i > 0 ? ", " : "", word);
    }
    merge_insert_flow(file, list, words->str);
    g_string_free(words, TRUE);
}

/* Where the "-" of a block's items stand. A list that begins with an anchor begins elsewhere. */
static size_t dash_column(const struct merge_file *file, const struct yaml_marked *list)
{
    const struct yaml_marked *first = g_ptr_array_index(list->items, 0);
    size_t dash = first->start;
    while (dash > list->start && file->text[dash] != '-')
        dash--;
    size_t line = dash;
    while (line > 0 && file->text[line - 1] != '\n')
        line--;
    return dash - line;
}

static gboolean extend_list(struct merge_file *file, const struct yaml_marked *key, const struct yaml_marked *value,
                            const GPtrArray *values, GError **error)
{
    if (yaml_marks_is_null(value)) {
        g_autofree char *flow = merge_list_flow(values);
        g_autofree char *lines = merge_list_lines(file, key->column + file->list_step, values, (struct merge_style){0});
        merge_fill_null(file, value, file->service->is_flow, flow, lines);
        return TRUE;
    }
    if (value->kind == YAML_MARKS_SCALAR)
        return extend_scalar(file, key, value, values, error);
    if (value->kind != YAML_MARKS_SEQUENCE)
        return merge_refuse(file, value, key->text, "is no list", values, error);
    if (value->is_flow) {
        insert_words(file, value, values);
        return TRUE;
    }
    g_autofree char *lines = merge_list_lines(file, dash_column(file, value), values, merge_style_of(value));
    merge_insert_lines(file, value->end, lines);
    return TRUE;
}

/* The target that an element declares: of "SRC:DST:OPTS" and "DST:OPTS"; owned; NULL where it is none that is known. */
static char *target_of(const struct yaml_marked *element, bool is_tmpfs)
{
    if (element->kind == YAML_MARKS_MAPPING) {
        const struct yaml_marked *target = yaml_marks_get(element, "target", NULL);
        return target != NULL && target->kind == YAML_MARKS_SCALAR && *target->text == '/'
                   ? text_clean_path(target->text)
                   : NULL;
    }
    if (element->kind != YAML_MARKS_SCALAR)
        return NULL;
    g_auto(GStrv) parts = g_strsplit(element->text, ":", -1);
    guint n = g_strv_length(parts);
    const char *target = is_tmpfs || n < 2 || parts[1][0] != '/' ? parts[0] : parts[1];
    return n > 0 && *target == '/' ? text_clean_path(target) : NULL;
}

static struct yaml_marked *find_element(struct yaml_marked *value, const char *target, bool is_tmpfs)
{
    guint n = value == NULL ? 0 : value->kind == YAML_MARKS_SEQUENCE ? value->items->len : 1;
    for (guint i = 0; i < n; i++) {
        struct yaml_marked *element = value->kind == YAML_MARKS_SEQUENCE ? g_ptr_array_index(value->items, i) : value;
        g_autofree char *its = target_of(element, is_tmpfs);
        if (g_strcmp0(its, target) == 0)
            return element;
    }
    return NULL;
}

static gboolean replace_element(struct merge_file *file, const char *key, const struct yaml_marked *element,
                                const struct yaml_marked *list, const GPtrArray *one, GError **error)
{
    const char *value = g_ptr_array_index(one, 0);
    if (element->kind != YAML_MARKS_SCALAR || element->is_block || element->tag != NULL || element->anchor != NULL)
        return merge_refuse(file, element, key, "has it in the long form, which cannot say all of it", one, error);
    if (strcmp(element->text, value) == 0)
        return TRUE;
    g_autofree char *word = merge_scalar(
        value, (struct merge_style){.is_flow = list->is_flow || file->service->is_flow, .quote = element->quote});
    text_edits_replace(&file->edits, element->start, element->end, word);
    return TRUE;
}

gboolean merge_list(struct merge_file *file, const char *key, const GPtrArray *values, const GPtrArray *targets,
                    GError **error)
{
    struct yaml_marked *its_key, *value;
    bool is_tmpfs = strcmp(key, "tmpfs") == 0;
    g_autoptr(GPtrArray) added = g_ptr_array_new();
    if (values->len == 0)
        return TRUE;
    if (!merge_find_value(file, key, values, &its_key, &value, error))
        return FALSE;
    for (guint i = 0; i < values->len; i++) {
        struct yaml_marked *element = find_element(value, g_ptr_array_index(targets, i), is_tmpfs);
        if (element == NULL) {
            g_ptr_array_add(added, g_ptr_array_index(values, i));
            continue;
        }
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, g_ptr_array_index(values, i));
        if (!replace_element(file, key, element, value, one, error))
            return FALSE;
    }
    if (added->len == 0)
        return TRUE;
    if (value == NULL)
        add_list(file, key, added);
    return value == NULL || extend_list(file, its_key, value, added, error);
}
