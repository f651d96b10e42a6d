#include "merge_private.h"

#include "advise_words.h"

#include <string.h>

/* "NAME: value" lines at a column, or for a flow mapping. */
static char *variable_lines(const struct merge_file *file, size_t column, const GPtrArray *names,
                            const GPtrArray *values)
{
    GString *lines = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = advise_yaml(g_ptr_array_index(names, i)),
                        *value = advise_yaml(g_ptr_array_index(values, i));
        merge_indent(lines, column);
        g_string_append_printf(lines, "%s: %s%s", name, value, file->newline);
    }
    return g_string_free(lines, FALSE);
}

static char *variable_flow(const char *name, const char *value)
{
    g_autofree char *its_name = advise_yaml_quoted(name), *its_value = advise_yaml_quoted(value);
    return g_strdup_printf("%s: %s", its_name, its_value);
}

static char *variables_flow(const GPtrArray *names, const GPtrArray *values)
{
    GString *flow = g_string_new("{");
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *pair = variable_flow(g_ptr_array_index(names, i), g_ptr_array_index(values, i));
        g_string_append_printf(flow, "%s%s", i > 0 ? ", " : "", pair);
    }
    g_string_append_c(flow, '}');
    return g_string_free(flow, FALSE);
}

/* The scalar that says a variable: its value in a mapping, "NAME=VALUE" in a list. NULL where it is not there. */
static struct yaml_marked *find_variable(const struct yaml_marked *environment, const char *name)
{
    if (environment->kind == YAML_MARKS_MAPPING)
        return yaml_marks_get(environment, name, NULL);
    g_autofree char *prefix = g_strconcat(name, "=", NULL);
    for (guint i = 0; i < environment->items->len; i++) {
        struct yaml_marked *item = g_ptr_array_index(environment->items, i);
        if (item->kind == YAML_MARKS_SCALAR && (g_str_has_prefix(item->text, prefix) || strcmp(item->text, name) == 0))
            return item;
    }
    return NULL;
}

static void replace_variable(struct merge_file *file, const struct yaml_marked *environment, struct yaml_marked *there,
                             const char *name, const char *value)
{
    g_autofree char *pair = g_strconcat(name, "=", value, NULL);
    const char *said = environment->kind == YAML_MARKS_MAPPING ? value : pair;
    if (strcmp(there->text, said) == 0)
        return;
    g_autofree char *word =
        merge_scalar(said, (struct merge_style){.is_flow = environment->is_flow, .quote = there->quote});
    g_autofree char *with = g_strconcat(there->start == there->end ? " " : "", word, NULL);
    text_edits_replace(&file->edits, there->start, there->end, with);
}

static void extend_environment(struct merge_file *file, const struct yaml_marked *environment, const GPtrArray *names,
                               const GPtrArray *values)
{
    bool is_mapping = environment->kind == YAML_MARKS_MAPPING;
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < names->len; i++)
        g_ptr_array_add(pairs, g_strconcat(g_ptr_array_index(names, i), "=", g_ptr_array_index(values, i), NULL));
    if (!environment->is_flow) {
        g_autofree char *lines = is_mapping
                                     ? variable_lines(file, environment->column, names, values)
                                     : merge_list_lines(file, environment->column, pairs, merge_style_of(environment));
        merge_insert_lines(file, environment->end, lines);
        return;
    }
    GString *flow = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *word = is_mapping ? variable_flow(g_ptr_array_index(names, i), g_ptr_array_index(values, i))
                                           : merge_scalar(g_ptr_array_index(pairs, i), merge_style_of(environment));
        g_string_append_printf(flow, "%s%s", i > 0 ? ", " : "", word);
    }
    merge_insert_flow(file, environment, flow->str);
    g_string_free(flow, TRUE);
}

