#include "run_report_text.h"

#include "text.h"

#include <string.h>

#define MOST_ROWS 10
#define MOST_ADVICES 5
#define MOST_OTHERS 3
#define MOST_WIDTH 48 /* of a column: a longer cell pushes the rest of its line */

enum { N_COLUMNS = 5 };

/* A table whose columns are as wide as they need. */
struct table {
    GPtrArray *cells; /* owned texts, N_COLUMNS for each row */
};

static void append_padded(GString *out, const char *cell, size_t width)
{
    g_string_append(out, cell);
    size_t n = (size_t)g_utf8_strlen(cell, -1);
    for (; n < width; n++)
        g_string_append_c(out, ' ');
}

static void append_table(GString *out, const struct table *table)
{
    size_t widths[N_COLUMNS] = {0};
    for (guint i = 0; i < table->cells->len; i++) {
        size_t n = (size_t)g_utf8_strlen(g_ptr_array_index(table->cells, i), -1);
        if (n <= MOST_WIDTH)
            widths[i % N_COLUMNS] = MAX(widths[i % N_COLUMNS], n);
    }
    for (guint i = 0; i < table->cells->len; i++) {
        const char *cell = g_ptr_array_index(table->cells, i);
        g_string_append(out, "  ");
        append_padded(out, cell, widths[i % N_COLUMNS]);
        if (i % N_COLUMNS != N_COLUMNS - 1)
            continue;
        while (out->str[out->len - 1] == ' ')
            g_string_truncate(out, out->len - 1);
        g_string_append_c(out, '\n');
    }
}

static char *place_of(const struct run_group *group)
{
    const char *name = group->has_several_names ? group->pattern : group->name;
    g_autofree char *path = g_build_filename(group->directory, name, NULL);
    return text_word(path);
}

/* "node", or "busybox (sh)" where the file's name does not say what runs. */
static char *process_of(const struct run_group *group)
{
    enum { COMM_LENGTH = 15 }; /* the kernel's comm is cut there */
    if (group->exe == NULL)
        return text_word(group->comm != NULL ? group->comm : "unknown");
    const char *slash = strrchr(group->exe, '/');
    const char *name = slash != NULL ? slash + 1 : group->exe;
    g_autofree char *shown = text_word(group->exe);
    if (group->comm == NULL || strncmp(group->comm, name, COMM_LENGTH) == 0)
        return g_steal_pointer(&shown);
    g_autofree char *comm = text_word(group->comm);
    return g_strdup_printf("%s (%s)", shown, comm);
}

static char *operations_of(const struct run_group *group)
{
    GString *words = g_string_new(NULL);
    for (guint i = 0; i < group->operations->len; i++) {
        g_autofree char *word = text_word(g_ptr_array_index(group->operations, i));
        g_string_append_printf(words, "%s%s", i > 0 ? ", " : "", word);
    }
    return g_string_free(words, FALSE);
}

static void add_row(struct table *table, const struct run_group *group)
{
    g_autofree char *operations = operations_of(group), *error = text_word(group->errno_name);
    g_autofree char *remark = run_findings_remark(group);
    g_ptr_array_add(table->cells, place_of(group));
    g_ptr_array_add(table->cells, group->count > 1
                                      ? g_strdup_printf("%s, %" G_GUINT64_FORMAT " times", operations, group->count)
                                      : g_strdup(operations));
    g_ptr_array_add(table->cells, g_steal_pointer(&error));
    g_ptr_array_add(table->cells, process_of(group));
    g_ptr_array_add(table->cells, text_escape(remark));
}

static void append_more(GString *out, unsigned n, unsigned most)
{
    if (n > most)
        g_string_append_printf(out, "  and %u more\n", n - most);
}

static void append_groups(GString *out, const struct run_tally *tally, bool probes, unsigned most)
{
    struct table table = {.cells = g_ptr_array_new_with_free_func(g_free)};
    unsigned n = 0;
    for (guint i = 0; i < tally->groups->len; i++) {
        const struct run_group *group = g_ptr_array_index(tally->groups, i);
        if (group->is_probe == probes && group->count > 0 && n++ < most)
            add_row(&table, group);
    }
    append_table(out, &table);
    append_more(out, n, most);
    g_ptr_array_unref(table.cells);
}

