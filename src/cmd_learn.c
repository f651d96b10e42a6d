#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "json_bytes.h"
#include "learn_size.h"
#include "mount_ask.h"
#include "paths.h"
#include "text.h"
#include "text_table.h"

#include <stdlib.h>
#include <string.h>

static const char summary[] =
    "Learn mode: writes that are not declared succeed, on a throw-away layer over the image, and are logged with\n"
    "their process as what would have been refused. So one run shows all places that a program writes to.\n"
    "\n"
    "  on     begin, on a mount that is in use; the layer is empty\n"
    "  off    return to the image as it is; what was changed is gone\n"
    "  diff   what was changed so far";

static const char examples[] =
    "Examples:\n"
    "  rofuse mount --learn --image web:1.0 /mnt/root   # learn mode from the beginning\n"
    "  rofuse learn on /mnt/root\n"
    "  rofuse learn on --size 2g web                    # a layer of another size\n"
    "  rofuse learn diff\n"
    "  rofuse learn diff --json web | jq -r '.changes[].path'\n"
    "  rofuse learn off /mnt/root\n"
    "\n"
    "Kinds of changes: added, changed, attributes (owner, mode or times alone), opened (for writing, but not\n"
    "written), removed, renamed (of a file only where it is certain; else it is removed and added). A directory\n"
    "that the image lacks is told as one, with what is in it.\n"
    "The layer lies in memory and may hold half of it, or what --size or rofuse mount --learn-size says; when it\n"
    "is full, programs get ENOSPC.\n"
    "Without MOUNTPOINT or NAME the only mount is meant.\n"
    "It takes the right to mount: root, or namespaces (unshare -Urm).\n"
    "\n"
    "The exit status is 0, 1 when there is no such mount or it could not be done, 2 when the arguments are wrong.";

struct options {
    char *state_dir;
    char **rest;
    char *size;
    gboolean as_json;
};

static char *path_of(const json_t *change, const char *key)
{
    g_autofree char *bytes = json_bytes_get(change, key);
    return bytes != NULL ? text_word(bytes) : g_strdup("?");
}

static const char *word_of(const json_t *change, const char *key)
{
    const char *text = json_string_value(json_object_get(change, key));
    return text != NULL ? text : "?";
}

static void add_change(GPtrArray *cells, const json_t *change)
{
    json_int_t size = json_integer_value(json_object_get(change, "size"));
    json_int_t entries = json_integer_value(json_object_get(change, "entries"));
    bool is_removed = strcmp(word_of(change, "kind"), "removed") == 0;
    bool has_size = !is_removed && (strcmp(word_of(change, "type"), "file") == 0 || entries > 0);
    g_autofree char *path = path_of(change, "path");
    g_autofree char *from = json_object_get(change, "from") != NULL ? path_of(change, "from") : NULL;
    g_ptr_array_add(cells, g_strdup(word_of(change, "kind")));
    g_ptr_array_add(cells, g_strdup(word_of(change, "type")));
    g_ptr_array_add(cells, has_size ? g_format_size_full((guint64)size, G_FORMAT_SIZE_IEC_UNITS) : g_strdup("-"));
    if (from != NULL)
        g_ptr_array_add(cells, g_strdup_printf("%s (was %s%s)", path, from,
                                               json_is_true(json_object_get(change, "changed")) ? "; changed" : ""));
    else if (entries > 0)
        g_ptr_array_add(cells, g_strdup_printf("%s (%lld in it)", path, (long long)entries));
    else
        g_ptr_array_add(cells, g_steal_pointer(&path));
}

