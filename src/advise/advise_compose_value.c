#include "advise_compose_value.h"

#include "advise_words.h"

char *advise_compose_escape(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "$", -1);
    return g_strjoinv("$$", parts);
}

char *advise_compose_value(const struct advice *advice, const char **ret_key)
{
    g_autofree char *value = NULL;
    *ret_key = "volumes";
    if (advise_needs_copy(advice)) {
        value = g_strdup(advice->spec.target);
    } else if (advice->kind == ADVICE_TMPFS) {
        *ret_key = "tmpfs";
        value = advise_tmpfs_value(&advice->spec, ADVISE_DOCKER);
    } else if (advice->kind == ADVICE_VOLUME || advice->kind == ADVICE_BIND) {
        value = advise_volume_value(&advice->spec);
    }
    return value != NULL ? advise_compose_escape(value) : NULL;
}
