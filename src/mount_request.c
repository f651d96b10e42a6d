#include "mount_request.h"

#include "app_error.h"
#include "commands.h"
#include "quantity.h"
#include "state_dir.h"
#include "text.h"

#include <string.h>

#define FOLD_DEFAULT 10
#define FOLD_MAX 86400

static const char summary[] =
    "Mounts directories (the layers of an image, first = bottom) as one root file system that is\n"
    "read-only everywhere but in the places declared here, and logs every write that it refuses\n"
    "together with the process that tried it.";

static const char examples[] =
    "Places that may be written, in docker's words:\n"
    "  --tmpfs /tmp                       memory, empty, gone after unmount (noexec,nosuid,nodev)\n"
    "  --tmpfs /run:size=64m,mode=0755    also nr_inodes=, uid=, gid=, ro, exec, tmpcopyup\n"
    "  -v data:/var/lib/app               a named volume, filled from the image when new\n"
    "  -v /srv/conf:/etc/app:ro           a directory or file of the host, read-only\n"
    "  -v /cache                          an anonymous volume\n"
    "  --mount type=volume,source=data,target=/data,volume-subpath=app,readonly\n"
    "  --tmpfs /tmp:native                a real mount, as fast as the kernel; needs the right to mount;\n"
    "                                     what is refused there is not logged (--routes native: all places)\n"
    "\n"
    "Log destinations: - (stderr), file:PATH (appended; reopened on SIGHUP), journald. Default: stderr\n"
    "in the foreground; otherwise journald, or a file in the state directory where there is no journal.\n"
    "\n"
    "Examples:\n"
    "  rofuse mount --layer base --layer app --tmpfs /tmp -v data:/data /mnt/root\n"
    "  rofuse mount --foreground --log - --layer rootfs --tmpfs /tmp --tmpfs /run /mnt/root\n"
    "  rofuse mount --layer rootfs --log file:/var/log/app.jsonl --log journald --log-fold off /mnt/root\n"
    "\n"
    "The exit status is 0 when the mount answers, 1 when it could not be set up, 2 when the arguments are wrong.";

/* What GOption fills in; the routes go straight into the request. */
struct arguments {
    struct mount_request *request;
    char **layers;
    char **logs;
    char *log_format;
    char *log_fold;
    char *routes;
    char *name;
    char *state_dir;
    char *passthrough;
    gboolean foreground;
    gboolean io_uring;
    char **rest;
};

static gboolean on_tmpfs(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    struct arguments *arguments = data;
    return mount_options_add_tmpfs(arguments->request->routes, option, value, error);
}

static gboolean on_volume(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    struct arguments *arguments = data;
    return mount_options_add_volume(arguments->request->routes, option, value, error);
}

static gboolean on_mount(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    struct arguments *arguments = data;
    return mount_options_add_mount(arguments->request->routes, option, value, error);
}

/* GOption passes a function through a pointer to data. */
static gpointer callback(GOptionArgFunc function)
{
    gpointer pointer;
    memcpy(&pointer, &function, sizeof pointer);
    return pointer;
}

static gboolean usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean usage(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(APP_ERROR, APP_ERROR_USAGE, format, arguments));
    va_end(arguments);
    return FALSE;
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
        return usage(error, "--log-fold: \"%s\" is no time; write seconds from 1 to %d, or off", shown, FOLD_MAX);
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
                return usage(error, "--log %s is given twice; keep one of them", shown);
            }
        }
    }
    return TRUE;
}

static gboolean check_words(const struct arguments *arguments, GError **error)
{
    const char *format = arguments->log_format;
    if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "text") != 0) {
        g_autofree char *shown = text_escape(format);
        return usage(error, "--log-format: \"%s\" is no format; write json or text", shown);
    }
    const char *routes = arguments->routes;
    if (routes != NULL && strcmp(routes, "fuse") != 0 && strcmp(routes, "native") != 0) {
        g_autofree char *shown = text_escape(routes);
        return usage(error, "--routes: \"%s\" is no way to serve routes; write fuse or native", shown);
    }
    if (arguments->name != NULL && !state_name_is_valid(arguments->name)) {
        g_autofree char *shown = text_escape(arguments->name);
        return usage(error,
                     "--name: \"%s\" is no name; use letters, digits, \"_\", \".\" and \"-\", a letter or digit "
                     "first, at most 128",
                     shown);
    }
    const char *passthrough = arguments->passthrough;
    if (passthrough != NULL && strcmp(passthrough, "auto") != 0 && strcmp(passthrough, "off") != 0) {
        g_autofree char *shown = text_escape(passthrough);
        return usage(error, "--passthrough: \"%s\" is no such mode; write auto or off", shown);
    }
    if (arguments->state_dir != NULL && *arguments->state_dir == '\0')
        return usage(error, "--state-dir: the directory is empty; write its path");
    for (char **layer = arguments->layers; layer != NULL && *layer != NULL; layer++) {
        if (**layer == '\0')
            return usage(error, "--layer: the directory is empty; write its path");
    }
    guint n = arguments->rest != NULL ? g_strv_length(arguments->rest) : 0;
    if (n == 0 || *arguments->rest[0] == '\0')
        return usage(error,
                     "no mount point is given; write rofuse mount [OPTIONS] MOUNTPOINT, see rofuse mount --help");
    if (n > 1) {
        g_autofree char *first = text_word(arguments->rest[0]), *second = text_word(arguments->rest[1]);
        return usage(error, "there is one mount point too many: %s, %s; options begin with --", first, second);
    }
    return TRUE;
}

