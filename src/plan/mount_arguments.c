#include "mount_arguments.h"

#include "app_error.h"
#include "learn_size.h"
#include "quantity.h"
#include "state_dir.h"
#include "text.h"

#include <string.h>

#define FOLD_DEFAULT 10
#define FOLD_MAX 86400

void mount_arguments_init(struct mount_arguments *arguments)
{
    g_autofree char *directory = g_get_current_dir();
    *arguments = (struct mount_arguments){.routes = mount_options_new(directory, g_getenv("HOME"))};
}

void mount_arguments_clear(struct mount_arguments *arguments)
{
    mount_options_free(arguments->routes);
    g_strfreev(arguments->layers);
    g_free(arguments->image);
    g_free(arguments->platform);
    g_strfreev(arguments->compose);
    g_free(arguments->service);
    g_free(arguments->project);
    g_strfreev(arguments->logs);
    g_free(arguments->log_format);
    g_free(arguments->log_fold);
    g_free(arguments->served_by);
    g_free(arguments->name);
    g_free(arguments->state_dir);
    g_free(arguments->passthrough);
    g_free(arguments->learn_size);
}

static gboolean on_tmpfs(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    struct mount_arguments *arguments = data;
    return mount_options_add_tmpfs(arguments->routes, option, value, error);
}

static gboolean on_volume(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    struct mount_arguments *arguments = data;
    return mount_options_add_volume(arguments->routes, option, value, error);
}

static gboolean on_mount(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    struct mount_arguments *arguments = data;
    return mount_options_add_mount(arguments->routes, option, value, error);
}

/* GOption passes a function through a pointer to data. */
static gpointer callback(GOptionArgFunc function)
{
    gpointer pointer;
    memcpy(&pointer, &function, sizeof pointer);
    return pointer;
}

void mount_arguments_add_entries(struct mount_arguments *arguments, enum mount_arguments_kind kind, GArray *entries)
{
    const GOptionEntry content[] = {
        {"image", 0, 0, G_OPTION_ARG_FILENAME, &arguments->image,
         "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF], ./DIR, NAME or ID", "REF"},
        {"platform", 0, 0, G_OPTION_ARG_FILENAME, &arguments->platform,
         "Which of an image's platforms (default: this machine's)", "OS/ARCH[/VARIANT]"},
        {"layer", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->layers,
         "A layer of the image, unpacked; the first one is the bottom; on top of --image", "DIR"},
        {"compose", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->compose,
         "A Compose file; may be repeated, later ones win (default: compose.yaml and the like)", "FILE"},
        {"service", 0, 0, G_OPTION_ARG_FILENAME, &arguments->service, "Which service of the Compose file", "NAME"},
        {"project-name", 0, 0, G_OPTION_ARG_FILENAME, &arguments->project,
         "The Compose project, by which its volumes are called", "NAME"},
        {"tmpfs", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_tmpfs),
         "A place in memory that may be written", "DST[:OPTS]"},
        {"volume", 'v', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_volume),
         "A volume, or a path of the host, that may be written", "[SRC:]DST[:OPTS]"},
        {"mount", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_mount), "The long form of both",
         "KEY=VALUE,..."},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &arguments->state_dir,
         "Keep images, volumes, state and logs below DIR", "DIR"},
    };
    const GOptionEntry mount[] = {
        {"routes", 0, 0, G_OPTION_ARG_FILENAME, &arguments->served_by,
         "Who serves the writable places: rofuse, or the kernel alone (default fuse)", "fuse|native"},
        {"log", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->logs, "Where refused writes are told; may be repeated",
         "DEST"},
        {"log-format", 0, 0, G_OPTION_ARG_FILENAME, &arguments->log_format,
         "json, text, ecs, ocsf or falco; the default is text for stderr, json for files", "FORMAT"},
        {"log-fold", 0, 0, G_OPTION_ARG_FILENAME, &arguments->log_fold,
         "Tell the same fact once in so many seconds, then how often (default 10)", "SECONDS|off"},
        {"name", 0, 0, G_OPTION_ARG_FILENAME, &arguments->name, "Name of the mount (default: from the mount point)",
         "NAME"},
        {"passthrough", 0, 0, G_OPTION_ARG_FILENAME, &arguments->passthrough,
         "Whether the kernel serves open files by itself where it can (default auto)", "auto|off"},
        {"learn", 0, 0, G_OPTION_ARG_NONE, &arguments->learn,
         "Let writes succeed that are not declared, on a throw-away layer, and log them", NULL},
        {"learn-size", 0, 0, G_OPTION_ARG_FILENAME, &arguments->learn_size,
         "How much that layer may hold (default 50%, half of the memory)", "SIZE"},
        {"io-uring", 0, 0, G_OPTION_ARG_NONE, &arguments->io_uring,
         "Take requests through io_uring, where the kernel offers that", NULL},
    };
    g_array_append_vals(entries, content, G_N_ELEMENTS(content));
    if (kind == MOUNT_ARGUMENTS_MOUNT)
        g_array_append_vals(entries, mount, G_N_ELEMENTS(mount));
}

