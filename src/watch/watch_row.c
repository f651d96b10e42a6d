#include "watch_row.h"

#include "record_names.h"
#include "text.h"
#include "watch_text.h"

#define CLASS_WIDTH 9
#define AGE_WIDTH 4
#define COUNT_WIDTH 6

/* Narrower ones show no age and no count, then no process either: the place is what one looks for. */
#define LEAST_WITH_TIMES 50
#define LEAST_WITH_PROCESS 30

static int process_width(int width)
{
    return CLAMP(width / 5, 8, 24);
}

static char *join(const char *mark, const char *class, const char *age, const char *count, const char *process,
                  const char *place, int width, bool utf8)
{
    g_autofree char *class_cell = watch_text_fit(class, CLASS_WIDTH, WATCH_CUT_END, utf8);
    g_autofree char *process_cell = watch_text_fit(process, process_width(width), WATCH_CUT_END, utf8);
    g_autofree char *times =
        width >= LEAST_WITH_TIMES ? g_strdup_printf(" %*s %*s  ", AGE_WIDTH, age, COUNT_WIDTH, count) : g_strdup(" ");
    bool has_process = width >= LEAST_WITH_PROCESS;
    g_autofree char *before =
        g_strconcat(mark, class_cell, times, has_process ? process_cell : "", has_process ? " " : "", NULL);
    /* The end of a path tells more than its beginning. */
    g_autofree char *place_cell =
        watch_text_fit(place, MAX(width - watch_text_width(before), 0), WATCH_CUT_BEGIN, utf8);
    g_autofree char *row = g_strconcat(before, place_cell, NULL);
    return watch_text_fit(row, width, WATCH_CUT_END, utf8);
}

static char *short_count(uint64_t count)
{
    if (count < 1000000)
        return g_strdup_printf("%" G_GUINT64_FORMAT, count);
    return g_strdup_printf("%" G_GUINT64_FORMAT "M", MIN(count / 1000000, G_GUINT64_CONSTANT(99999)));
}

char *watch_row(const struct watch_item *item, const struct timespec *now, int width, bool utf8)
{
    const struct fact *fact = item->fact;
    g_autofree char *age = watch_text_age(&fact->last, now), *count = short_count(fact->count);
    g_autofree char *program = fact_program(fact);
    g_autofree char *process = watch_text_safe(program, utf8), *place = watch_text_safe(fact->place, utf8);
    const char *class = item->is_mended ? "declared" : fact->learned ? "learned" : fact_class_name(fact->class);
    return join("  ", class, age, count, process, place, width, utf8);
}

char *watch_row_head(int width, bool utf8)
{
    return join("  ", "CLASS", "AGE", "COUNT", "PROCESS", "PLACE", width, utf8);
}

char *watch_row_operations(const struct fact *fact, const char *between)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if (fact_has(fact, (enum denial_operation)i))
            g_string_append_printf(text, "%s%s", text->len > 0 ? between : "",
                                   denial_operation_name((enum denial_operation)i));
    }
    return g_string_free(text, FALSE);
}

char *watch_row_line(const struct fact *fact, bool utf8)
{
    g_autofree char *time = record_time_local(&fact->last), *program = fact_program(fact);
    g_autofree char *place_word = text_word(fact->place), *program_word = text_word(program);
    g_autofree char *operations = watch_row_operations(fact, ","), *error = record_errno_name(fact->error);
    g_autofree char *reason = text_escape(fact->reason);
    g_autofree char *line =
        g_strdup_printf("%s %s %s %s %s %s %s %" G_GUINT64_FORMAT " %s: %s\n", time,
                        fact->learned ? "learned" : fact_class_name(fact->class), program_word, place_word, operations,
                        error, denial_why_name(fact->why), fact->count, fact->count == 1 ? "time" : "times", reason);
    return watch_text_ascii(line, utf8);
}
