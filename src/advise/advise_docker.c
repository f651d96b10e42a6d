#include "advise_render.h"

#include "advise_command.h"
#include "advise_comments.h"
#include "advise_words.h"

static void append_place(GString *out, const struct advice *advice)
{
    if (advise_needs_copy(advice)) {
        advise_command_option(out, "-v", advice->spec.target);
    } else if (advice->kind == ADVICE_TMPFS) {
        g_autofree char *value = advise_tmpfs_value(&advice->spec, ADVISE_DOCKER);
        advise_command_option(out, "--tmpfs", value);
    } else if (advice->kind == ADVICE_VOLUME || advice->kind == ADVICE_BIND) {
        g_autofree char *value = advise_volume_value(&advice->spec);
        advise_command_option(out, "-v", value);
    }
}

char *advise_docker(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    g_autofree char *image = advise_shell(output->image);
    advise_comment_head(out, output, "Options of docker run; --rm also removes volumes without a name.");
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice) && advise_needs_copy(advice))
            advise_comment(out,
                           "%s: docker's tmpfs starts empty; a volume without a name starts with the image's content",
                           advice->spec.target);
    }
    advise_comment_rest(out, output);
    g_string_append(out, "docker run --rm --read-only");
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice))
            append_place(out, advice);
    }
    advise_command_variables(out, output);
    g_string_append_printf(out, " \\\n  %s\n", image);
    return g_string_free(out, FALSE);
}
