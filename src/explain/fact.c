#include "fact.h"

#include <string.h>

struct fact *fact_new(void)
{
    struct fact *fact = g_new0(struct fact, 1);
    fact->alternatives = g_ptr_array_new_with_free_func(g_free);
    fact->paths = g_ptr_array_new_with_free_func(g_free);
    fact->parents = g_ptr_array_new_with_free_func(g_free);
    fact->groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    fact->fixes = g_ptr_array_new_with_free_func((GDestroyNotify)fact_fix_free);
    fact->args = g_new0(char *, 1);
    fact->reason = g_strdup("");
    fact->pid = -1;
    fact->uid = (uid_t)-1;
    fact->gid = (gid_t)-1;
    fact->layer = -1;
    fact->because = FACT_NOT_SEEN;
    return fact;
}

void fact_free(struct fact *fact)
{
    if (fact == NULL)
        return;
    g_free(fact->id);
    g_free(fact->place);
    g_free(fact->directory);
    g_ptr_array_unref(fact->alternatives);
    g_ptr_array_unref(fact->paths);
    g_free(fact->layer_dir);
    g_free(fact->route_target);
    g_free(fact->route_kind);
    g_free(fact->executable);
    g_free(fact->comm);
    g_strfreev(fact->args);
    g_ptr_array_unref(fact->parents);
    g_array_unref(fact->groups);
    g_free(fact->container_id);
    g_free(fact->reason);
    g_free(fact->knowledge);
    g_free(fact->note);
    g_free(fact->reported);
    g_ptr_array_unref(fact->fixes);
    g_free(fact);
}

static GPtrArray *copy_strings(const GPtrArray *list)
{
    GPtrArray *copy = g_ptr_array_new_full(list->len, g_free);
    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(copy, g_strdup(g_ptr_array_index(list, i)));
    return copy;
}

static GPtrArray *copy_fixes(const GPtrArray *list)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)fact_fix_free);
    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(copy, fact_fix_copy(g_ptr_array_index(list, i)));
    return copy;
}

struct fact *fact_copy(const struct fact *fact)
{
    struct fact *copy = g_new(struct fact, 1);
    *copy = *fact;
    copy->id = g_strdup(fact->id);
    copy->place = g_strdup(fact->place);
    copy->directory = g_strdup(fact->directory);
    copy->alternatives = copy_strings(fact->alternatives);
    copy->paths = copy_strings(fact->paths);
    copy->layer_dir = g_strdup(fact->layer_dir);
    copy->route_target = g_strdup(fact->route_target);
    copy->route_kind = g_strdup(fact->route_kind);
    copy->executable = g_strdup(fact->executable);
    copy->comm = g_strdup(fact->comm);
    copy->args = g_strdupv(fact->args);
    copy->parents = copy_strings(fact->parents);
    copy->groups = g_array_copy(fact->groups);
    copy->container_id = g_strdup(fact->container_id);
    copy->reason = g_strdup(fact->reason);
    copy->knowledge = g_strdup(fact->knowledge);
    copy->note = g_strdup(fact->note);
    copy->reported = g_strdup(fact->reported);
    copy->fixes = copy_fixes(fact->fixes);
    return copy;
}

void fact_fix_free(struct fact_fix *fix)
{
    if (fix == NULL)
        return;
    g_free(fix->target);
    g_free(fix->options);
    g_free(fix->name);
    g_free(fix->value);
    g_free(fix);
}

struct fact_fix *fact_fix_copy(const struct fact_fix *fix)
{
    struct fact_fix *copy = g_new(struct fact_fix, 1);
    *copy = *fix;
    copy->target = g_strdup(fix->target);
    copy->options = g_strdup(fix->options);
    copy->name = g_strdup(fix->name);
    copy->value = g_strdup(fix->value);
    return copy;
}

static const char *known_program(const struct fact *fact)
{
    return fact->executable != NULL ? fact->executable : fact->comm != NULL ? fact->comm : "";
}

bool fact_found_layer_full(const struct fact *fact)
{
    return fact->why == DENIAL_NO_SPACE && fact->held_by != DENIAL_PLACE_ROUTE;
}

void fact_set_id(struct fact *fact)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    const char *const parts[] = {known_program(fact), fact->place, denial_why_name(fact->why),
                                 fact->learned ? "learned" : ""};
    /* With their ends, so that no two lists of parts are the same bytes. */
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        g_checksum_update(sum, (const guchar *)parts[i], (gssize)strlen(parts[i]) + 1);
    g_free(fact->id);
    fact->id = g_strdup_printf("f-%.16s", g_checksum_get_string(sum));
}

char *fact_program(const struct fact *fact)
{
    const char *known = known_program(fact), *slash = strrchr(known, '/');
    if (fact->executable != NULL && slash != NULL && slash[1] != '\0')
        return g_strdup(slash + 1);
    return g_strdup(*known != '\0' ? known : "?");
}

bool fact_has(const struct fact *fact, enum denial_operation operation)
{
    return (fact->operations & (UINT32_C(1) << operation)) != 0;
}

