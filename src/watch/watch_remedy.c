#include "watch_remedy.h"

#include "text.h"

#include <string.h>

static const struct fact_fix *find_fix(const struct fact *fact, enum fact_fix_kind kind)
{
    for (guint i = 0; i < fact->fixes->len; i++) {
        const struct fact_fix *fix = g_ptr_array_index(fact->fixes, i);
        if (fix->kind == kind)
            return fix;
    }
    return NULL;
}

char *watch_remedy_tmpfs(const struct fact *fact)
{
    const struct fact_fix *fix = find_fix(fact, FACT_FIX_TMPFS);
    if (fix != NULL)
        return fact_fix_tmpfs_value(fix, fact);
    GString *value = g_string_new(fact->directory);
    g_string_append(value, ":tmpcopyup");
    /* The directory's own mode and owner come with what is in it; a user who may not write there needs them changed. */
    if (fact->uid != 0 && fact->uid != (uid_t)-1)
        g_string_append_printf(value, ",uid=%u", (unsigned)fact->uid);
    if (fact->gid != 0 && fact->gid != (gid_t)-1)
        g_string_append_printf(value, ",gid=%u", (unsigned)fact->gid);
    return g_string_free(value, FALSE);
}

/* "/var/lib/my app" as the name of a volume: var-lib-my-app. */
static char *volume_name(const char *directory)
{
    GString *name = g_string_new(NULL);
    for (const char *c = directory; *c != '\0' && name->len < 100; c++) {
        if (g_ascii_isalnum(*c) || ((*c == '.' || *c == '_') && name->len > 0))
            g_string_append_c(name, *c);
        else if (name->len > 0 && name->str[name->len - 1] != '-')
            g_string_append_c(name, '-');
    }
    if (name->len == 0)
        g_string_append(name, "data");
    return g_string_free(name, FALSE);
}

char *watch_remedy_volume(const struct fact *fact)
{
    const struct fact_fix *fix = find_fix(fact, FACT_FIX_VOLUME);
    const char *target = fix != NULL && fix->target != NULL ? fix->target : fact->directory;
    g_autofree char *name = fix != NULL && fix->name != NULL ? g_strdup(fix->name) : volume_name(target);
    return fix != NULL && fix->options != NULL ? g_strconcat(name, ":", target, ":", fix->options, NULL)
                                               : g_strconcat(name, ":", target, NULL);
}

char *watch_remedy_why_not(const struct fact *fact)
{
    if (fact->held_by != DENIAL_PLACE_ROUTE || fact->route_target == NULL)
        return NULL;
    g_autofree char *target = text_word(fact->route_target);
    return g_strdup_printf("%s is declared already, as a %s; another one does not help against %s", target,
                           fact->route_kind != NULL ? fact->route_kind : "route", denial_why_name(fact->why));
}
