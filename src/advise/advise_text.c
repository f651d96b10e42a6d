#include "advise_render.h"

#include "advise_comments.h"
#include "advise_words.h"
#include "text.h"

#include <string.h>

#define MOST_LEFT 20
#define INDENT "      "
#define LINE_WIDTH 96

static void append_line(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A line, escaped. */
static void append_line(GString *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = text_escape(text);
    g_string_append_printf(out, "%s\n", line);
}

/* Below what it speaks of; broken at blanks where the line becomes too long. A longer word is left whole. */
static void append_paragraph(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void append_paragraph(GString *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = text_escape(text);
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    size_t width = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        size_t length = (size_t)g_utf8_strlen(words[i], -1);
        bool is_first = width == 0 || width + 1 + length > LINE_WIDTH;
        if (is_first && width > 0)
            g_string_append_c(out, '\n');
        g_string_append_printf(out, "%s%s", is_first ? INDENT : " ", words[i]);
        width = is_first ? strlen(INDENT) + length : width + 1 + length;
    }
    g_string_append_c(out, '\n');
}

static bool is_declaration(const struct advice *advice)
{
    return advice->kind != ADVICE_SETTING;
}

static void append_title(GString *out, const struct advise_output *output)
{
    g_autofree char *mount = output->mount != NULL ? text_escape(output->mount) : NULL;
    GString *options = g_string_new(NULL);
    bool has_setting = false;
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (!advise_applies(output, advice))
            continue;
        has_setting |= !is_declaration(advice);
        g_autofree char *option = is_declaration(advice) ? advise_option_shell(advice) : NULL;
        if (option != NULL)
            g_string_append_printf(options, " %s", option);
    }
    g_autofree char *said = g_string_free(options, FALSE);
    if (mount != NULL)
        g_string_append_printf(out, "%s: ", mount);
    if (*said != '\0')
        g_string_append_printf(out, "declare%s\n", said);
    else if (has_setting)
        append_line(out, "no place is to be declared, but something is to be set");
    else
        append_line(out, "nothing to declare");
}

static void append_advice(GString *out, const struct advice *advice)
{
    g_autofree char *option = advise_option_shell(advice), *who = advise_who(advice->facts);
    g_string_append_printf(out, "  %s\n", option);
    append_paragraph(out, "%s%s (%s)", advice->changes ? "changed: " : "", advice->why, who);
    if (advice->cost != NULL)
        append_paragraph(out, "its price: %s", advice->cost);
}

static void append_need(GString *out, const struct advise_output *output, enum advice_need need, const char *title)
{
    if (advice_count(output->list, need) == 0)
        return;
    g_string_append_printf(out, "\n%s\n", title);
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->need == need)
            append_advice(out, advice);
    }
}

static void append_left(GString *out, const struct advise_output *output)
{
    const GPtrArray *left = output->list->left;
    if (left->len > 0)
        g_string_append(out, "\nLeft out:\n");
    for (guint i = 0; i < MIN(left->len, MOST_LEFT); i++) {
        const struct advice_left *one = g_ptr_array_index(left, i);
        g_autofree char *fact = advise_fact(one->fact);
        append_line(out, "  %s", fact);
        append_paragraph(out, "%s", one->reason);
    }
    if (left->len > MOST_LEFT)
        append_line(out, "  and %u more, see --json", left->len - MOST_LEFT);
}

char *advise_text(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    append_title(out, output);
    append_need(out, output, ADVICE_REQUIRED, "Needed:");
    append_need(out, output, ADVICE_OPTIONAL, "Would also stop these messages; the program went on without:");
    const char *step = advise_next_step(output);
    if (step != NULL)
        append_paragraph(out, "%s", step);
    append_need(out, output, ADVICE_CHOICE, "Your choice:");
    append_left(out, output);
    if (output->list->notes->len > 0)
        g_string_append_c(out, '\n');
    for (guint i = 0; i < output->list->notes->len; i++)
        append_line(out, "Note: %s", (const char *)g_ptr_array_index(output->list->notes, i));
    if (output->dropped > 0)
        g_string_append_printf(
            out, "\nThe log could not keep up or be written; refusals that are not in it: %" G_GUINT64_FORMAT "\n",
            output->dropped);
    return g_string_free(out, FALSE);
}
