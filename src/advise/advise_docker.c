#include "advise_command.h"

#include "advise_comments.h"

static const char *place(const struct advice *advice, char **ret_value)
{
    if (advise_needs_copy(advice)) {
        *ret_value = g_strdup(advice->spec.target);
        return "-v";
    }
    bool is_tmpfs = advice->kind == ADVICE_TMPFS;
    *ret_value = is_tmpfs ? advise_tmpfs_value(&advice->spec, ADVISE_DOCKER) : advise_volume_value(&advice->spec);
    return is_tmpfs ? "--tmpfs" : "-v";
}

static void comment(GString *out, const struct advice *advice)
{
    if (advise_needs_copy(advice))
        advise_comment(out, "%s: docker's tmpfs starts empty; a volume without a name starts with the image's content",
                       advice->spec.target);
    g_autofree char *owner = advise_owner(advice);
    if (owner != NULL)
        advise_comment(out, "%s", owner);
}

char *advise_docker(const struct advise_output *output)
{
    static const struct advise_starter starter = {
        .title = "Options of docker run; --rm also removes volumes without a name.",
        .command = "docker run --rm --read-only",
        .dialect = ADVISE_DOCKER,
        .place = place,
        .comment = comment,
    };
    return advise_command(output, &starter);
}
