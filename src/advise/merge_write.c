#include "merge_private.h"

#include "advise_words.h"
#include "app_error.h"
#include "text.h"

#include <string.h>

gboolean merge_refuse(const struct merge_file *file, const struct yaml_marked *node, const char *key, const char *cause,
                      const GPtrArray *values, GError **error)
{
    GString *add = g_string_new(NULL);
    for (guint i = 0; values != NULL && i < values->len; i++)
        g_string_append_printf(add, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(values, i));
    g_autofree char *shown = text_escape(add->str), *service = text_escape(file->service_name);
    g_string_free(add, TRUE);
    return app_error_failed(error, "%s:%zu:%zu: services.%s.%s %s; put it there by hand: %s", file->name,
                            node->line + 1, node->column + 1, service, key, cause, *shown != '\0' ? shown : "true");
}

/* A scalar as it is written beside others. */
char *merge_scalar(const char *text, struct merge_style style)
{
    if (style.quote == '\'' && strchr(text, '\'') == NULL && g_str_is_ascii(text))
        return g_strdup_printf("'%s'", text);
    return style.quote == '"' || style.is_flow ? advise_yaml_quoted(text) : advise_yaml(text);
}

void merge_indent(GString *out, size_t n)
{
    for (; n > 0; n--)
        g_string_append_c(out, ' ');
}

/* Puts whole lines, each with its newline, behind the line in which something ends. */
void merge_insert_lines(struct merge_file *file, size_t end, const char *lines)
{
    const char *text = file->text;
    bool is_start = end > 0 && text[end - 1] == '\n';
    const char *newline = is_start ? NULL : memchr(text + end, '\n', file->length - end);
    size_t at = is_start ? end : newline != NULL ? (size_t)(newline - text) + 1 : file->length;
    if (is_start || newline != NULL) {
        text_edits_replace(&file->edits, at, at, lines);
        return;
    }
    /* The file's last line has none. */
    g_autofree char *first = g_strconcat(file->newline, lines, NULL);
    first[strlen(first) - strlen(file->newline)] = '\0';
    text_edits_replace(&file->edits, at, at, first);
}

static struct yaml_marked *last_item(const struct yaml_marked *node)
{
    return node->items->len > 0 ? g_ptr_array_index(node->items, node->items->len - 1) : NULL;
}

/* Puts a word into [..] or {..}, behind the last one. */
void merge_insert_flow(struct merge_file *file, const struct yaml_marked *node, const char *word)
{
    const struct yaml_marked *last = last_item(node);
    size_t at = last != NULL ? last->end : node->end - 1;
    g_autofree char *with = last != NULL ? g_strconcat(", ", word, NULL) : g_strdup(word);
    text_edits_replace(&file->edits, at, at, with);
}

struct merge_style merge_style_of(const struct yaml_marked *node)
{
    struct merge_style style = {.is_flow = node->is_flow};
    for (guint i = 0; i < node->items->len; i++) {
        const struct yaml_marked *item = g_ptr_array_index(node->items, i);
        if (item->kind == YAML_MARKS_SCALAR)
            style.quote = item->quote;
    }
    return style;
}

/* The colon behind a key; NULL where there is none before its value. */
const char *merge_find_colon(const struct merge_file *file, const struct yaml_marked *key,
                             const struct yaml_marked *value)
{
    return memchr(file->text + key->end, ':', value->start - key->end);
}

/* Lines of a list at a column. */
char *merge_list_lines(const struct merge_file *file, size_t column, const GPtrArray *values, struct merge_style style)
{
    GString *lines = g_string_new(NULL);
    for (guint i = 0; i < values->len; i++) {
        g_autofree char *word = merge_scalar(g_ptr_array_index(values, i), style);
        merge_indent(lines, column);
        g_string_append_printf(lines, "- %s%s", word, file->newline);
    }
    return g_string_free(lines, FALSE);
}

/* "["a", "b"]". */
char *merge_list_flow(const GPtrArray *values)
{
    GString *list = g_string_new("[");
    for (guint i = 0; i < values->len; i++) {
        g_autofree char *word = advise_yaml_quoted(g_ptr_array_index(values, i));
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", word);
    }
    g_string_append_c(list, ']');
    return g_string_free(list, FALSE);
}

/* A key that says nothing gets a value. */
void merge_fill_null(struct merge_file *file, const struct yaml_marked *value, bool is_flow, const char *flow_value,
                     const char *lines)
{
    bool is_empty = value->start == value->end;
    g_autofree char *flow = g_strconcat(is_empty ? " " : "", flow_value, NULL);
    if (is_flow) {
        text_edits_replace(&file->edits, value->start, value->end, flow);
        return;
    }
    if (!is_empty)
        text_edits_replace(&file->edits, value->start, value->end, "");
    merge_insert_lines(file, value->end, lines);
}