static gboolean take(struct arguments *arguments, GError **error)
{
    struct mount_request *request = arguments->request;
    if (!check_words(arguments, error) || !read_fold(arguments->log_fold, &request->fold, error))
        return FALSE;
    request->log_format = g_steal_pointer(&arguments->log_format);
    request->name = g_steal_pointer(&arguments->name);
    request->state_dir = g_steal_pointer(&arguments->state_dir);
    request->foreground = arguments->foreground;
    request->passthrough = g_strcmp0(arguments->passthrough, "off") != 0;
    request->io_uring = arguments->io_uring;
    if (g_strcmp0(arguments->routes, "native") == 0)
        mount_options_set_native(request->routes);
    request->mountpoint = g_strdup(arguments->rest[0]);
    request->layers = arguments->layers != NULL ? g_steal_pointer(&arguments->layers) : g_new0(char *, 1);
    return read_logs(request, arguments->logs, error);
}

struct mount_request *mount_request_parse(int argc, char **argv, GError **error)
{
    g_autofree char *directory = g_get_current_dir();
    struct mount_request *request = g_new0(struct mount_request, 1);
    request->routes = mount_options_new(directory, g_getenv("HOME"));
    struct arguments arguments = {.request = request};
    const GOptionEntry entries[] = {
        {"layer", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.layers,
         "A layer of the image, unpacked; the first one is the bottom", "DIR"},
        {"tmpfs", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_tmpfs),
         "A place in memory that may be written", "DST[:OPTS]"},
        {"volume", 'v', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_volume),
         "A volume, or a path of the host, that may be written", "[SRC:]DST[:OPTS]"},
        {"mount", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_mount), "The long form of both",
         "KEY=VALUE,..."},
        {"routes", 0, 0, G_OPTION_ARG_FILENAME, &arguments.routes,
         "Who serves the writable places: rofuse, or the kernel alone (default fuse)", "fuse|native"},
        {"log", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.logs, "Where refused writes are told; may be repeated",
         "DEST"},
        {"log-format", 0, 0, G_OPTION_ARG_FILENAME, &arguments.log_format,
         "json or text; the default is text for stderr, json for files", "FORMAT"},
        {"log-fold", 0, 0, G_OPTION_ARG_FILENAME, &arguments.log_fold,
         "Tell the same fact once in so many seconds, then how often (default 10)", "SECONDS|off"},
        {"name", 0, 0, G_OPTION_ARG_FILENAME, &arguments.name, "Name of the mount (default: from the mount point)",
         "NAME"},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &arguments.state_dir, "Keep volumes, state and logs below DIR",
         "DIR"},
        {"passthrough", 0, 0, G_OPTION_ARG_FILENAME, &arguments.passthrough,
         "auto (default): the kernel serves open files by itself where it can; or off", "MODE"},
        {"io-uring", 0, 0, G_OPTION_ARG_NONE, &arguments.io_uring,
         "Take requests through io_uring, where the kernel offers that", NULL},
        {"foreground", 0, 0, G_OPTION_ARG_NONE, &arguments.foreground,
         "Stay in the foreground; readiness is told by sd_notify", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    if (!command_parse(argc, argv, "mount", "MOUNTPOINT", summary, examples, entries, &arguments, error) ||
        !take(&arguments, error))
        g_clear_pointer(&request, mount_request_free);
    g_strfreev(arguments.layers);
    g_strfreev(arguments.logs);
    g_strfreev(arguments.rest);
    g_free(arguments.log_format);
    g_free(arguments.log_fold);
    g_free(arguments.passthrough);
    g_free(arguments.routes);
    g_free(arguments.name);
    g_free(arguments.state_dir);
    return request;
}

void mount_request_free(struct mount_request *request)
{
    if (request == NULL)
        return;
    for (size_t i = 0; i < request->n_logs; i++)
        log_dest_clear(&request->logs[i]);
    g_free(request->logs);
    mount_options_free(request->routes);
    g_free(request->mountpoint);
    g_strfreev(request->layers);
    g_free(request->log_format);
    g_free(request->name);
    g_free(request->state_dir);
    g_free(request);
}
