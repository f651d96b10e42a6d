#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "json_bytes.h"
#include "mount_ask.h"
#include "mount_table.h"
#include "run_user.h"
#include "state_dir.h"
#include "text.h"
#include "why_offline.h"
#include "why_text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char summary[] =
    "Explains one path of a mount: which layers have it, what hides what, which declared place holds it,\n"
    "who may write it, and what would happen to a write by a user just now, and why.\n"
    "PATH is a path inside, or one of the host below the mount point.\n"
    "Without MOUNTPOINT or NAME the only mount is meant. With --image or --layer an image is looked at that is not\n"
    "mounted.";

static const char examples[] = "Examples:\n"
                               "  rofuse why /var/run/nginx.pid\n"
                               "  rofuse why --user nginx /mnt/root /var/cache/nginx/client_temp\n"
                               "  rofuse why --user 101:101 /mnt/root/etc/nginx/conf.d\n"
                               "  rofuse why --image app:1 --user app /var/lib/app/cache\n"
                               "  rofuse why --json /etc/passwd | jq '.verdicts[] | [.operation, .errno, .message]'\n"
                               "\n"
                               "The exit status is 0, 1 when it cannot be told, 2 when the arguments are wrong.";

/* What a path of the host is inside a mount; NULL where it is not below it. Owned by the caller. */
static char *inside(const char *path, const char *mountpoint)
{
    size_t length = strlen(mountpoint);
    if (strncmp(path, mountpoint, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return g_strdup(path[length] == '\0' ? "/" : path + length);
}

/* The name of the mount whose mount point a path of the host is below, the nearest; owned by the caller, or NULL. */
static char *name_above(const struct paths *paths, const char *path)
{
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    const struct state *best = NULL;
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        g_autofree char *rest = inside(path, state->mountpoint);
        if (rest != NULL && state_is_alive(state) &&
            (best == NULL || strlen(state->mountpoint) > strlen(best->mountpoint)))
            best = state;
    }
    return best != NULL ? g_strdup(best->name) : NULL;
}

/* A relative path is the host's. Owned by the caller. */
static char *absolute(const char *word)
{
    if (word[0] == '/')
        return g_strdup(word);
    g_autofree char *here = g_get_current_dir();
    return g_build_filename(here, word, NULL);
}

/*
 * The mount that is meant and the path inside it.
 * @ret_path: owned by the caller. NULL with one line.
 */
static struct asked_mount *find(const struct paths *paths, char *const *words, char **ret_path, GError **error)
{
    bool has_mount = words[1] != NULL;
    const char *word = has_mount ? words[1] : words[0];
    g_autofree char *path = absolute(word), *name = has_mount ? g_strdup(words[0]) : name_above(paths, path);
    struct asked_mount *asked = mount_ask(paths, name, error);
    if (asked == NULL)
        return NULL;
    *ret_path = inside(path, asked->state->mountpoint);
    if (*ret_path == NULL && word[0] == '/')
        *ret_path = g_strdup(word);
    if (*ret_path != NULL)
        return asked;
    g_autofree char *shown = text_word(word);
    if (!has_mount && strcmp(word, asked->state->name) == 0)
        app_error_usage(error, "%s is the mount; give a path as well: rofuse why %s /PATH", shown, shown);
    else
        app_error_usage(error, "%s is not below %s; give a path inside, from its root: /%s", shown,
                        asked->state->mountpoint, word);
    asked_mount_free(asked);
    return NULL;
}

static bool is_mounted(const struct state *state)
{
    g_autoptr(GPtrArray) table = mount_table_read(NULL);
    const struct mount_entry *entry = table != NULL ? mount_table_at(table, state->mountpoint) : NULL;
    return entry != NULL && mount_entry_is_rofuse(entry) && strcmp(entry->source, state->name) == 0;
}

/* Who a user is inside; where the mount cannot be entered, a number does. */
static gboolean find_user(const struct state *state, const char *word, struct run_user *ret, GError **error)
{
    int fd = is_mounted(state) ? open(state->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    gboolean found = fd >= 0 ? run_user_find(fd, word, ret, error) : run_user_find_in(NULL, NULL, word, ret, error);
    if (fd >= 0)
        close(fd);
    return found;
}

static json_t *ask(const struct asked_mount *asked, const char *path, const struct run_user *user, GError **error)
{
    json_t *args = json_pack("{s:I, s:I}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid);
    json_t *groups = json_array();
    for (size_t i = 0; i < user->n_groups; i++)
        json_array_append_new(groups, json_integer(user->groups[i]));
    json_object_set_new(args, "groups", groups);
    json_bytes_set(args, "path", path);
    json_t *why = control_client_ask(asked->client, "why", args, error);
    if (why == NULL)
        return NULL;
    const struct state *state = asked->state;
    json_bytes_set(why, "mountpoint", state->mountpoint);
    json_object_set_new(why, "name", json_string(state->name));
    json_bytes_set_list(why, "read_only_at", (const char *const *)state->read_only_at,
                        g_strv_length(state->read_only_at));
    return why;
}

static int print(const json_t *why, gboolean as_json, GError **error)
{
    char *dumped = as_json ? json_dumps(why, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    g_autofree char *text = as_json ? g_strconcat(dumped, "\n", NULL) : why_text(why);
    free(dumped);
    return command_print(text, error) ? 0 : APP_ERROR_FAILED;
}

/* What was asked for on the command line; all borrowed. */
struct request {
    const char *state_dir;
    char *const *words;
    const char *user;
    struct why_image image;
    gboolean as_json;
};

static json_t *ask_mount(const struct request *request, const struct paths *paths, struct run_user *user,
                         GError **error)
{
    g_autofree char *path = NULL;
    struct asked_mount *asked = find(paths, request->words, &path, error);
    json_t *why = NULL;
    if (asked != NULL && (request->user == NULL || find_user(asked->state, request->user, user, error)))
        why = ask(asked, path, user, error);
    asked_mount_free(asked);
    return why;
}

static json_t *ask_image(const struct request *request, const struct paths *paths, struct run_user *user,
                         GError **error)
{
    if (request->words[1] == NULL && request->words[0][0] == '/')
        return why_offline(paths, &request->image, request->words[0], request->user, user, error);
    app_error_usage(error, "with --image and --layer, give one path inside, from its root: /etc/passwd");
    return NULL;
}

static int run(const struct request *request, GError **error)
{
    struct paths *paths = paths_find(request->state_dir, error);
    struct run_user user = {0};
    json_t *why = NULL;
    if (paths != NULL && (request->image.image != NULL || request->image.layers != NULL))
        why = ask_image(request, paths, &user, error);
    else if (paths != NULL)
        why = ask_mount(request, paths, &user, error);
    if (why != NULL)
        json_bytes_set(json_object_get(why, "user"), "name", user.name);
    int status = why != NULL ? print(why, request->as_json, error) : APP_ERROR_FAILED;
    json_decref(why);
    run_user_clear(&user);
    paths_free(paths);
    return status;
}

int cmd_why(int argc, char **argv)
{
    g_autofree char *state_dir = NULL, *user = NULL, *image = NULL;
    g_auto(GStrv) rest = NULL, layers = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "Who would write, by the image's own users; default root",
         "USER[:GROUP]"},
        {"image", 0, 0, G_OPTION_ARG_FILENAME, &image, "Look at an image, mounted or not", "REF"},
        {"layer", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &layers,
         "Look at unpacked layers, the first one is the bottom; on top of --image", "DIR"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "For programs: one JSON object (rofuse.why/1)", NULL},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    if (!command_parse(argc, argv, "why", "[MOUNTPOINT|NAME] PATH", summary, examples, entries, NULL, &error))
        return app_error_print(error);
    guint n = rest != NULL ? g_strv_length(rest) : 0;
    if (n < 1 || n > 2 || *rest[0] == '\0' || *rest[n - 1] == '\0')
        return app_error_print(g_error_new(APP_ERROR, APP_ERROR_USAGE,
                                           "give a path, and before it the mount where there are several: "
                                           "rofuse why [MOUNTPOINT|NAME] PATH"));
    const struct request request = {
        .state_dir = state_dir, .words = rest, .user = user, .image = {image, layers}, .as_json = as_json};
    int status = run(&request, &error);
    return error != NULL ? app_error_print(error) : status;
}
