#include "run_report_text.h"

#include "advise_comments.h"
#include "advise_words.h"
#include "record_names.h"
#include "text.h"

#include <string.h>

#define MOST_ROWS 7
#define MOST_ADVICES 5
#define MOST_OTHERS 2
#define MOST_WIDTH 48 /* of a column: behind a longer cell its row goes on in a line of its own */

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

/* Whether there is nothing in a row behind a cell. */
static bool is_last(const struct table *table, guint at)
{
    while (++at % N_COLUMNS != 0) {
        if (*(const char *)g_ptr_array_index(table->cells, at) != '\0')
            return false;
    }
    return true;
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
        if (g_utf8_strlen(cell, -1) > MOST_WIDTH && !is_last(table, i)) {
            g_string_append_c(out, '\n');
            for (guint column = 0; column <= i % N_COLUMNS; column++)
                append_padded(out, "  ", 2 + widths[column]);
        }
        if (i % N_COLUMNS != N_COLUMNS - 1)
            continue;
        while (out->str[out->len - 1] == ' ')
            g_string_truncate(out, out->len - 1);
        g_string_append_c(out, '\n');
    }
}

/* One path is told as it is. */
static char *place_of(const struct fact *fact)
{
    return text_word(fact->paths->len == 1 ? g_ptr_array_index(fact->paths, 0) : fact->place);
}

/* "node", or "busybox (sh)" where the file's name does not say what runs. */
static char *process_of(const struct fact *fact)
{
    enum { COMM_LENGTH = 15 }; /* the kernel's comm is cut there */
    if (fact->executable == NULL)
        return text_word(fact->comm != NULL ? fact->comm : "unknown");
    g_autofree char *name = g_path_get_basename(fact->executable), *shown = text_word(fact->executable);
    if (fact->comm == NULL || strncmp(fact->comm, name, COMM_LENGTH) == 0)
        return g_steal_pointer(&shown);
    g_autofree char *comm = text_word(fact->comm);
    return g_strdup_printf("%s (%s)", shown, comm);
}

static char *operations_of(const struct fact *fact)
{
    GString *words = g_string_new(NULL);
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if (fact_has(fact, (enum denial_operation)i))
            g_string_append_printf(words, "%s%s", words->len > 0 ? ", " : "",
                                   denial_operation_name((enum denial_operation)i));
    }
    if (fact->count > 1)
        g_string_append_printf(words, ", %" G_GUINT64_FORMAT " times", fact->count);
    return g_string_free(words, FALSE);
}

static void add_row(struct table *table, const struct fact *fact)
{
    g_autofree char *remark = run_findings_remark(fact);
    g_ptr_array_add(table->cells, place_of(fact));
    g_ptr_array_add(table->cells, operations_of(fact));
    g_ptr_array_add(table->cells, record_errno_name(fact->error));
    g_ptr_array_add(table->cells, process_of(fact));
    g_ptr_array_add(table->cells, text_escape(remark));
}

static void append_more(GString *out, unsigned n, unsigned most)
{
    if (n > most)
        g_string_append_printf(out, "  and %u more\n", n - most);
}

static void append_facts(GString *out, const GPtrArray *facts, bool probes, unsigned most)
{
    struct table table = {.cells = g_ptr_array_new_with_free_func(g_free)};
    unsigned n = 0;
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        if ((fact->class == FACT_PROBE) == probes && n++ < most)
            add_row(&table, fact);
    }
    append_table(out, &table);
    append_more(out, n, most);
    g_ptr_array_unref(table.cells);
}

/* What is not simply needed is said to be so. */
static const char *need_of(const struct advice *advice)
{
    static const char *const texts[ADVICE_N_NEEDS] = {
        [ADVICE_REQUIRED] = "",
        [ADVICE_OPTIONAL] = "(it went on without)",
        [ADVICE_CHOICE] = "(your choice)",
    };
    return advice->changes && advice->need == ADVICE_REQUIRED ? "(instead of what is declared)" : texts[advice->need];
}

