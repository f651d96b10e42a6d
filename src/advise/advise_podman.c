#include "advise_render.h"

#include "advise_command.h"
#include "advise_comments.h"
#include "advise_words.h"

/* What --read-only makes by itself (podman-run(1), --read-only-tmpfs). */
static bool is_made(const struct advice *advice)
{
    static const char *const made[] = {"/run", "/tmp", "/var/tmp", NULL};
    g_autofree char *options = advise_tmpfs_options(&advice->spec, ADVISE_PODMAN);
    return advice->kind == ADVICE_TMPFS && *options == '\0' && g_strv_contains(made, advice->spec.target);
}

static void comment(GString *out, const struct advice *advice)
{
    if (is_made(advice))
        advise_comment(out, "%s: podman makes it with --read-only (--read-only-tmpfs)", advice->spec.target);
    if (advice->kind == ADVICE_TMPFS && advice->spec.has_uid)
        advise_comment(out, "%s: podman's tmpfs takes no uid= and gid=; mode=1777 lets everybody in",
                       advice->spec.target);
    if (advice->kind == ADVICE_TMPFS && advice->spec.nr_inodes != 0)
        advise_comment(out, "%s: podman's tmpfs takes no nr_inodes=", advice->spec.target);
    if (advise_needs_copy(advice))
        advise_comment(out, "%s: podman's tmpfs starts with the image's content (tmpcopyup)", advice->spec.target);
}

static void append_place(GString *out, const struct advice *advice)
{
    if (advice->kind == ADVICE_TMPFS && !is_made(advice)) {
        g_autofree char *value = advise_tmpfs_value(&advice->spec, ADVISE_PODMAN);
        advise_command_option(out, "--tmpfs", value);
    } else if (advice->kind == ADVICE_VOLUME || advice->kind == ADVICE_BIND) {
        g_autofree char *value = advise_volume_value(&advice->spec);
        advise_command_option(out, "-v", value);
    }
}

char *advise_podman(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    g_autofree char *image = advise_shell(output->image);
    advise_comment_head(out, output, "Options of podman run.");
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice))
            comment(out, advice);
    }
    advise_comment_rest(out, output);
    g_string_append(out, "podman run --rm --read-only");
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice))
            append_place(out, advice);
    }
    advise_command_variables(out, output);
    g_string_append_printf(out, " \\\n  %s\n", image);
    return g_string_free(out, FALSE);
}