/* Where there is little room left. */
static void append_space(GString *text, const json_t *result)
{
    guint64 size = (guint64)json_integer_value(json_object_get(result, "size"));
    guint64 used = (guint64)json_integer_value(json_object_get(result, "used"));
    if (used <= size - size / 8)
        return;
    g_autofree char *size_text = g_format_size_full(size, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *used_text = g_format_size_full(used, G_FORMAT_SIZE_IEC_UNITS);
    g_string_append_printf(text,
                           "the layer holds %s of %s; what finds no room fails with ENOSPC (rofuse learn on --size)\n",
                           used_text, size_text);
}

static char *diff_text(const json_t *result)
{
    static const char *const heads[] = {"KIND", "TYPE", "SIZE", "PATH"};
    const json_t *changes = json_object_get(result, "changes");
    if (!json_is_true(json_object_get(result, "learning")))
        return g_strdup("learn mode is off\n");
    if (json_array_size(changes) == 0)
        return g_strdup("nothing was changed\n");
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (size_t i = 0; i < json_array_size(changes); i++)
        add_change(cells, json_array_get(changes, i));
    GString *text = g_string_new(NULL);
    text_table_append(text, NULL, cells, G_N_ELEMENTS(heads));
    append_space(text, result);
    if (!json_is_true(json_object_get(result, "complete")))
        g_string_append(text, "there is more than can be shown\n");
    return g_string_free(text, FALSE);
}

static char *switch_text(const json_t *result)
{
    bool on = json_is_true(json_object_get(result, "learning"));
    bool changed = json_is_true(json_object_get(result, "changed"));
    return g_strdup_printf("learn mode is %s%s\n", on ? "on" : "off", changed ? "" : " already");
}

/* @name: of the mount. */
static gboolean print(json_t *result, const char *what, const char *name, gboolean as_json, GError **error)
{
    g_autofree char *text = NULL;
    if (as_json) {
        json_t *document = json_pack("{s:s, s:s}", "schema", "rofuse.learning/1", "mount", name);
        json_object_update(document, result); /* the answer to diff says both itself */
        char *dumped = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        text = g_strconcat(dumped, "\n", NULL);
        free(dumped);
        json_decref(document);
    } else {
        text = strcmp(what, "diff") == 0 ? diff_text(result) : switch_text(result);
    }
    return command_print(text, error);
}

/* NULL where nothing is said. */
static json_t *arguments_of(const struct options *options)
{
    return options->size != NULL ? json_pack("{s:s}", "size", options->size) : NULL;
}

static gboolean run(const struct options *options, GError **error)
{
    const char *what = options->rest[0];
    struct paths *paths = paths_find(options->state_dir, error);
    struct asked_mount *asked = paths != NULL ? mount_ask(paths, options->rest[1], error) : NULL;
    g_autofree char *command = g_strconcat("learn.", what, NULL);
    json_t *result = asked != NULL ? control_client_ask(asked->client, command, arguments_of(options), error) : NULL;
    gboolean done = result != NULL && print(result, what, asked->state->name, options->as_json, error);
    json_decref(result);
    asked_mount_free(asked);
    paths_free(paths);
    return done;
}

static gboolean check(const struct options *options, GError **error)
{
    guint n = options->rest != NULL ? g_strv_length(options->rest) : 0;
    if (n == 0)
        return app_error_usage(error, "say what is to be done; write rofuse learn on|off|diff [MOUNTPOINT|NAME]");
    const char *const words[] = {"on", "off", "diff", NULL};
    if (!g_strv_contains(words, options->rest[0])) {
        g_autofree char *shown = text_word(options->rest[0]);
        return app_error_usage(error, "%s: no such command; write rofuse learn on|off|diff [MOUNTPOINT|NAME]", shown);
    }
    if (n > 2 || (n == 2 && options->rest[1][0] == '\0'))
        return app_error_usage(error, "give one mount point or name: rofuse learn %s [MOUNTPOINT|NAME]",
                               options->rest[0]);
    struct tmpfs_size size;
    if (options->size != NULL && strcmp(options->rest[0], "on") != 0)
        return app_error_usage(error, "--size is for rofuse learn on: how much the layer may hold");
    return options->size == NULL || learn_size_read("--size", options->size, &size, error);
}

int cmd_learn(int argc, char **argv)
{
    struct options options = {0};
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.as_json, "For programs: one JSON object", NULL},
        {"size", 0, 0, G_OPTION_ARG_FILENAME, &options.size,
         "on: how much the layer may hold (default: the mount's --learn-size, or half of the memory)", "SIZE"},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    bool done =
        command_parse(argc, argv, "learn", "on|off|diff [MOUNTPOINT|NAME]", summary, examples, entries, NULL, &error) &&
        check(&options, &error) && run(&options, &error);
    g_free(options.size);
    g_free(options.state_dir);
    g_strfreev(options.rest);
    return done ? 0 : app_error_print(error);
}