bool fact_is_write(const struct fact *fact)
{
    static const enum denial_operation attributes[] = {
        DENIAL_CHMOD, DENIAL_CHOWN, DENIAL_UTIMES, DENIAL_SETXATTR, DENIAL_REMOVEXATTR, DENIAL_SETFLAGS, DENIAL_EXEC};
    uint32_t left = fact->operations;
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
        left &= ~(UINT32_C(1) << attributes[i]);
    return left != 0;
}

bool fact_is_of_names(const struct fact *fact)
{
    static const enum denial_operation of_names[] = {DENIAL_CREATE, DENIAL_TMPFILE, DENIAL_MKDIR,
                                                     DENIAL_MKNOD,  DENIAL_SYMLINK, DENIAL_LINK,
                                                     DENIAL_UNLINK, DENIAL_RMDIR,   DENIAL_RENAME};
    for (size_t i = 0; i < G_N_ELEMENTS(of_names); i++) {
        if (fact_has(fact, of_names[i]))
            return true;
    }
    return false;
}

char *fact_fix_tmpfs_value(const struct fact_fix *fix, const struct fact *fact)
{
    if (fix->kind != FACT_FIX_TMPFS)
        return NULL;
    GString *value = g_string_new(fix->target);
    char before = ':';
    if (fix->options != NULL) {
        g_string_append_printf(value, "%c%s", before, fix->options);
        before = ',';
    }
    /* Root's is a tmpfs as it is. */
    bool is_root = fact->uid == 0 && fact->gid == 0;
    if (fix->for_writer && !is_root && fact->uid != (uid_t)-1 && fact->gid != (gid_t)-1) {
        g_string_append_printf(value, "%cuid=%u,gid=%u", before, (unsigned)fact->uid, (unsigned)fact->gid);
        before = ',';
    }
    if (fix->copy)
        g_string_append_printf(value, "%ctmpcopyup", before);
    return g_string_free(value, FALSE);
}

char *fact_fix_words(const struct fact_fix *fix, const struct fact *fact)
{
    g_autofree char *value = fact_fix_tmpfs_value(fix, fact);
    switch (fix->kind) {
    case FACT_FIX_TMPFS:
        return g_strconcat("--tmpfs ", value, NULL);
    case FACT_FIX_VOLUME:
        return g_strdup_printf("-v %s:%s", fix->name, fix->target);
    case FACT_FIX_ENV:
        return g_strdup_printf("-e %s=%s", fix->name, fix->value);
    case FACT_FIX_COMMAND:
    case FACT_FIX_REBUILD:
        return g_strdup(fix->value);
    default:
        return g_strdup("");
    }
}

static const char *const class_names[FACT_N_CLASSES] = {
    [FACT_OPEN] = "open",
    [FACT_PROBE] = "probe",
    [FACT_TOLERATED] = "tolerated",
    [FACT_FATAL] = "fatal",
};

static const char *const because_names[FACT_N_BECAUSES] = {
    [FACT_WAITING] = "waiting",
    [FACT_NOT_SEEN] = "not-seen",
    [FACT_LEARNED] = "learned",
    [FACT_ASKED] = "asked",
    [FACT_NOISE] = "noise",
    [FACT_KNOWN] = "known",
    [FACT_STEP_FAILED] = "step-failed",
    [FACT_ENDED_WELL] = "ended-well",
    [FACT_WENT_ON] = "went-on",
    [FACT_ENDED_EARLIER] = "ended-earlier",
    [FACT_ENDED_LAST] = "ended-last",
};

static const char *const fix_kind_names[FACT_FIX_N_KINDS] = {
    [FACT_FIX_TMPFS] = "tmpfs",     [FACT_FIX_VOLUME] = "volume",   [FACT_FIX_ENV] = "env",
    [FACT_FIX_COMMAND] = "command", [FACT_FIX_REBUILD] = "rebuild", [FACT_FIX_NONE] = "none",
};

const char *fact_class_name(enum fact_class class)
{
    return class_names[class];
}

const char *fact_class_word(enum fact_class class, bool is_learned)
{
    return class == FACT_OPEN && is_learned ? "learned" : fact_class_name(class);
}

const char *fact_because_name(enum fact_because because)
{
    return because_names[because];
}

const char *fact_fix_kind_name(enum fact_fix_kind kind)
{
    return fix_kind_names[kind];
}

/* Which of some names it is; -1 for none. */
static int find_name(const char *name, const char *const *names, int n)
{
    for (int i = 0; name != NULL && i < n; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

bool fact_class_parse(const char *name, enum fact_class *ret)
{
    int found = find_name(name, class_names, FACT_N_CLASSES);
    *ret = found >= 0 ? (enum fact_class)found : FACT_OPEN;
    return found >= 0;
}

bool fact_because_parse(const char *name, enum fact_because *ret)
{
    int found = find_name(name, because_names, FACT_N_BECAUSES);
    *ret = found >= 0 ? (enum fact_because)found : FACT_NOT_SEEN;
    return found >= 0;
}

bool fact_fix_kind_parse(const char *name, enum fact_fix_kind *ret)
{
    int found = find_name(name, fix_kind_names, FACT_FIX_N_KINDS);
    *ret = found >= 0 ? (enum fact_fix_kind)found : FACT_FIX_NONE;
    return found >= 0;
}
