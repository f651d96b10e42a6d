#include "advise_merge.h"

#include "advise_comments.h"
#include "advise_compose_value.h"
#include "app_error.h"
#include "merge_check.h"
#include "merge_service.h"
#include "text.h"

#include <string.h>

/* What is put in, sorted by where. */
struct parts {
    GPtrArray *applied; /* of const struct advice *, all that is not a setting */
    GPtrArray *names;   /* of char *, for each: a volume's name in the file, else NULL; owned */
    GPtrArray *tmpfs, *tmpfs_targets, *volumes, *volume_targets; /* of char *; values owned */
    GPtrArray *variables, *variable_values;
    GPtrArray *new_volumes; /* names at the top; borrowed from names */
};

static void parts_init(struct parts *parts)
{
    parts->applied = g_ptr_array_new();
    parts->names = g_ptr_array_new_with_free_func(g_free);
    parts->tmpfs = g_ptr_array_new_with_free_func(g_free);
    parts->tmpfs_targets = g_ptr_array_new();
    parts->volumes = g_ptr_array_new_with_free_func(g_free);
    parts->volume_targets = g_ptr_array_new();
    parts->variables = g_ptr_array_new();
    parts->variable_values = g_ptr_array_new_with_free_func(g_free);
    parts->new_volumes = g_ptr_array_new();
}

static void parts_clear(struct parts *parts)
{
    GPtrArray *const all[] = {parts->applied,       parts->names,           parts->tmpfs,
                              parts->tmpfs_targets, parts->volumes,         parts->volume_targets,
                              parts->variables,     parts->variable_values, parts->new_volumes};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        g_ptr_array_unref(all[i]);
}

/* A name of which no other volume of the project is called: whoever shares one shares data. Owned by the caller. */
static char *free_name(const struct merge_file *file, const struct parts *parts, const char *wanted)
{
    char *name = g_strdup(wanted);
    for (unsigned i = 1;
         merge_has_volume(file, name) || g_ptr_array_find_with_equal_func(parts->new_volumes, name, g_str_equal, NULL);
         i++) {
        g_free(name);
        name = i == 1 ? g_strconcat(file->service_name, "-", wanted, NULL)
                      : g_strdup_printf("%s-%s-%u", file->service_name, wanted, i);
    }
    return name;
}

static void take_place(struct parts *parts, const struct advice *advice, const char *name)
{
    const char *key;
    struct advice named = *advice;
    named.spec.source = name != NULL ? (char *)name : advice->spec.source;
    char *value = advise_compose_value(&named, &key);
    bool is_tmpfs = strcmp(key, "tmpfs") == 0;
    g_ptr_array_add(is_tmpfs ? parts->tmpfs : parts->volumes, value);
    g_ptr_array_add(is_tmpfs ? parts->tmpfs_targets : parts->volume_targets, advice->spec.target);
}

static gboolean take(const struct merge_file *file, struct parts *parts, const struct advice *advice, GError **error)
{
    char *name = NULL;
    if (advice->kind == ADVICE_ENV) {
        g_ptr_array_add(parts->variables, advice->name);
        g_ptr_array_add(parts->variable_values, advise_compose_escape(advice->value));
    } else if (advice->changes && advice->kind != ADVICE_TMPFS) {
        /* Its source in the file is not the one that the mount knows. */
        g_autofree char *target = text_word(advice->spec.target);
        return app_error_failed(error, "%s: what is declared at %s is to be changed by hand: %s", file->name, target,
                                advice->why);
    } else {
        if (advice->kind == ADVICE_VOLUME && advice->spec.source != NULL) {
            name = free_name(file, parts, advice->spec.source);
            g_ptr_array_add(parts->new_volumes, name);
        }
        take_place(parts, advice, name);
    }
    g_ptr_array_add(parts->applied, (gpointer)advice);
    g_ptr_array_add(parts->names, name);
    return TRUE;
}

static gboolean take_all(const struct merge_file *file, struct parts *parts, const struct advise_output *output,
                         GError **error)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->kind != ADVICE_SETTING && advise_applies(output, advice) && !take(file, parts, advice, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean edit(struct merge_file *file, const struct parts *parts, GError **error)
{
    if (!merge_read_only(file, error) || !merge_list(file, "tmpfs", parts->tmpfs, parts->tmpfs_targets, error) ||
        !merge_list(file, "volumes", parts->volumes, parts->volume_targets, error) ||
        !merge_environment(file, parts->variables, parts->variable_values, error))
        return FALSE;
    merge_finish(file);
    return merge_volumes(file, parts->new_volumes, error);
}

char *advise_merge_text(const struct advise_merge *merge, const char *text, size_t length, size_t *ret_length,
                        char **ret_diff, GError **error)
{
    struct merge_file file;
    struct parts parts;
    g_autofree char *name = text_word(merge->file), *changed = NULL;
    parts_init(&parts);
    gboolean done = merge_file_init(&file, name, text, length, merge->service, error) &&
                    take_all(&file, &parts, merge->output, error) && edit(&file, &parts, error);
    if (done) {
        changed = text_edits_apply(&file.edits, ret_length);
        const struct compose_draft draft = {.path = merge->path, .text = changed, .length = *ret_length};
        done = merge_check(merge->options, text, length, &draft, parts.applied, parts.names, error);
    }
    if (done)
        *ret_diff = text_edits_diff(&file.edits, name);
    parts_clear(&parts);
    merge_file_clear(&file);
    return done ? g_steal_pointer(&changed) : NULL;
}
