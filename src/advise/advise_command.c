#include "advise_command.h"

#include "advise_comments.h"
#include "advise_words.h"

void advise_command_option(GString *out, const char *option, const char *value)
{
    g_autofree char *quoted = advise_shell(value);
    g_string_append_printf(out, " \\\n  %s %s", option, quoted);
}

void advise_command_variables(GString *out, const struct advise_output *output)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->kind != ADVICE_ENV || !advise_applies(output, advice))
            continue;
        g_autofree char *variable = g_strconcat(advice->name, "=", advice->value, NULL);
        advise_command_option(out, "-e", variable);
    }
}
