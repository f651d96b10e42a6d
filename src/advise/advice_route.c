#include "advice_route.h"

#include "advice_target.h"
#include "place.h"

#include <string.h>

#define DEFAULT_MODE 01777

static bool is_route_of(const struct advice_input *input, const struct fact *fact, const struct route_spec *spec)
{
    const char *path = fact->route_target != NULL ? fact->route_target : fact->directory;
    const struct route_spec *route = advice_find_route(input, path);
    return route != NULL && strcmp(route->target, spec->target) == 0;
}

/* Whether it was the route's own directory that refused. */
static bool is_at_root(const struct advice_input *input, const struct fact *fact, const struct route_spec *spec)
{
    struct advice_seen directory, target;
    if (!fact_is_of_names(fact) && fact_is_write(fact))
        return false; /* a file that is there: its own owner and mode decide */
    advice_look(input, fact->directory, &directory);
    advice_look(input, spec->target, &target);
    bool is_root = strcmp(directory.path, target.path) == 0;
    g_free(directory.path);
    g_free(target.path);
    return is_root;
}

/* Whether more than one user was refused in a route's directory. */
static bool has_several_users(const struct advice_input *input, const struct fact *fact, const struct route_spec *spec)
{
    for (guint i = 0; i < input->facts->len; i++) {
        const struct fact *other = g_ptr_array_index(input->facts, i);
        if (other->why == DENIAL_PERMISSION && other->uid != fact->uid && is_route_of(input, other, spec))
            return true;
    }
    return false;
}

/* Whether the program went on, and would be refused by the image's own directory, too, on a root that can be written. */
static bool is_usual(const struct advice_input *input, const struct fact *fact, const struct route_spec *spec)
{
    struct advice_seen seen;
    bool is_known = advice_look(input, spec->target, &seen) && seen.is_directory;
    bool is_refused = is_known && fact->class == FACT_TOLERATED && !advice_lets_in(&seen, fact);
    g_free(seen.path);
    return is_refused;
}

static enum advice_mend mend_permission(const struct advice_input *input, const struct fact *fact,
                                        struct route_spec *spec, char **ret_text)
{
    if (fact->uid == (uid_t)-1 || fact->gid == (gid_t)-1 || !is_at_root(input, fact, spec)) {
        *ret_text =
            g_strdup_printf("%s lies in %s, which is declared; its own owner and mode refuse the program, and no "
                            "option changes those: whoever makes it must give it to the program's user",
                            fact->place, spec->target);
        return ADVICE_MEND_NONE;
    }
    if (is_usual(input, fact, spec)) {
        *ret_text = g_strdup_printf("in the image %s refuses it, too; it went on", spec->target);
        return ADVICE_MEND_NONE;
    }
    if (spec->kind != ROUTE_TMPFS) {
        *ret_text = g_strdup_printf("give the %s %s at %s to the program's user once: chown -R %u:%u",
                                    route_kind_name(spec->kind), spec->source != NULL ? spec->source : "without a name",
                                    spec->target, (unsigned)fact->uid, (unsigned)fact->gid);
        return ADVICE_MEND_OUTSIDE;
    }
    *ret_text = g_strdup_printf("it is declared, but its owner and mode refuse user %u", (unsigned)fact->uid);
    bool is_another = spec->has_uid && spec->uid != 0 && spec->uid != fact->uid;
    if (is_another || has_several_users(input, fact, spec)) {
        spec->has_mode = true;
        spec->mode = DEFAULT_MODE;
        return ADVICE_MEND_SPEC;
    }
    spec->has_uid = spec->has_gid = true;
    spec->uid = fact->uid;
    spec->gid = fact->gid;
    /* The owner's bits are what decides now. */
    if (spec->has_mode && (spec->mode & 0700) != 0700)
        spec->mode |= 0700;
    return ADVICE_MEND_SPEC;
}

static enum advice_mend mend_space(struct route_spec *spec, char **ret_text)
{
    const uint64_t most = UINT64_C(1) << 50;
    if (spec->kind == ROUTE_TMPFS && spec->nr_inodes != 0) {
        spec->nr_inodes *= spec->nr_inodes < most ? 4 : 1;
        spec->size *= spec->size < most ? 4 : 1;
    } else if (spec->kind == ROUTE_TMPFS && spec->size != 0) {
        spec->size *= spec->size < most ? 4 : 1;
    } else if (spec->kind == ROUTE_TMPFS && spec->size_percent != 0 && spec->size_percent < 100) {
        spec->size_percent = MIN(100, spec->size_percent * 2);
    } else {
        *ret_text = g_strdup_printf("%s is full, and no option makes it larger: %s", spec->target,
                                    spec->kind == ROUTE_TMPFS ? "it may have half of the memory; use a volume"
                                                              : "there must be more room where the host keeps it");
        return ADVICE_MEND_NONE;
    }
    *ret_text = g_strdup("it is declared, but was full");
    return ADVICE_MEND_SPEC;
}

enum advice_mend advice_mend_route(const struct advice_input *input, const struct fact *fact, struct route_spec *spec,
                                   char **ret_text)
{
    switch (fact->why) {
    case DENIAL_PERMISSION:
        return mend_permission(input, fact, spec, ret_text);
    case DENIAL_NO_SPACE:
        return mend_space(spec, ret_text);
    case DENIAL_DECLARED_NOEXEC:
        spec->noexec = false;
        *ret_text = g_strdup("it is declared, but noexec, and programs in it were to be executed");
        return ADVICE_MEND_SPEC;
    case DENIAL_DECLARED_READ_ONLY:
        spec->read_only = false;
        *ret_text = g_strdup("it is declared read-only; leave ro away only where the program shall write there");
        return ADVICE_MEND_CHOICE;
    case DENIAL_DECLARED_NOSUID:
        *ret_text = g_strdup_printf(
            "%s is nosuid, as it should be: a program that changes its user on execution belongs in the "
            "image",
            spec->target);
        return ADVICE_MEND_NONE;
    default:
        *ret_text = g_strdup_printf("%s is declared by now", spec->target);
        return ADVICE_MEND_NONE;
    }
}
