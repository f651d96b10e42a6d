#include "watch_remedy.h"

#include "place.h"
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

/* The fact's directory; below the root, which cannot be declared, what was to be made there. Owned by the caller. */
static char *target_of(const struct fact *fact)
{
    size_t length = strcspn(fact->place + 1, "/*");
    if (strcmp(fact->directory, "/") != 0 || length == 0 || fact->place[1 + length] == '*')
        return g_strdup(fact->directory);
    return g_strndup(fact->place, 1 + length);
}

char *watch_remedy_tmpfs(const struct fact *fact)
{
    const struct fact_fix *fix = find_fix(fact, FACT_FIX_TMPFS);
    if (fix != NULL)
        return fact_fix_tmpfs_value(fix, fact);
    g_autofree char *target = target_of(fact);
    /* With what is in the directory come its owner and mode, by which nobody but root can be sure to write there. */
    if (fact->uid == 0)
        return g_strconcat(target, ":tmpcopyup", NULL);
    if (fact->uid == (uid_t)-1 || fact->gid == (gid_t)-1)
        return g_strconcat(target, ":mode=1777", NULL);
    return g_strdup_printf("%s:mode=0755,uid=%u,gid=%u", target, (unsigned)fact->uid, (unsigned)fact->gid);
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
    g_autofree char *target = fix != NULL && fix->target != NULL ? g_strdup(fix->target) : target_of(fact);
    g_autofree char *name = fix != NULL && fix->name != NULL ? g_strdup(fix->name) : volume_name(target);
    return fix != NULL && fix->options != NULL ? g_strconcat(name, ":", target, ":", fix->options, NULL)
                                               : g_strconcat(name, ":", target, NULL);
}

char *watch_remedy_why_not(const struct fact *fact)
{
    if (fact->held_by != DENIAL_PLACE_ROUTE || fact->route_target == NULL)
        return place_runtime_words(fact->place);
    g_autofree char *target = text_word(fact->route_target);
    return g_strdup_printf("%s is declared already, as a %s; another one does not help against %s", target,
                           fact->route_kind != NULL ? fact->route_kind : "route", denial_why_name(fact->why));
}

const char *watch_remedy_price(const struct fact *fact)
{
    g_autofree char *target = target_of(fact);
    bool is_known = find_fix(fact, FACT_FIX_TMPFS) != NULL || find_fix(fact, FACT_FIX_VOLUME) != NULL;
    return !is_known && place_sort_of(target) == PLACE_SYSTEM
               ? "its price: programs or settings of the whole system are opened with it"
               : NULL;
}
