#include "run_findings.h"

#include <string.h>

static void free_advice(void *data)
{
    struct run_advice *advice = data;
    g_free(advice->target);
    g_free(advice->option);
    g_free(advice->key);
    g_free(advice->element);
    g_free(advice);
}

static bool has_operation(const struct run_group *group, const char *operation)
{
    return g_ptr_array_find_with_equal_func(group->operations, operation, g_str_equal, NULL);
}

static bool has_write(const struct run_group *group)
{
    for (guint i = 0; i < group->operations->len; i++) {
        if (run_tally_is_write(g_ptr_array_index(group->operations, i)))
            return true;
    }
    return false;
}

/* The directory that would have to be declared for a group; NULL where that is no matter of declaring. Owned. */
static char *wanted_target(const struct run_group *group)
{
    if (group->is_probe || group->count == 0 || strcmp(group->why, "not-declared") != 0 ||
        (!has_write(group) && !group->is_own_place))
        return NULL;
    /* Where one new directory was wanted it is that, and not the one it would have been made in: but for a cache, where
     * others are going to follow. */
    bool is_made = has_operation(group, "mkdir") && !group->has_several_names && !run_hint_is_passing(group->directory);
    bool is_own = is_made || group->is_own_place;
    char *target = is_own ? g_build_filename(group->directory, group->name, NULL) : g_strdup(group->directory);
    if (run_hint_of(target) == RUN_HINT_NONE)
        g_clear_pointer(&target, g_free);
    return target;
}

/* A volume's name must be one volume's: the second "data" is "data-2". */
static char *unique_volume_name(const GPtrArray *advices, const char *target)
{
    g_autofree char *base = run_hint_volume_name(target);
    unsigned same = 1;
    for (guint i = 0; i < advices->len; i++) {
        const struct run_advice *other = g_ptr_array_index(advices, i);
        g_autofree char *name = run_hint_volume_name(other->target);
        same += other->kind == RUN_HINT_VOLUME && strcmp(name, base) == 0;
    }
    return same == 1 ? g_steal_pointer(&base) : g_strdup_printf("%s-%u", base, same);
}

static struct run_advice *make_advice(const GPtrArray *advices, const char *target)
{
    struct run_advice *advice = g_new0(struct run_advice, 1);
    advice->kind = run_hint_of(target);
    advice->target = g_strdup(target);
    if (advice->kind == RUN_HINT_VOLUME) {
        g_autofree char *name = unique_volume_name(advices, target);
        advice->element = g_strconcat(name, ":", target, NULL);
        advice->option = g_strconcat("-v ", advice->element, NULL);
        advice->key = g_strdup("volumes");
    } else {
        advice->element = g_strdup(target);
        advice->option = g_strconcat("--tmpfs ", target, NULL);
        advice->key = g_strdup("tmpfs");
    }
    return advice;
}

static const struct run_advice *find_covering(const GPtrArray *advices, const char *target)
{
    for (guint i = 0; i < advices->len; i++) {
        const struct run_advice *advice = g_ptr_array_index(advices, i);
        if (run_hint_is_below(target, advice->target))
            return advice;
    }
    return NULL;
}

static bool is_covered(const GPtrArray *targets, guint index)
{
    const char *target = g_ptr_array_index(targets, index);
    for (guint i = 0; i < targets->len; i++) {
        const char *other = g_ptr_array_index(targets, i);
        bool is_same = strcmp(target, other) == 0;
        if (is_same ? i < index : run_hint_is_below(target, other))
            return true;
    }
    return false;
}

/* In order of appearance: what comes first is what the program stumbled over. */
static void collect_advices(const struct run_tally *tally, GPtrArray *advices)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < tally->groups->len; i++) {
        char *target = wanted_target(g_ptr_array_index(tally->groups, i));
        if (target != NULL)
            g_ptr_array_add(targets, target);
    }
    for (guint i = 0; i < targets->len; i++) {
        if (!is_covered(targets, i))
            g_ptr_array_add(advices, make_advice(advices, g_ptr_array_index(targets, i)));
    }
}

void run_findings_make(const struct run_tally *tally, const struct state *state, const bool *written,
                       struct run_findings *ret)
{
    ret->tally = tally;
    ret->advices = g_ptr_array_new_with_free_func(free_advice);
    ret->unused = g_ptr_array_new();
    collect_advices(tally, ret->advices);
    for (size_t i = 0; written != NULL && i < state->n_routes; i++) {
        if (!written[i] && !state->routes[i].read_only)
            g_ptr_array_add(ret->unused, &state->routes[i]);
    }
}

void run_findings_clear(struct run_findings *findings)
{
    g_ptr_array_unref(findings->advices);
    g_ptr_array_unref(findings->unused);
}

const struct run_advice *run_findings_advice(const struct run_findings *findings, const struct run_group *group)
{
    g_autofree char *target = wanted_target(group);
    return target != NULL ? find_covering(findings->advices, target) : NULL;
}

static char *permission_remark(const struct run_group *group)
{
    if (group->route == NULL)
        return g_strdup_printf("the image's owner and mode refuse user %" G_GINT64_FORMAT, group->uid);
    return g_strdup_printf("%s is declared, but its owner and mode refuse user %" G_GINT64_FORMAT, group->route,
                           group->uid);
}

char *run_findings_remark(const struct run_group *group)
{
    static const struct {
        const char *why, *text;
    } remarks[] = {
        {"declared-read-only", "is declared read-only"},
        {"no-space", "is full"},
        {"declared-noexec", "is noexec; declare it with exec"},
        {"declared-nosuid", "is nosuid"},
    };
    if (strcmp(group->why, "permission") == 0)
        return permission_remark(group);
    for (size_t i = 0; i < G_N_ELEMENTS(remarks); i++) {
        if (strcmp(group->why, remarks[i].why) == 0)
            return g_strconcat(group->route != NULL ? group->route : "it", " ", remarks[i].text, NULL);
    }
    return g_strdup("");
}
