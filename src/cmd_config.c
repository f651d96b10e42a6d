#include "commands.h"

#include "app_error.h"
#include "compose.h"
#include "config_print.h"
#include "mount_options.h"

#include <stdio.h>
#include <string.h>

static const char summary[] =
    "Shows what is understood of a service of a Compose file: image, places that may be written with\n"
    "every option, environment, command. Nothing is mounted and nothing is changed.";

static const char examples[] =
    "Without --compose, compose.yaml, compose.yml, docker-compose.yaml or docker-compose.yml is looked for in the\n"
    "working directory and above it, together with compose.override.yaml beside it. Places given here count\n"
    "before those of the file.\n"
    "\n"
    "Examples:\n"
    "  rofuse config\n"
    "  rofuse config --compose compose.yaml --compose compose.prod.yaml --service api\n"
    "  rofuse config --service api --tmpfs /run:size=16m --json | jq '.routes[]'\n"
    "\n"
    "The exit status is 0, 1 when a file cannot be read, 2 when the arguments or the file are wrong.";

struct arguments {
    char **files;
    char *service;
    char *project;
    gboolean as_json;
    char **rest;
    struct mount_options *routes;
};

static gboolean on_tmpfs(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    return mount_options_add_tmpfs(((struct arguments *)data)->routes, option, value, error);
}

static gboolean on_volume(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    return mount_options_add_volume(((struct arguments *)data)->routes, option, value, error);
}

static gboolean on_mount(const gchar *option, const gchar *value, gpointer data, GError **error)
{
    return mount_options_add_mount(((struct arguments *)data)->routes, option, value, error);
}

/* GOption passes a function through a pointer to data. */
static gpointer callback(GOptionArgFunc function)
{
    gpointer pointer;
    memcpy(&pointer, &function, sizeof pointer);
    return pointer;
}

static int print(const struct compose_service *service, gboolean as_json)
{
    size_t n = 0;
    const struct route_spec *routes = mount_options_routes(service->routes, &n);
    const struct config_print config = {
        .file = service->file,
        .project = service->project,
        .service = service->name,
        .image = service->image,
        .source = service->source,
        .routes = routes,
        .n_routes = n,
        .external_volumes = service->external_volumes,
        .entrypoint = service->entrypoint,
        .command = service->command,
        .environment = service->environment,
        .user = service->user,
        .working_dir = service->working_dir,
        .stop_signal = service->stop_signal,
        .hostname = service->hostname,
        .read_only = service->read_only,
        .init = service->init,
        .tty = service->tty,
        .stdin_open = service->stdin_open,
    };
    g_autofree char *text = as_json ? config_print_json(&config) : config_print_text(&config);
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        app_notice("cannot write to stdout");
        return APP_ERROR_FAILED;
    }
    return 0;
}

static int run(const struct arguments *arguments, const char *directory, GError **error)
{
    g_auto(GStrv) environment = g_get_environ();
    const struct compose_options options = {
        .files = arguments->files,
        .service = arguments->service,
        .project = arguments->project,
        .directory = directory,
        .environment = environment,
        .home = g_getenv("HOME"),
    };
    struct compose_service *service = compose_load(&options, error);
    if (service == NULL)
        return APP_ERROR_FAILED;
    for (char **warning = service->warnings; *warning != NULL; warning++)
        app_notice("%s", *warning);
    if (!service->read_only)
        app_notice("the service %s does not say read_only: true; it is mounted read-only all the same", service->name);
    mount_options_override(service->routes, arguments->routes);
    int status = print(service, arguments->as_json);
    compose_service_free(service);
    return status;
}

int cmd_config(int argc, char **argv)
{
    g_autofree char *directory = g_get_current_dir();
    struct arguments arguments = {.routes = mount_options_new(directory, g_getenv("HOME"))};
    const GOptionEntry entries[] = {
        {"compose", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.files,
         "A Compose file; of several the later one wins", "FILE"},
        {"service", 0, 0, G_OPTION_ARG_FILENAME, &arguments.service, "Which service (default: the only one)", "NAME"},
        {"project-name", 0, 0, G_OPTION_ARG_FILENAME, &arguments.project,
         "Name of the project, before those of its volumes", "NAME"},
        {"tmpfs", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_tmpfs), "A tmpfs", "DST[:OPTS]"},
        {"volume", 'v', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_volume),
         "A volume, or a path of the host", "[SRC:]DST[:OPTS]"},
        {"mount", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, callback(on_mount), "The long form of both",
         "KEY=VALUE,..."},
        {"json", 0, 0, G_OPTION_ARG_NONE, &arguments.as_json, "For programs: one JSON object", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    int status = APP_ERROR_USAGE;
    if (command_parse(argc, argv, "config", NULL, summary, examples, entries, &arguments, &error)) {
        if (arguments.rest != NULL)
            error =
                g_error_new(APP_ERROR, APP_ERROR_USAGE,
                            "config takes options alone; write --service NAME for a service, see rofuse config --help");
        else
            status = run(&arguments, directory, &error);
    }
    mount_options_free(arguments.routes);
    g_strfreev(arguments.files);
    g_strfreev(arguments.rest);
    g_free(arguments.service);
    g_free(arguments.project);
    return error != NULL ? app_error_print(error) : status;
}