gboolean merge_environment(struct merge_file *file, const GPtrArray *names, const GPtrArray *values, GError **error)
{
    struct yaml_marked *key, *environment;
    g_autoptr(GPtrArray) new_names = g_ptr_array_new(), new_values = g_ptr_array_new();
    if (names->len == 0)
        return TRUE;
    if (!merge_find_value(file, "environment", names, &key, &environment, error))
        return FALSE;
    size_t column = environment != NULL ? key->column + file->step : merge_key_column(file) + file->step;
    g_autofree char *flow = variables_flow(names, values), *lines = variable_lines(file, column, names, values);
    g_autofree char *block = g_strconcat(file->newline, lines, NULL);
    if (environment == NULL) {
        merge_add_key(file, "environment", flow, block);
        return TRUE;
    }
    if (yaml_marks_is_null(environment)) {
        merge_fill_null(file, environment, file->service->is_flow, flow, lines);
        return TRUE;
    }
    if ((environment->kind != YAML_MARKS_MAPPING && environment->kind != YAML_MARKS_SEQUENCE) ||
        environment->anchor != NULL)
        return merge_refuse(file, environment, "environment", "is written in a way that is not changed here", names,
                            error);
    for (guint i = 0; i < names->len; i++) {
        char *name = g_ptr_array_index(names, i), *value = g_ptr_array_index(values, i);
        struct yaml_marked *there = find_variable(environment, name);
        if (there != NULL &&
            (there->kind != YAML_MARKS_SCALAR || there->is_block || there->anchor != NULL || there->tag != NULL))
            return merge_refuse(file, there, "environment", "is written in a way that is not changed here", names,
                                error);
        if (there != NULL) {
            replace_variable(file, environment, there, name, value);
        } else {
            g_ptr_array_add(new_names, name);
            g_ptr_array_add(new_values, value);
        }
    }
    if (new_names->len > 0)
        extend_environment(file, environment, new_names, new_values);
    return TRUE;
}

bool merge_has_volume(const struct merge_file *file, const char *name)
{
    return yaml_marks_get(yaml_marks_get(file->marks->root, "volumes", NULL), name, NULL) != NULL;
}

/* Lines "NAME:" at a column. */
static char *volume_lines(const struct merge_file *file, size_t column, const GPtrArray *names)
{
    GString *lines = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = advise_yaml(g_ptr_array_index(names, i));
        merge_indent(lines, column);
        g_string_append_printf(lines, "%s:%s", name, file->newline);
    }
    return g_string_free(lines, FALSE);
}

static char *volumes_flow(const GPtrArray *names)
{
    GString *flow = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = advise_yaml_quoted(g_ptr_array_index(names, i));
        g_string_append_printf(flow, "%s%s: {}", i > 0 ? ", " : "", name);
    }
    return g_string_free(flow, FALSE);
}

gboolean merge_volumes(struct merge_file *file, const GPtrArray *names, GError **error)
{
    const struct yaml_marked *root = file->marks->root;
    struct yaml_marked *key = NULL, *volumes = yaml_marks_get(root, "volumes", &key);
    g_autoptr(GPtrArray) missing = g_ptr_array_new();
    for (guint i = 0; i < names->len; i++) {
        if (!merge_has_volume(file, g_ptr_array_index(names, i)))
            g_ptr_array_add(missing, g_ptr_array_index(names, i));
    }
    if (missing->len == 0)
        return TRUE;
    g_autofree char *flow = volumes_flow(missing), *braces = g_strdup_printf("{%s}", flow);
    if (volumes == NULL && root->is_flow) {
        g_autofree char *pair = g_strdup_printf("\"volumes\": %s", braces);
        merge_insert_flow(file, root, pair);
        return TRUE;
    }
    if (volumes == NULL) {
        GString *lines = g_string_new(NULL);
        g_autofree char *below = volume_lines(file, root->column + file->step, missing);
        merge_indent(lines, root->column);
        g_string_append_printf(lines, "volumes:%s%s", file->newline, below);
        merge_insert_lines(file, root->end, lines->str);
        g_string_free(lines, TRUE);
        return TRUE;
    }
    if (yaml_marks_is_null(volumes)) {
        g_autofree char *lines = volume_lines(file, key->column + file->step, missing);
        merge_fill_null(file, volumes, root->is_flow, braces, lines);
        return TRUE;
    }
    if (volumes->kind != YAML_MARKS_MAPPING || volumes->anchor != NULL || volumes->tag != NULL)
        return merge_refuse(file, volumes, "volumes",
                            "needs volumes at the top, and those are written in a way that is not changed here",
                            missing, error);
    if (volumes->is_flow) {
        merge_insert_flow(file, volumes, flow);
    } else {
        g_autofree char *lines = volume_lines(file, volumes->column, missing);
        merge_insert_lines(file, volumes->end, lines);
    }
    return TRUE;
}
