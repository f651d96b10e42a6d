#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "find_mount.h"
#include "json_bytes.h"
#include "mount_ask.h"
#include "mount_options.h"
#include "paths.h"
#include "state.h"
#include "text.h"
#include "text_table.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: rofuse route COMMAND [OPTIONS]\n"
    "\n"
    "Changes which places of a mount may be written, while programs run on it.\n"
    "\n"
    "Commands:\n"
    "  add  [MOUNTPOINT|NAME] --tmpfs ... | --volume ... | --mount ...   add places\n"
    "  rm   [MOUNTPOINT|NAME] TARGET...                                  take places away\n"
    "  ls   [MOUNTPOINT|NAME]                                            the places that there are\n"
    "\n"
    "rofuse route COMMAND --help tells a command's options with examples.\n"
    "\n"
    "Example:\n"
    "  rofuse route add /mnt/root --tmpfs /run:size=16m -v data:/var/lib/app\n"
    "  rofuse route ls\n"
    "  rofuse route rm /mnt/root /run\n"
    "\n"
    "The exit status is 0, 1 when it could not be done, 2 when the arguments are wrong.\n";

static const char add_summary[] =
    "Adds places that may be written to a mount that is in use: all of them, or none. They are there at once, also\n"
    "in containers that run on it. Open files, working directories and what is mounted there stay as they are.";
static const char add_examples[] =
    "Examples:\n"
    "  rofuse route add /mnt/root --tmpfs /run\n"
    "  rofuse route add --tmpfs /etc/app:tmpcopyup -v data:/var/lib/app\n"
    "  rofuse route add web --mount type=bind,source=/srv/uploads,target=/app/uploads\n"
    "\n"
    "Without MOUNTPOINT or NAME the only mount is meant. The words are those of rofuse mount.\n"
    "What is added is forgotten with the mount; rofuse config --live writes it out as a Compose file.\n"
    "\n"
    "The exit status is 0, 1 when it could not be done, 2 when the arguments are wrong.";

static const char rm_summary[] =
    "Takes places away from a mount that is in use: the image's own content is seen there again. One that is in use\n"
    "is left, unless --force says otherwise; then what is open stays open until it is closed, and a tmpfs goes\n"
    "when nothing of it is open. The content of a volume stays. Where one of several is not declared, none is\n"
    "taken away.\n"
    "Without MOUNTPOINT or NAME the only mount is meant.";
static const char rm_examples[] = "Examples:\n"
                                  "  rofuse route rm /mnt/root /run /var/lib/app\n"
                                  "  rofuse route rm /run /tmp\n"
                                  "  rofuse route rm --force web /app/uploads\n"
                                  "\n"
                                  "The exit status is 0, 1 when a place is in use or it could not be done, 2 when\n"
                                  "no such place is declared or the arguments are wrong.";

static const char ls_summary[] =
    "Shows the places of a mount that may be written, and those that were declared read-only.\n"
    "Without MOUNTPOINT or NAME the only mount is meant.";
static const char ls_examples[] =
    "Examples:\n"
    "  rofuse route ls\n"
    "  rofuse route ls /mnt/root --json | jq -r '.routes[].target'\n"
    "\n"
    "The exit status is 0, 1 when there is no such mount, 2 when the arguments are wrong.";

/* What the options of all of them can say; owned. */
struct options {
    struct mount_options *routes;
    char *state_dir;
    char **rest;
    gboolean as_json, force;
};

static gboolean on_tmpfs(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    return mount_options_add_tmpfs(((struct options *)data)->routes, option, value, error);
}

static gboolean on_volume(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    return mount_options_add_volume(((struct options *)data)->routes, option, value, error);
}

static gboolean on_mount(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    return mount_options_add_mount(((struct options *)data)->routes, option, value, error);
}

/* GOption passes a function through a pointer to data. */
static gpointer callback(GOptionArgFunc function)
{
    gpointer pointer;
    memcpy(&pointer, &function, sizeof pointer);
    return pointer;
}

static gboolean parse(int argc, char **argv, const char *parameters, const char *summary, const char *examples,
                      const GOptionEntry *own, struct options *options, GError **error)
{
    g_autofree char *command = g_strconcat("route ", argv[0], NULL);
    const GOptionEntry common[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &options->as_json, "For programs: one JSON object", NULL},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->rest, NULL, NULL},
    };
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    for (; own->long_name != NULL; own++)
        g_array_append_val(entries, *own);
    g_array_append_vals(entries, common, G_N_ELEMENTS(common));
    return command_parse(argc, argv, command, parameters, summary, examples,
                         (const GOptionEntry *)(const void *)entries->data, options, error);
}

