#include "advise_command.h"

#include "advise_comments.h"
#include "advise_image.h"
#include "text.h"

static void append_option(GString *out, const char *option, const char *value)
{
    g_autofree char *quoted = text_shell(value);
    g_string_append_printf(out, " \\\n  %s %s", option, quoted);
}

static void append_places(GString *out, const struct advise_output *output, const struct advise_starter *starter)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->spec.target == NULL || !advise_applies(output, advice))
            continue;
        g_autofree char *value = NULL;
        const char *option = starter->place(advice, &value);
        if (option != NULL)
            append_option(out, option, value);
    }
}

static void append_variables(GString *out, const struct advise_output *output)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->kind != ADVICE_ENV || !advise_applies(output, advice))
            continue;
        g_autofree char *variable = g_strconcat(advice->name, "=", advice->value, NULL);
        append_option(out, "-e", variable);
    }
}

static void comment_places(GString *out, const struct advise_output *output, const struct advise_starter *starter)
{
    for (guint i = 0; starter->comment != NULL && i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice))
            starter->comment(out, advice);
    }
}

char *advise_command(const struct advise_output *output, const struct advise_starter *starter)
{
    GString *out = g_string_new(NULL);
    g_autofree char *image = text_shell(advise_image_word(output, starter->dialect));
    advise_comment_head(out, output, starter->title);
    comment_places(out, output, starter);
    advise_comment_rest(out, output);
    advise_image_comment(out, output, starter->dialect);
    g_string_append(out, starter->command);
    append_places(out, output, starter);
    append_variables(out, output);
    g_string_append_printf(out, " \\\n  %s%s%s\n", starter->image != NULL ? starter->image : "",
                           starter->image != NULL ? " " : "", image);
    return g_string_free(out, FALSE);
}
