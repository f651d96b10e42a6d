#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "compose.h"
#include "config_print.h"
#include "image.h"
#include "live_config.h"
#include "mount_arguments.h"
#include "mount_ask.h"
#include "paths.h"
#include "plan.h"
#include "run_words.h"

#include <string.h>

static const char summary[] =
    "Shows what is understood of options, Compose file and image together: layers, places that may be written\n"
    "with every option, environment, command. Nothing is mounted and nothing is changed.";

static const char examples[] =
    "Without --compose, --image and --layer, compose.yaml, compose.yml, docker-compose.yaml or\n"
    "docker-compose.yml is looked for in the working directory and above it, together with\n"
    "compose.override.yaml beside it. What is given here counts before the file, the file before the image.\n"
    "\n"
    "Examples:\n"
    "  rofuse config\n"
    "  rofuse config --compose compose.yaml --compose compose.prod.yaml --service api\n"
    "  rofuse config --image oci:images/web:1.0 -e PORT=80 -- /app/serve\n"
    "  rofuse config --live web > compose.override.yaml\n"
    "  rofuse config --live /mnt/root --service web > compose.override.yaml\n"
    "  rofuse config --service api --tmpfs /run:size=16m --json | jq '.routes[]'\n"
    "\n"
    "A service's image that is not in the store yet is a note on stderr; --image must be there.\n"
    "\n"
    "The exit status is 0, 1 when a file or --image cannot be read, 2 when the arguments or the file are wrong.";

static int print(const struct plan *plan, gboolean as_json)
{
    static const struct compose_service no_service;
    const struct compose_service *service = plan->service != NULL ? plan->service : &no_service;
    /* Where the image is not to be had, what nobody else says is its business. */
    bool is_whole = plan->image != NULL || (service->image == NULL && service->source == NULL);
    struct config_print config = {
        .file = service->file,
        .project = service->project,
        .service = service->name,
        .image = plan->image != NULL ? plan->image->name : service->image,
        .source = service->source,
        .layers = plan->layers,
        .external_volumes = service->external_volumes,
        .entrypoint = is_whole ? plan->entrypoint : service->entrypoint,
        .command = is_whole || *plan->command != NULL ? plan->command : service->command,
        .environment = plan->env,
        .user = *plan->user != '\0' ? plan->user : NULL,
        .working_dir = is_whole ? plan->working_dir : service->working_dir,
        .stop_signal = is_whole ? plan->stop_signal : service->stop_signal,
        .hostname = plan->hostname,
        .read_only = service->read_only,
        .init = service->init,
        .tty = service->tty,
        .stdin_open = service->stdin_open,
    };
    config.routes = mount_options_routes(plan->routes, &config.n_routes);
    g_autofree char *text = as_json ? config_print_json(&config) : config_print_text(&config);
    GError *error = NULL;
    return command_print(text, &error) ? 0 : app_error_print(error);
}

struct arguments {
    struct run_words words;
    gboolean as_json;
    char *live;
    char **rest;
};

/* GOption knows no value that may be left out: "--live" at the end, or before another option, becomes "--live=". */
static void complete_live(char **options)
{
    for (; *options != NULL; options++)
        if (strcmp(*options, "--live") == 0 && (options[1] == NULL || options[1][0] == '-'))
            *options = (char *)"--live=";
}

/* A mount is shown as it is: whatever would make another one of it does not belong to it. */
static gboolean check_live(const struct arguments *arguments, const struct mount_request *request, GError **error)
{
    const struct run_words *words = &arguments->words;
    size_t n_routes;
    (void)mount_options_routes(request->routes, &n_routes);
    bool is_alone = request->image == NULL && request->platform == NULL && request->layers[0] == NULL &&
                    request->compose[0] == NULL && request->project == NULL &&
                    (request->service == NULL || !arguments->as_json) && /* a Compose file has a service's name */
                    n_routes == 0 && words->env == NULL && words->entrypoint == NULL && words->user == NULL &&
                    words->working_dir == NULL && words->hostname == NULL && words->command[0] == NULL;
    return arguments->live == NULL || is_alone ||
           app_error_usage(
               error, "--live shows a mount as it is, and takes --service, or --json, and --state-dir alone beside "
                      "it; leave the rest out, or --live");
}

/* NULL with one line. */
static struct mount_request *parse(int argc, char **argv, struct arguments *arguments, GError **error)
{
    run_words_init(&arguments->words, &argc, &argv);
    g_autofree char **options = argv;
    complete_live(options);
    struct mount_arguments content;
    mount_arguments_init(&content);
    const GOptionEntry own[] = {
        {"live", 0, 0, G_OPTION_ARG_FILENAME, &arguments->live,
         "What a mount (without a word: the only one) has now, as a Compose file", "MOUNTPOINT|NAME"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &arguments->as_json, "For programs: one JSON object", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->rest, NULL, NULL},
    };
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    mount_arguments_add_entries(&content, MOUNT_ARGUMENTS_CONTENT, entries);
    run_words_add_entries(&arguments->words, entries);
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
    gboolean done = command_parse(argc, options, "config", "[-- COMMAND...]", summary, examples,
                                  (const GOptionEntry *)(const void *)entries->data, &content, error) &&
                    run_words_check(&arguments->words, error);
    if (done && arguments->rest != NULL) {
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "config takes options alone; write --service NAME for a service, see rofuse config --help");
        done = FALSE;
    }
    struct mount_request *request = done ? mount_arguments_take(&content, NULL, error) : NULL;
    mount_arguments_clear(&content);
    if (request != NULL && !check_live(arguments, request, error)) {
        mount_request_free(request);
        return NULL;
    }
    return request;
}

static int print_plan(const struct mount_request *request, const struct arguments *arguments, const struct paths *paths)
{
    GError *error = NULL;
    const struct plan_words words = run_words_plan(&arguments->words);
    struct plan *plan = plan_make(request, &words, paths, PLAN_SHOW, &error);
    int status = plan != NULL ? print(plan, arguments->as_json) : app_error_print(error);
    plan_free(plan);
    return status;
}

static int print_live(const struct arguments *arguments, const char *service, const struct paths *paths)
{
    GError *error = NULL;
    struct state *state = mount_state(paths, *arguments->live != '\0' ? arguments->live : NULL, &error);
    if (state != NULL) {
        g_autofree char *text = arguments->as_json ? live_config_json(state) : live_config_compose(state, service);
        (void)command_print(text, &error);
    }
    state_free(state);
    return error != NULL ? app_error_print(error) : 0;
}

int cmd_config(int argc, char **argv)
{
    GError *error = NULL;
    struct arguments arguments = {0};
    struct mount_request *request = parse(argc, argv, &arguments, &error);
    struct paths *paths = request != NULL ? paths_find(request->state_dir, &error) : NULL;
    int status = 0;
    if (paths == NULL)
        status = app_error_print(error);
    else
        status = arguments.live != NULL ? print_live(&arguments, request->service, paths)
                                        : print_plan(request, &arguments, paths);
    paths_free(paths);
    mount_request_free(request);
    run_words_clear(&arguments.words);
    g_free(arguments.live);
    g_strfreev(arguments.rest);
    return status;
}
