#include "facts_text.h"

#include "text.h"

#include <string.h>

#define MOST_PLACE_WIDTH 48 /* a longer place pushes the rest of its line */

static void append_age(GString *text, const struct timespec *then, const struct timespec *now)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    int64_t age = MAX(now->tv_sec - then->tv_sec, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (age >= units[i].seconds || units[i].seconds == 1) {
            g_string_append_printf(text, "%" G_GINT64_FORMAT " %s ago", age / units[i].seconds, units[i].unit);
            return;
        }
    }
}

static void append_operations(GString *text, const struct fact *fact)
{
    const char *between = "";
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if (!fact_has(fact, (enum denial_operation)i))
            continue;
        g_string_append_printf(text, "%s%s", between, denial_operation_name((enum denial_operation)i));
        between = ",";
    }
}

static void append_alternatives(GString *text, const struct fact *fact)
{
    if (fact->alternatives->len == 0)
        return;
    g_string_append(text, "           then in");
    for (guint i = 0; i < fact->alternatives->len; i++) {
        g_autofree char *word = text_word(g_ptr_array_index(fact->alternatives, i));
        g_string_append_printf(text, "%s %s", i > 0 ? "," : "", word);
    }
    g_string_append_c(text, '\n');
}

/* The best one, with what goes with it. */
static void append_fixes(GString *text, const struct fact *fact)
{
    for (guint i = 0; i < fact->fixes->len; i++) {
        const struct fact_fix *fix = g_ptr_array_index(fact->fixes, i);
        if (i > 0 && !fix->also)
            break;
        g_autofree char *words = fact_fix_words(fix, fact);
        g_autofree char *shown = text_escape(words);
        g_string_append_printf(text, "%s%s", i == 0 ? "           known to help: " : " ",
                               fix->kind == FACT_FIX_NONE ? "nothing, it is well as it is" : shown);
    }
    if (fact->fixes->len > 0)
        g_string_append_c(text, '\n');
}

static void append_count(GString *text, uint64_t count)
{
    if (count == 1)
        g_string_append(text, "once");
    else
        g_string_append_printf(text, "%" G_GUINT64_FORMAT " times", count);
}

/* As wide as the places that are shown. */
static int place_width(const GPtrArray *facts)
{
    size_t width = 0;
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        g_autofree char *place = text_word(fact->place);
        size_t length = strlen(place);
        if (length <= MOST_PLACE_WIDTH)
            width = MAX(width, length);
    }
    return (int)width;
}

static void append_fact(GString *text, const struct fact *fact, int width, const struct timespec *now)
{
    g_autofree char *place = text_word(fact->place), *program = fact_program(fact), *reason = text_escape(fact->reason);
    g_autofree char *shown = text_word(program);
    g_string_append_printf(text, "%-9s  %-*s  ", fact_class_word(fact->class, fact->learned), width, place);
    append_operations(text, fact);
    g_string_append_printf(text, "  %s  ", shown);
    append_count(text, fact->count);
    g_string_append(text, ", ");
    append_age(text, &fact->last, now);
    if (fact->why != DENIAL_NOT_DECLARED)
        g_string_append_printf(text, ", %s", denial_why_name(fact->why));
    g_string_append_printf(text, "\n           %s\n", reason);
    append_alternatives(text, fact);
    append_fixes(text, fact);
}

char *facts_text(const struct facts_head *head, const GPtrArray *facts, const struct timespec *now)
{
    static const enum fact_class order[FACT_N_CLASSES] = {FACT_FATAL, FACT_OPEN, FACT_TOLERATED, FACT_PROBE};
    GString *text = g_string_new(NULL);
    int width = place_width(facts);
    for (size_t i = 0; i < FACT_N_CLASSES; i++) {
        for (guint k = 0; k < facts->len; k++) {
            const struct fact *fact = g_ptr_array_index(facts, k);
            if (fact->class == order[i])
                append_fact(text, fact, width, now);
        }
    }
    if (facts->len == 0)
        g_string_append(text, "no write was refused\n");
    if (head->left_out > 0)
        g_string_append_printf(text, "%" G_GUINT64_FORMAT " calls more are not shown: there are too many facts\n",
                               head->left_out);
    if (head->dropped > 0)
        g_string_append_printf(text,
                               "%" G_GUINT64_FORMAT " calls are not known: the log could not keep up or be written\n",
                               head->dropped);
    return g_string_free(text, FALSE);
}
