#include "advise_render.h"

#include "advise_comments.h"
#include "advise_compose_value.h"
#include "advise_words.h"

#include <string.h>

static void append_list(GString *out, const struct advise_output *output, const char *key)
{
    bool has_title = false;
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        const char *its_key;
        g_autofree char *value = advise_compose_value(advice, &its_key);
        if (value == NULL || strcmp(key, its_key) != 0 || !advise_applies(output, advice))
            continue;
        if (!has_title)
            g_string_append_printf(out, "    %s:\n", key);
        has_title = true;
        g_autofree char *scalar = advise_yaml(value);
        g_string_append_printf(out, "      - %s\n", scalar);
    }
}

static void append_environment(GString *out, const struct advise_output *output)
{
    bool has_title = false;
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->kind != ADVICE_ENV || !advise_applies(output, advice))
            continue;
        if (!has_title)
            g_string_append(out, "    environment:\n");
        has_title = true;
        g_autofree char *escaped = advise_compose_escape(advice->value);
        g_autofree char *name = advise_yaml(advice->name), *value = advise_yaml(escaped);
        g_string_append_printf(out, "      %s: %s\n", name, value);
    }
}

static void append_volumes(GString *out, const struct advise_output *output)
{
    bool has_title = false;
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->kind != ADVICE_VOLUME || advice->changes || advice->spec.source == NULL ||
            !advise_applies(output, advice))
            continue;
        if (!has_title)
            g_string_append(out, "volumes:\n");
        has_title = true;
        g_autofree char *name = advise_yaml(advice->spec.source);
        g_string_append_printf(out, "  %s:\n", name);
    }
}

static void comment_copies(GString *out, const struct advise_output *output)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice) && advise_needs_copy(advice))
            advise_comment(out,
                           "%s: docker's tmpfs starts empty, so it is a volume without a name, which starts with the "
                           "image's content and goes with the container",
                           advice->spec.target);
        g_autofree char *owner = advise_applies(output, advice) ? advise_owner(advice) : NULL;
        if (owner != NULL)
            advise_comment(out, "%s", owner);
    }
}

char *advise_compose(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    g_autofree char *service = advise_yaml(output->service);
    advise_comment_head(out, output, "For the service in the Compose file; rofuse advise --merge FILE puts it there.");
    comment_copies(out, output);
    g_string_append_printf(out, "services:\n  %s:\n    read_only: true\n", service);
    append_list(out, output, "tmpfs");
    append_list(out, output, "volumes");
    append_environment(out, output);
    append_volumes(out, output);
    advise_comment_rest(out, output);
    return g_string_free(out, FALSE);
}