static gboolean read_fold(const char *text, unsigned *ret, GError **error)
{
    uint64_t seconds;
    if (text == NULL) {
        *ret = FOLD_DEFAULT;
    } else if (strcmp(text, "off") == 0) {
        *ret = 0;
    } else if (quantity_count(text, &seconds) && g_ascii_isdigit(text[strlen(text) - 1]) && seconds <= FOLD_MAX) {
        *ret = (unsigned)seconds;
    } else {
        g_autofree char *shown = text_escape(text);
        return app_error_usage(error, "--log-fold: \"%s\" is no time; write seconds from 1 to %d, or off", shown,
                               FOLD_MAX);
    }
    return TRUE;
}

static gboolean read_logs(struct mount_request *request, char **logs, GError **error)
{
    guint n = logs != NULL ? g_strv_length(logs) : 0;
    request->logs = g_new0(struct log_dest, n + 1);
    for (guint i = 0; i < n; i++) {
        if (!log_dest_parse(logs[i], request->log_format, &request->logs[i], error))
            return FALSE;
        request->n_logs++;
        for (guint other = 0; other < i; other++) {
            const struct log_dest *a = &request->logs[other], *b = &request->logs[i];
            if (a->kind == b->kind && g_strcmp0(a->path, b->path) == 0) {
                g_autofree char *shown = text_escape(logs[i]);
                return app_error_usage(error, "--log %s is given twice; keep one of them", shown);
            }
        }
    }
    return TRUE;
}

/* A value that was given and is empty says nothing. */
static gboolean check_not_empty(const char *option, const char *value, const char *mend, GError **error)
{
    return value == NULL || *value != '\0' || app_error_usage(error, "%s: the value is empty; write %s", option, mend);
}

static gboolean check_list(const char *option, char **values, const char *mend, GError **error)
{
    for (char **value = values; value != NULL && *value != NULL; value++) {
        if (!check_not_empty(option, *value, mend, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_words(const struct mount_arguments *arguments, GError **error)
{
    enum log_format format;
    if (arguments->log_format != NULL && !log_format_parse("--log-format", arguments->log_format, &format, error))
        return FALSE;
    const char *routes = arguments->served_by;
    if (routes != NULL && strcmp(routes, "fuse") != 0 && strcmp(routes, "native") != 0) {
        g_autofree char *shown = text_escape(routes);
        return app_error_usage(error, "--routes: \"%s\" is no way to serve routes; write fuse or native", shown);
    }
    if (arguments->name != NULL && !state_name_is_valid(arguments->name)) {
        g_autofree char *shown = text_escape(arguments->name);
        return app_error_usage(
            error,
            "--name: \"%s\" is no name; use letters, digits, \"_\", \".\" and \"-\", a letter or digit "
            "first, at most 128",
            shown);
    }
    const char *passthrough = arguments->passthrough;
    if (passthrough != NULL && strcmp(passthrough, "auto") != 0 && strcmp(passthrough, "off") != 0) {
        g_autofree char *shown = text_escape(passthrough);
        return app_error_usage(error, "--passthrough: \"%s\" is no such mode; write auto or off", shown);
    }
    return check_not_empty("--state-dir", arguments->state_dir, "the path of a directory", error) &&
           check_list("--layer", arguments->layers, "the path of a directory", error) &&
           check_not_empty("--image", arguments->image, "a reference such as oci:DIR:TAG", error) &&
           check_not_empty("--platform", arguments->platform, "OS/ARCH", error) &&
           check_list("--compose", arguments->compose, "the path of a file", error) &&
           check_not_empty("--service", arguments->service, "a service's name", error) &&
           check_not_empty("--project-name", arguments->project, "a name", error);
}

static gboolean fill(struct mount_arguments *arguments, struct mount_request *request, GError **error)
{
    if (!check_words(arguments, error) || !read_fold(arguments->log_fold, &request->fold, error) ||
        (arguments->learn_size != NULL &&
         !learn_size_read("--learn-size", arguments->learn_size, &request->learn_size, error)))
        return FALSE;
    request->log_format = g_steal_pointer(&arguments->log_format);
    request->name = g_steal_pointer(&arguments->name);
    request->state_dir = g_steal_pointer(&arguments->state_dir);
    request->passthrough = g_strcmp0(arguments->passthrough, "off") != 0;
    request->io_uring = arguments->io_uring;
    request->learn = arguments->learn;
    request->native = g_strcmp0(arguments->served_by, "native") == 0;
    request->routes = g_steal_pointer(&arguments->routes);
    request->layers = arguments->layers != NULL ? g_steal_pointer(&arguments->layers) : g_new0(char *, 1);
    request->image = g_steal_pointer(&arguments->image);
    request->platform = g_steal_pointer(&arguments->platform);
    request->compose = arguments->compose != NULL ? g_steal_pointer(&arguments->compose) : g_new0(char *, 1);
    request->service = g_steal_pointer(&arguments->service);
    request->project = g_steal_pointer(&arguments->project);
    return read_logs(request, arguments->logs, error);
}

struct mount_request *mount_arguments_take(struct mount_arguments *arguments, const char *mountpoint, GError **error)
{
    struct mount_request *request = g_new0(struct mount_request, 1);
    request->mountpoint = g_strdup(mountpoint);
    if (!fill(arguments, request, error))
        g_clear_pointer(&request, mount_request_free);
    return request;
}
