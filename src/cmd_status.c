#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "control_client.h"
#include "control_socket.h"
#include "counters_file.h"
#include "find_mount.h"
#include "mount_table.h"
#include "state_dir.h"
#include "status_text.h"
#include "text.h"

#include <string.h>

static const char summary[] =
    "Shows the mounts that there are, or one: where, since when, by which process, with which layers,\n"
    "with which places that may be written, how full they are and what was written there by whom, where the\n"
    "log goes and what of it was lost.";

static const char examples[] = "Examples:\n"
                               "  rofuse status\n"
                               "  rofuse status /mnt/root\n"
                               "  rofuse status --json | jq '.mounts[].routes[]'\n"
                               "\n"
                               "The exit status is 0, 1 when there is no such mount, 2 when the arguments are wrong.";

/* For a daemon that is stopped or busy; it has no more to do than to look into its memory. */
#define ANSWER_MS 2000

/* Where it is mounted, or NULL. */
static const struct mount_entry *find_entry(const GPtrArray *table, const struct state *state)
{
    const struct mount_entry *entry = mount_table_at(table, state->mountpoint);
    return mount_entry_is_rofuse(entry) && strcmp(entry->source, state->name) == 0 ? entry : NULL;
}

/* Asks the daemon itself; NULL where it does not answer, which is no failure. A new reference. */
static json_t *ask_daemon(const struct paths *paths, const struct state *state)
{
    g_autofree char *path = control_socket_path(paths->run, state->name);
    struct control_client *client = control_client_new(path, NULL);
    if (client == NULL)
        return NULL;
    control_client_set_patience(client, ANSWER_MS);
    json_t *live = control_client_ask(client, "status", NULL, NULL);
    control_client_free(client);
    return live;
}

static void free_live(gpointer live)
{
    json_decref(live);
}

/* Asks the mount how full its routes are; a dead or detached one is not asked. Owned by the caller. */
static struct guard_space *ask_space(const struct mount_status *status)
{
    const struct state *state = status->state;
    struct guard_space *space = g_new0(struct guard_space, state->n_routes + 1);
    if (!status->is_alive || !status->is_mounted || !state->ready)
        return space;
    g_autofree const char **targets = g_new0(const char *, state->n_routes + 1);
    for (size_t i = 0; i < state->n_routes; i++)
        targets[i] = state->routes[i].target;
    guard_statvfs(state->mountpoint, targets, state->n_routes, space);
    return space;
}

static int print(const struct mount_status *statuses, size_t n, gboolean as_json)
{
    g_autofree char *text = as_json ? status_json(statuses, n) : status_text(statuses, n);
    GError *error = NULL;
    return command_print(text, &error) ? 0 : app_error_print(error);
}

static int show(const struct paths *paths, const GPtrArray *table, struct state *const *states, size_t n,
                gboolean as_json)
{
    g_autofree struct mount_status *statuses = g_new0(struct mount_status, n + 1);
    g_autoptr(GPtrArray) spaces = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) lives = g_ptr_array_new_with_free_func(free_live);
    size_t shown = 0;
    for (size_t i = 0; i < n; i++) {
        struct mount_status *status = &statuses[shown];
        status->state = states[i];
        status->is_alive = state_is_alive(states[i]);
        const struct mount_entry *entry = find_entry(table, states[i]);
        status->is_mounted = entry != NULL;
        status->options = entry != NULL ? entry->options : NULL;
        status->super_options = entry != NULL ? entry->super_options : NULL;
        /* Nothing but a file is left of it: no mount any more. */
        if (!status->is_alive && !status->is_mounted)
            continue;
        struct guard_space *space = ask_space(status);
        g_ptr_array_add(spaces, space);
        status->space = space;
        status->has_counters =
            status->is_alive && counters_file_read(paths->run, status->state->name, &status->counters);
        json_t *live = status->is_alive && states[i]->ready ? ask_daemon(paths, states[i]) : NULL;
        if (live != NULL)
            g_ptr_array_add(lives, live);
        status->live = live;
        shown++;
    }
    return print(statuses, shown, as_json);
}

static int show_one(const struct paths *paths, const GPtrArray *table, const char *word, gboolean as_json,
                    GError **error)
{
    struct found_mount *found = find_mount(paths, word, error);
    if (found == NULL) {
        GError *whose = NULL;
        if (strchr(word, '/') == NULL && mounts_are_anothers(paths, &whose)) {
            g_clear_error(error);
            g_propagate_error(error, whose);
        }
        return APP_ERROR_FAILED;
    }
    int status = APP_ERROR_FAILED;
    g_autofree char *shown = text_word(word);
    if (found->state == NULL)
        found_mount_fail_unread(found, paths, word, error);
    else if (!found->is_mounted && !state_is_alive(found->state))
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s is not a rofuse mount any more; its daemon has ended",
                    shown);
    else
        status = show(paths, table, &found->state, 1, as_json);
    found_mount_free(found);
    return status;
}

static int run(const char *state_dir, const char *word, gboolean as_json, GError **error)
{
    struct paths *paths = paths_find(state_dir, error);
    g_autoptr(GPtrArray) table = paths != NULL ? mount_table_read(error) : NULL;
    int status = APP_ERROR_FAILED;
    if (table != NULL && word != NULL) {
        status = show_one(paths, table, word, as_json, error);
    } else if (table != NULL && !mounts_are_anothers(paths, error)) {
        g_autoptr(GPtrArray) states = state_dir_read(paths->run);
        status = show(paths, table, (struct state *const *)states->pdata, states->len, as_json);
        g_autoptr(GError) others = NULL;
        if (states->len == 0 && mounts_are_others(table, paths, &others))
            app_notice("%s", others->message);
    }
    paths_free(paths);
    return status;
}

int cmd_status(int argc, char **argv)
{
    g_autofree char *state_dir = NULL;
    g_auto(GStrv) rest = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "For programs: one JSON object", NULL},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    if (!command_parse(argc, argv, "status", "[MOUNTPOINT|NAME]", summary, examples, entries, NULL, &error))
        return app_error_print(error);
    if (rest != NULL && (g_strv_length(rest) != 1 || *rest[0] == '\0'))
        return app_error_print(g_error_new(APP_ERROR, APP_ERROR_USAGE,
                                           "give one mount point or name, or none for all: "
                                           "rofuse status [MOUNTPOINT|NAME]"));
    int status = run(state_dir, rest != NULL ? rest[0] : NULL, as_json, &error);
    return error != NULL ? app_error_print(error) : status;
}
