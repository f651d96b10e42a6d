#include "advise_render.h"

#include "advise_command.h"
#include "advise_comments.h"
#include "advise_words.h"

char *advise_rofuse(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    g_autofree char *image = advise_shell(output->image);
    advise_comment_head(out, output, "Options of rofuse run; rofuse mount takes the same, but for -e.");
    advise_comment_rest(out, output);
    g_string_append(out, "rofuse run");
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (!advise_applies(output, advice) || advice->spec.target == NULL)
            continue;
        bool is_tmpfs = advice->kind == ADVICE_TMPFS;
        g_autofree char *value =
            is_tmpfs ? advise_tmpfs_value(&advice->spec, ADVISE_ROFUSE) : advise_volume_value(&advice->spec);
        advise_command_option(out, is_tmpfs ? "--tmpfs" : "-v", value);
    }
    advise_command_variables(out, output);
    g_string_append_printf(out, " \\\n  --image %s\n", image);
    return g_string_free(out, FALSE);
}
