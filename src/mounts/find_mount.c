#include "find_mount.h"

#include "app_error.h"
#include "mount_table.h"
#include "quantity.h"
#include "state_dir.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as a line can name. */
#define MOST_NAMED 5

/* The rofuse mount at a path: as it is written first, so that a dead mount at its end is not touched. */
static const struct mount_entry *entry_at(const GPtrArray *table, const char *word, char **ret_absolute)
{
    *ret_absolute = paths_absolute(word, NULL);
    const struct mount_entry *entry = *ret_absolute != NULL ? mount_table_at(table, *ret_absolute) : NULL;
    if (entry != NULL)
        return entry;
    char *resolved = realpath(word, NULL);
    if (resolved != NULL)
        entry = mount_table_at(table, resolved);
    free(resolved);
    return entry;
}

/* Takes the state with this mount point (and name, where one is given), a live one rather than a dead one. */
static struct state *take_state(GPtrArray *states, const char *point, const char *name)
{
    int best = -1;
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        if ((point == NULL || strcmp(state->mountpoint, point) == 0) &&
            (name == NULL || strcmp(state->name, name) == 0) && (best < 0 || state_is_alive(state)))
            best = (int)i;
    }
    return best >= 0 ? g_ptr_array_steal_index(states, (guint)best) : NULL;
}

/* "user_id=1000" among the options of a FUSE file system. */
static uid_t owner_of(const struct mount_entry *entry)
{
    g_auto(GStrv) options = g_strsplit(entry->super_options, ",", -1);
    for (char **option = options; *option != NULL; option++) {
        uint32_t id;
        if (g_str_has_prefix(*option, "user_id=") && quantity_id(*option + strlen("user_id="), &id))
            return id;
    }
    return (uid_t)-1;
}

static struct found_mount *from_entry(const struct mount_entry *entry, struct state *state)
{
    struct found_mount *found = g_new0(struct found_mount, 1);
    found->point = g_strdup(entry->point);
    found->name = g_strdup(entry->source);
    found->is_mounted = true;
    found->device = entry->device;
    found->owner = owner_of(entry);
    found->state = state;
    return found;
}

static struct found_mount *from_state(const GPtrArray *table, struct state *state)
{
    const struct mount_entry *entry = mount_table_at(table, state->mountpoint);
    /* What is mounted there by now may be another one. */
    if (mount_entry_is_rofuse(entry) && strcmp(entry->source, state->name) == 0)
        return from_entry(entry, state);
    struct found_mount *found = g_new0(struct found_mount, 1);
    found->point = g_strdup(state->mountpoint);
    found->name = g_strdup(state->name);
    found->device = state->device;
    found->owner = (uid_t)-1;
    found->state = state;
    return found;
}

/* Says that the state of what is mounted there was not found. Always FALSE. */
static gboolean fail_unread(const struct mount_entry *entry, const struct paths *paths, const char *word,
                            GError **error)
{
    const struct found_mount found = {.owner = owner_of(entry)};
    return found_mount_fail_unread(&found, paths, word, error);
}

/* The last one of that name that is mounted, or NULL: no more than a hint, as whoever mounts chooses its name. */
static const struct mount_entry *entry_named(const GPtrArray *table, const char *name)
{
    for (guint i = table->len; i > 0; i--) {
        const struct mount_entry *entry = g_ptr_array_index(table, i - 1);
        if (mount_entry_is_rofuse(entry) && strcmp(entry->source, name) == 0)
            return entry;
    }
    return NULL;
}

char *find_mount_those(const struct paths *paths)
{
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    g_autoptr(GString) names = g_string_new(NULL);
    guint n = 0;
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        if (!state_is_alive(state) || n++ >= MOST_NAMED)
            continue;
        g_autofree char *point = text_word(state->mountpoint);
        g_string_append_printf(names, "%s%s (%s)", n > 1 ? ", " : "", state->name, point);
    }
    if (n == 0)
        return g_strdup("rofuse status lists those that there are");
    if (n > MOST_NAMED)
        g_string_append_printf(names, " and %u more, which rofuse status lists", n - MOST_NAMED);
    return g_strconcat(n == 1 ? "there is " : "there are ", names->str, NULL);
}