static char *source_word(const struct route_spec *spec)
{
    return spec->source != NULL ? text_word(spec->source) : g_strdup("-");
}

static char *routes_text(const json_t *routes)
{
    static const char *const heads[] = {"TARGET", "KIND", "SOURCE", "OPTIONS"};
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (size_t i = 0; i < json_array_size(routes); i++) {
        struct route_spec spec;
        if (!state_route_from_json(json_array_get(routes, i), &spec))
            continue;
        g_autofree char *words = state_route_options(&spec);
        g_ptr_array_add(cells, text_word(spec.target));
        g_ptr_array_add(cells, g_strdup(route_kind_name(spec.kind)));
        g_ptr_array_add(cells, source_word(&spec));
        g_ptr_array_add(cells, *words != '\0' ? text_word(words) : g_strdup("rw"));
        route_spec_clear(&spec);
    }
    GString *text = g_string_new(NULL);
    if (cells->len > G_N_ELEMENTS(heads))
        text_table_append(text, NULL, cells, G_N_ELEMENTS(heads));
    else
        g_string_append(text, "no routes: everything is read-only\n");
    return g_string_free(text, FALSE);
}

/* @result: {"routes": [...]}; the reference is taken. */
static gboolean print(json_t *result, const struct state *state, gboolean as_json, GError **error)
{
    g_autofree char *text = NULL;
    if (as_json) {
        json_t *document = json_pack("{s:s, s:s}", "schema", "rofuse.routes/1", "mount", state->name);
        json_bytes_set(document, "mountpoint", state->mountpoint);
        json_object_update(document, result);
        char *dumped = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        text = g_strconcat(dumped, "\n", NULL);
        free(dumped);
        json_decref(document);
    } else {
        text = routes_text(json_object_get(result, "routes"));
    }
    json_decref(result);
    return command_print(text, error);
}

/* Asks the mount's daemon and prints what it says. @args: the reference is taken. @quiet: only where JSON is wanted. */
static gboolean ask(const struct options *options, const char *word, const char *command, json_t *args, gboolean quiet,
                    GError **error)
{
    struct paths *paths = paths_find(options->state_dir, error);
    struct asked_mount *mount = paths != NULL ? mount_ask(paths, word, error) : NULL;
    gboolean done = FALSE;
    if (mount != NULL) {
        /* The copy of the image's content may take long, and ends when nobody waits for it. */
        control_client_set_patience(mount->client, -1);
        json_t *result = control_client_ask(mount->client, command, args, error);
        done = result != NULL;
        if (done && quiet && !options->as_json)
            json_decref(result);
        else if (done)
            done = print(result, mount->state, options->as_json, error);
    } else {
        json_decref(args);
    }
    asked_mount_free(mount);
    paths_free(paths);
    return done;
}

static gboolean add(int argc, char **argv, struct options *options, GError **error)
{
    const GOptionEntry own[] = {
        {"tmpfs", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_tmpfs),
         "A directory in memory, as docker's --tmpfs", "TARGET[:OPTIONS]"},
        {"volume", 'v', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_volume),
         "A volume or a directory of the host, as docker's -v", "[SOURCE:]TARGET[:OPTIONS]"},
        {"mount", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_mount),
         "The same in words, as docker's --mount", "KEY=VALUE,..."},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    if (!parse(argc, argv, "[MOUNTPOINT|NAME]", add_summary, add_examples, own, options, error))
        return FALSE;
    size_t n;
    const struct route_spec *specs = mount_options_routes(options->routes, &n);
    if (n == 0)
        return app_error_usage(error, "say what to add: --tmpfs TARGET, --volume SOURCE:TARGET or --mount ...");
    if (options->rest != NULL && g_strv_length(options->rest) != 1)
        return app_error_usage(
            error, "give one mount point or name, or none: rofuse route add [MOUNTPOINT|NAME] --tmpfs TARGET");
    json_t *routes = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(routes, state_route_to_json(&specs[i]));
    return ask(options, options->rest != NULL ? options->rest[0] : NULL, "route.add",
               json_pack("{s:o}", "routes", routes), TRUE, error);
}

/*
 * Whether the first of several words is a target as well, and the only mount is meant. Where it can be neither, as more mounts
 * than one could be meant, it is no mount: with an error then.
 */
