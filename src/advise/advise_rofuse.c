#include "advise_command.h"

static const char *place(const struct advice *advice, char **ret_value)
{
    bool is_tmpfs = advice->kind == ADVICE_TMPFS;
    *ret_value = is_tmpfs ? advise_tmpfs_value(&advice->spec, ADVISE_ROFUSE) : advise_volume_value(&advice->spec);
    return is_tmpfs ? "--tmpfs" : "-v";
}

char *advise_rofuse(const struct advise_output *output)
{
    static const struct advise_starter starter = {
        .title = "Options of rofuse run; rofuse mount takes the same, but for -e.",
        .command = "rofuse run",
        .image = "--image",
        .dialect = ADVISE_ROFUSE,
        .place = place,
    };
    return advise_command(output, &starter);
}