struct found_mount *find_mount(const struct paths *paths, const char *word, GError **error)
{
    g_autoptr(GPtrArray) table = mount_table_read(error);
    if (table == NULL)
        return NULL;
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    g_autofree char *absolute = NULL;
    const struct mount_entry *entry = entry_at(table, word, &absolute);
    if (mount_entry_is_rofuse(entry))
        return from_entry(entry, take_state(states, entry->point, entry->source));
    struct state *state = absolute != NULL ? take_state(states, absolute, NULL) : NULL;
    if (state == NULL && strchr(word, '/') == NULL)
        state = take_state(states, NULL, word);
    if (state != NULL)
        return from_state(table, state);
    entry = strchr(word, '/') == NULL ? entry_named(table, word) : NULL;
    g_autofree char *shown = text_word(word);
    g_autofree char *those = find_mount_those(paths);
    if (entry != NULL)
        fail_unread(entry, paths, word, error);
    else
        app_error_failed(error, "%s is not a rofuse mount; %s", shown, those);
    return NULL;
}

gboolean found_mount_fail_unread(const struct found_mount *found, const struct paths *paths, const char *word,
                                 GError **error)
{
    g_autofree char *shown = text_word(word);
    if (found->owner != (uid_t)-1 && found->owner != geteuid() && geteuid() != 0)
        return app_error_failed(error, "%s is a mount of user %u; that user and root alone may ask its daemon", shown,
                                (unsigned)found->owner);
    return app_error_failed(error, "%s is a rofuse mount, but its state is not in %s; say where with --state-dir DIR",
                            shown, paths->run);
}

bool mounts_are_anothers(const struct paths *paths, GError **error)
{
    if (access(paths->run, R_OK | X_OK) == 0 || errno != EACCES)
        return false;
    /* What can be looked at is what keeps us out: the directory, or one that it is in. */
    g_autofree char *path = g_strdup(paths->run);
    struct stat st;
    while (stat(path, &st) != 0) {
        if (strlen(path) <= 1)
            return false;
        char *parent = g_path_get_dirname(path);
        g_free(path);
        path = parent;
    }
    app_error_failed(error, "the mounts of %s are user %u's; that user and root alone may ask their daemons",
                     paths->run, (unsigned)st.st_uid);
    return true;
}

/* Another user's, or NULL; root has no others. */
static const struct mount_entry *entry_of_others(const GPtrArray *table)
{
    for (guint i = 0; geteuid() != 0 && i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (mount_entry_is_rofuse(entry) && owner_of(entry) != geteuid())
            return entry;
    }
    return NULL;
}

bool mounts_are_others(const GPtrArray *table, const struct paths *paths, GError **error)
{
    const struct mount_entry *entry = entry_of_others(table);
    return entry != NULL && !fail_unread(entry, paths, entry->point, error);
}

bool mounts_are_elsewhere(const struct paths *paths, GError **error)
{
    g_autoptr(GPtrArray) table = mount_table_read(NULL);
    const struct mount_entry *entry = table != NULL ? entry_of_others(table) : NULL;
    bool is_others = entry != NULL;
    for (guint i = 0; table != NULL && entry == NULL && i < table->len; i++)
        if (mount_entry_is_rofuse(g_ptr_array_index(table, i)))
            entry = g_ptr_array_index(table, i);
    if (entry == NULL)
        return false;
    g_autofree char *shown = text_word(entry->point);
    if (is_others)
        app_error_failed(error,
                         "there is no mount of yours; %s is one of user %u, and that user and root alone may ask its "
                         "daemon",
                         shown, (unsigned)owner_of(entry));
    else
        app_error_failed(error,
                         "there is no mount in %s; the state of %s is kept elsewhere: say where with --state-dir DIR",
                         paths->run, shown);
    return true;
}

void found_mount_free(struct found_mount *found)
{
    if (found == NULL)
        return;
    g_free(found->point);
    g_free(found->name);
    state_free(found->state);
    g_free(found);
}