static void append_advices(GString *out, const GPtrArray *advices)
{
    if (advices->len == 0)
        return;
    g_string_append(out, "To allow that, declare (as an option, or in the Compose file's service):\n");
    struct table table = {.cells = g_ptr_array_new_with_free_func(g_free)};
    for (guint i = 0; i < MIN(advices->len, MOST_ADVICES); i++) {
        const struct advice *advice = g_ptr_array_index(advices, i);
        const char *key = NULL;
        g_autofree char *option = advise_option_shell(advice), *element = run_findings_element(advice, &key);
        g_autofree char *scalar = element != NULL ? advise_yaml(element) : NULL;
        g_ptr_array_add(table.cells, g_steal_pointer(&option));
        g_ptr_array_add(table.cells, scalar != NULL ? g_strdup_printf("%s: - %s", key, scalar) : g_strdup(""));
        g_ptr_array_add(table.cells, g_strdup(need_of(advice)));
        for (int rest = 3; rest < N_COLUMNS; rest++)
            g_ptr_array_add(table.cells, g_strdup(""));
    }
    append_table(out, &table);
    append_more(out, advices->len, MOST_ADVICES);
    g_ptr_array_unref(table.cells);
}

/* Those that only asked are told as such. */
static void append_left(GString *out, const GPtrArray *list)
{
    unsigned n = 0;
    for (guint i = 0; i < list->len; i++) {
        const struct advice_left *left = g_ptr_array_index(list, i);
        if (left->fact->class == FACT_PROBE || n++ >= MOST_OTHERS)
            continue;
        if (n == 1)
            g_string_append(out, "Nothing is proposed for:\n");
        g_autofree char *place = place_of(left->fact), *reason = text_escape(left->reason);
        g_string_append_printf(out, "  %s  %s\n", place, reason);
    }
    append_more(out, n, MOST_OTHERS);
}

static void append_notes(GString *out, const GPtrArray *notes)
{
    for (guint i = 0; i < MIN(notes->len, MOST_OTHERS); i++) {
        g_autofree char *note = text_escape(g_ptr_array_index(notes, i));
        g_string_append_printf(out, "Note: %s\n", note);
    }
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
static void append_gaps(GString *out, const struct run_findings *findings)
{
    if (findings->head->dropped > 0)
        g_string_append_printf(
            out, "The log could not keep up or be written; refusals that are not in it: %" G_GUINT64_FORMAT "\n",
            findings->head->dropped);
    if (findings->head->left_out > 0)
        g_string_append_printf(out, "Calls in further places, counted but not listed: %" G_GUINT64_FORMAT "\n",
                               findings->head->left_out);
    if (findings->no_records > 0)
        g_string_append_printf(out, "Lines of the log that are no records: %" G_GUINT64_FORMAT "\n",
                               findings->no_records);
}

static void append_title(GString *out, const struct run_findings *findings)
{
    g_autofree char *mount = findings->head->mount != NULL ? text_escape(findings->head->mount) : NULL;
    g_string_append_printf(out, "rofuse: %s%s", mount != NULL ? mount : "", mount != NULL ? ": " : "");
    if (findings->denied == 0)
        g_string_append(out, "no write was refused\n");
    else if (findings->learned == 1 && findings->denied == 1)
        g_string_append(out, "one write would have been refused; learn mode let it happen\n");
    else if (findings->denied == 1)
        g_string_append(out, "one write was refused\n");
    else if (findings->learned == findings->denied)
        g_string_append_printf(out,
                               "%" G_GUINT64_FORMAT " writes would have been refused; learn mode let them happen\n",
                               findings->denied);
    else
        g_string_append_printf(out, "%" G_GUINT64_FORMAT " writes were refused\n", findings->denied);
    if (findings->learned > 0 && findings->learned < findings->denied)
        g_string_append_printf(out, "But for learn mode, so would have been %" G_GUINT64_FORMAT " of them\n",
                               findings->learned);
}

char *run_report_text(const struct run_findings *findings)
{
    GString *out = g_string_new(NULL);
    append_title(out, findings);
    append_facts(out, findings->facts, false, MOST_ROWS);
    append_advices(out, findings->list->advices);
    append_left(out, findings->list->left);
    if (findings->probes > 0) {
        g_string_append(out, "Only asked whether it could be written:\n");
        append_facts(out, findings->facts, true, MOST_OTHERS);
    }
    append_notes(out, findings->list->notes);
    append_unused(out, findings->unused);
    append_gaps(out, findings);
    return g_string_free(out, FALSE);
}
