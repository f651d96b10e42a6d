#include "advise_command.h"

#include "advise_comments.h"

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

static const char *place(const struct advice *advice, char **ret_value)
{
    bool is_tmpfs = advice->kind == ADVICE_TMPFS;
    if (is_tmpfs && is_made(advice))
        return NULL;
    *ret_value = is_tmpfs ? advise_tmpfs_value(&advice->spec, ADVISE_PODMAN) : advise_volume_value(&advice->spec);
    return is_tmpfs ? "--tmpfs" : "-v";
}

char *advise_podman(const struct advise_output *output)
{
    static const struct advise_starter starter = {
        .title = "Options of podman run.",
        .command = "podman run --rm --read-only",
        .dialect = ADVISE_PODMAN,
        .place = place,
        .comment = comment,
    };
    return advise_command(output, &starter);
}