static void append_advices(GString *out, const GPtrArray *advices)
{
    if (advices->len == 0)
        return;
    g_string_append(out, "To allow that, declare (as an option, or in the Compose file's service):\n");
    struct table table = {.cells = g_ptr_array_new_with_free_func(g_free)};
    for (guint i = 0; i < MIN(advices->len, MOST_ADVICES); i++) {
        const struct run_advice *advice = g_ptr_array_index(advices, i);
        g_autofree char *line = g_strdup_printf("%s: - %s", advice->key, advice->element);
        g_ptr_array_add(table.cells, text_escape(advice->option));
        g_ptr_array_add(table.cells, text_escape(line));
        for (int rest = 2; rest < N_COLUMNS; rest++)
            g_ptr_array_add(table.cells, g_strdup(""));
    }
    append_table(out, &table);
    append_more(out, advices->len, MOST_ADVICES);
    g_ptr_array_unref(table.cells);
}

static void append_unused(GString *out, const GPtrArray *unused)
{
    if (unused->len == 0)
        return;
    g_string_append(out, "Declared, but nothing was written there: ");
    enum { MOST_NAMED = 6 };
    for (guint i = 0; i < MIN(unused->len, MOST_NAMED); i++) {
        const struct route_spec *route = g_ptr_array_index(unused, i);
        g_autofree char *target = text_word(route->target);
        g_string_append_printf(out, "%s%s (%s)", i > 0 ? ", " : "", target, route_kind_name(route->kind));
    }
    if (unused->len > MOST_NAMED)
        g_string_append_printf(out, " and %u more", unused->len - MOST_NAMED);
    g_string_append_c(out, '\n');
}

/* What the counts above do not hold. */
static void append_gaps(GString *out, const struct run_tally *tally)
{
    if (tally->dropped > 0)
        g_string_append_printf(out, "The log could not keep up; refusals that are not in it: %" G_GUINT64_FORMAT "\n",
                               tally->dropped);
    if (tally->left_out > 0)
        g_string_append_printf(out, "Calls in further places, counted but not listed: %" G_GUINT64_FORMAT "\n",
                               tally->left_out);
    if (tally->other > 0)
        g_string_append_printf(out, "Lines of the log that are no records: %" G_GUINT64_FORMAT "\n", tally->other);
}

/* Several writes, some of which at least were refused. */
static void append_refused(GString *out, const struct run_tally *tally)
{
    uint64_t refused = tally->denied - tally->learned;
    if (refused == 1)
        g_string_append(out, "one write was refused");
    else
        g_string_append_printf(out, "%" G_GUINT64_FORMAT " writes were refused", refused);
    if (tally->learned > 0)
        g_string_append_printf(out, ", and %" G_GUINT64_FORMAT " more would have been; learn mode let them happen",
                               tally->learned);
    g_string_append_c(out, '\n');
}

static void append_title(GString *out, const struct run_tally *tally)
{
    g_autofree char *mount = tally->mount != NULL ? text_escape(tally->mount) : NULL;
    g_string_append_printf(out, "rofuse: %s%s", mount != NULL ? mount : "", mount != NULL ? ": " : "");
    if (tally->denied == 0)
        g_string_append(out, "no write was refused\n");
    else if (tally->learned == 1 && tally->denied == 1)
        g_string_append(out, "one write would have been refused; learn mode let it happen\n");
    else if (tally->denied == 1)
        g_string_append(out, "one write was refused\n");
    else if (tally->learned == tally->denied)
        g_string_append_printf(
            out, "%" G_GUINT64_FORMAT " writes would have been refused; learn mode let them happen\n", tally->denied);
    else
        append_refused(out, tally);
}

char *run_report_text(const struct run_findings *findings)
{
    const struct run_tally *tally = findings->tally;
    GString *out = g_string_new(NULL);
    append_title(out, tally);
    append_groups(out, tally, false, MOST_ROWS);
    append_advices(out, findings->advices);
    if (tally->probes > 0) {
        g_string_append(out, "Only asked whether it could be written:\n");
        append_groups(out, tally, true, MOST_OTHERS);
    }
    append_unused(out, findings->unused);
    append_gaps(out, tally);
    return g_string_free(out, FALSE);
}