static bool begins_with_target(const struct options *options, guint n, GError **error)
{
    const char *word = options->rest[0];
    if (n == 1 || word[0] != '/')
        return n == 1;
    struct paths *paths = paths_find(options->state_dir, error);
    g_autoptr(GError) cause = NULL;
    struct found_mount *found = paths != NULL ? find_mount(paths, word, &cause) : NULL;
    struct state *only = found == NULL && paths != NULL ? mount_state(paths, NULL, NULL) : NULL;
    bool is_target = found == NULL;
    if (paths != NULL && is_target && only == NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    state_free(only);
    found_mount_free(found);
    paths_free(paths);
    return is_target;
}

/* The daemon knows no such target; it may be a mount that was meant. */
static void say_those(const struct options *options, GError *error)
{
    g_autofree char *start = text_word(options->rest[0]);
    struct paths *paths = error->code == APP_ERROR_USAGE && g_str_has_prefix(error->message, start)
                              ? paths_find(options->state_dir, NULL)
                              : NULL;
    if (paths == NULL)
        return;
    g_autofree char *those = find_mount_those(paths);
    g_autofree char *message = g_strdup_printf("%s; nor is it a rofuse mount: %s", error->message, those);
    g_free(error->message);
    error->message = g_steal_pointer(&message);
    paths_free(paths);
}

static gboolean rm(int argc, char **argv, struct options *options, GError **error)
{
    const GOptionEntry own[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &options->force, "Also a place that is in use", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    if (!parse(argc, argv, "[MOUNTPOINT|NAME] TARGET...", rm_summary, rm_examples, own, options, error))
        return FALSE;
    guint n = options->rest != NULL ? g_strv_length(options->rest) : 0;
    if (n == 0)
        return app_error_usage(error, "say which place: rofuse route rm [MOUNTPOINT|NAME] TARGET");
    guint first = begins_with_target(options, n, error) ? 0 : 1;
    if (*error != NULL)
        return FALSE;
    g_auto(GStrv) targets = g_new0(char *, n + 1);
    for (guint i = first; i < n; i++) {
        g_autofree char *shown = text_word(options->rest[i]);
        if (options->rest[i][0] != '/')
            return app_error_usage(error,
                                   "%s: a target is an absolute path inside the mount; write rofuse route rm "
                                   "[MOUNTPOINT|NAME] TARGET",
                                   shown);
        targets[i - first] = g_canonicalize_filename(options->rest[i], "/");
    }
    json_t *args = json_pack("{s:b}", "force", options->force);
    json_bytes_set_list(args, "targets", (const char *const *)targets, n - first);
    gboolean done = ask(options, first == 1 ? options->rest[0] : NULL, "route.rm", args, TRUE, error);
    if (!done && first == 0 && n > 1)
        say_those(options, *error);
    return done;
}

static gboolean ls(int argc, char **argv, struct options *options, GError **error)
{
    const GOptionEntry own[] = {{NULL, 0, 0, 0, NULL, NULL, NULL}};
    if (!parse(argc, argv, "[MOUNTPOINT|NAME]", ls_summary, ls_examples, own, options, error))
        return FALSE;
    if (options->rest != NULL && g_strv_length(options->rest) != 1)
        return app_error_usage(error, "give one mount point or name, or none: rofuse route ls [MOUNTPOINT|NAME]");
    return ask(options, options->rest != NULL ? options->rest[0] : NULL, "route.ls", json_object(), FALSE, error);
}

static int print_help(void)
{
    GError *error = NULL;
    return command_print(help, &error) ? 0 : app_error_print(error);
}

int cmd_route(int argc, char **argv)
{
    static const struct {
        const char *name;
        gboolean (*run)(int argc, char **argv, struct options *options, GError **error);
    } commands[] = {{"add", add}, {"rm", rm}, {"ls", ls}};
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return print_help();
    GError *error = NULL;
    g_autofree char *directory = g_get_current_dir();
    struct options options = {.routes = mount_options_new(directory, g_getenv("HOME"))};
    size_t i = 0;
    while (argc > 1 && i < G_N_ELEMENTS(commands) && strcmp(argv[1], commands[i].name) != 0)
        i++;
    if (argc < 2 || i == G_N_ELEMENTS(commands))
        app_error_usage(&error, "write rofuse route add, rm or ls; see rofuse route --help");
    else
        (void)commands[i].run(argc - 1, argv + 1, &options, &error);
    mount_options_free(options.routes);
    g_free(options.state_dir);
    g_strfreev(options.rest);
    return error != NULL ? app_error_print(error) : 0;
}
