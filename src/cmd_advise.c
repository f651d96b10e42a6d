#include "commands.h"

#include "advise_comments.h"
#include "advise_image.h"
#include "advise_input.h"
#include "advise_merge.h"
#include "advise_render.h"
#include "app_error.h"
#include "command_parse.h"
#include "compose.h"
#include "compose_files.h"
#include "file_replace.h"
#include "image.h"
#include "mount_arguments.h"
#include "text.h"

#include <string.h>

#define MOST_COMPOSE ((size_t)1 << 20)

static const char summary[] =
    "Tells the smallest declaration with which the program works: tmpfs, volumes, variables, from what it\n"
    "could not write; and what was left out and why.";

static const char examples[] =
    "Without MOUNTPOINT or NAME the only mount is meant. With --from, a log in JSON lines is read instead; --compose,\n"
    "--image and --layer tell then what is declared and what the image has.\n"
    "\n"
    "Examples:\n"
    "  rofuse advise\n"
    "  rofuse advise web --for kubernetes\n"
    "  rofuse advise web --merge compose.yaml          # prints the change to the file\n"
    "  rofuse advise web --merge compose.yaml --write  # makes it\n"
    "  rofuse advise --from web.jsonl --image oci:images/web:1.0 --json | jq -r '.options[]'\n"
    "\n"
    "The exit status is 0, also where nothing is to be declared; 1 when the mount, the log or the file cannot be read\n"
    "or changed, 2 when the arguments are wrong.";

struct target {
    const char *name;
    char *(*render)(const struct advise_output *output);
};

static const struct target targets[] = {
    {"compose", advise_compose},       {"docker", advise_docker},   {"podman", advise_podman},
    {"kubernetes", advise_kubernetes}, {"systemd", advise_systemd}, {"rofuse", advise_rofuse},
};

struct arguments {
    char *log, *target;
    char **merge;
    gboolean write, all, as_json;
    char **rest;
    const struct target *found; /* what --for names, or NULL */
};

static gboolean find_target(struct arguments *arguments, GError **error)
{
    for (size_t i = 0; arguments->target != NULL && i < G_N_ELEMENTS(targets); i++) {
        if (strcmp(arguments->target, targets[i].name) == 0)
            arguments->found = &targets[i];
    }
    if (arguments->target == NULL || arguments->found != NULL)
        return TRUE;
    g_autofree char *shown = text_escape(arguments->target);
    return app_error_usage(
        error, "--for: \"%s\" is unknown; write compose, docker, podman, kubernetes, systemd or rofuse", shown);
}

static gboolean check(struct arguments *arguments, GError **error)
{
    int n_forms = (arguments->target != NULL) + (arguments->merge != NULL) + (arguments->as_json != FALSE);
    if (!find_target(arguments, error))
        return FALSE;
    if (n_forms > 1)
        return app_error_usage(error, "--for, --merge and --json are three forms of the answer; choose one");
    if (arguments->write && arguments->merge == NULL)
        return app_error_usage(error,
                               "--write changes the file that --merge names; write --merge compose.yaml --write");
    for (char **file = arguments->merge; file != NULL && *file != NULL; file++) {
        if (**file == '\0')
            return app_error_usage(error, "--merge: the file is empty; write its path");
    }
    if (arguments->log != NULL && *arguments->log == '\0')
        return app_error_usage(error, "--from: the log is empty; write its path, or - for stdin");
    if (arguments->rest != NULL && (g_strv_length(arguments->rest) != 1 || *arguments->rest[0] == '\0'))
        return app_error_usage(error, "give one mount point or name, or none: rofuse advise [MOUNTPOINT|NAME]");
    if (arguments->rest != NULL && arguments->log != NULL)
        return app_error_usage(error, "--from reads a log instead of asking a mount; leave one of the two out");
    return TRUE;
}

/* NULL with one line. */
static struct mount_request *parse(int argc, char **argv, struct arguments *arguments, GError **error)
{
    struct mount_arguments content;
    mount_arguments_init(&content);
    const GOptionEntry own[] = {
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &arguments->log,
         "A log in JSON, or facts of run --facts, instead of a mount; - is stdin", "LOG"},
        {"for", 0, 0, G_OPTION_ARG_FILENAME, &arguments->target,
         "compose, docker, podman, kubernetes, systemd or rofuse; print what to write for it", "TARGET"},
        {"merge", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->merge,
         "Put it into this Compose file; of several, the last one is changed. Prints a diff", "FILE"},
        {"write", 'i', 0, G_OPTION_ARG_NONE, &arguments->write, "Change the file instead of printing a diff", NULL},
        {"all", 0, 0, G_OPTION_ARG_NONE, &arguments->all, "Declare also what the program went on without", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &arguments->as_json, "For programs: one JSON object", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->rest, NULL, NULL},
    };
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
    mount_arguments_add_entries(&content, MOUNT_ARGUMENTS_CONTENT, entries);
    gboolean done = command_parse(argc, argv, "advise", "[MOUNTPOINT|NAME]", summary, examples,
                                  (const GOptionEntry *)(const void *)entries->data, &content, error) &&
                    check(arguments, error);
    struct mount_request *request = done ? mount_arguments_take(&content, NULL, error) : NULL;
    mount_arguments_clear(&content);
    if (request != NULL && arguments->merge != NULL && *request->compose != NULL) {
        app_error_usage(error, "--merge names the Compose files already; leave --compose out");
        g_clear_pointer(&request, mount_request_free);
    }
    if (request != NULL && arguments->merge != NULL) {
        g_strfreev(request->compose);
        request->compose = g_strdupv(arguments->merge);
    }
    return request;
}

static int print(const char *text)
{
    GError *error = NULL;
    return command_print(text, &error) ? 0 : app_error_print(error);
}

/* What is not part of the file is said all the same. */
static void say_settings(const struct advise_output *output)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        g_autofree char *text = advice->kind == ADVICE_SETTING ? text_escape(advice->text) : NULL;
        g_autofree char *owner = advise_applies(output, advice) ? advise_owner(advice) : NULL;
        if (text != NULL)
            app_notice("to be set elsewhere: %s", text);
        if (owner != NULL)
            app_notice("%s", owner);
    }
}

static int merge(const struct arguments *arguments, const struct mount_request *request,
                 const struct advise_output *output, GError **error)
{
    g_autofree char *directory = g_get_current_dir(), *diff = NULL;
    g_auto(GStrv) environment = g_get_environ();
    const char *file = request->compose[g_strv_length(request->compose) - 1];
    g_autofree char *path = compose_files_absolute(directory, file);
    const struct compose_options options = {
        .files = request->compose,
        .service = output->service,
        .project = request->project,
        .directory = directory,
        .environment = environment,
        .home = g_getenv("HOME"),
    };
    const struct advise_merge merging = {
        .output = output, .options = &options, .service = output->service, .file = file, .path = path};
    size_t length = 0, new_length = 0;
    g_autofree char *text = compose_files_read(path, file, MOST_COMPOSE, NULL, &length, error);
    g_autofree char *changed =
        text != NULL ? advise_merge_text(&merging, text, length, &new_length, &diff, error) : NULL;
    if (changed == NULL)
        return APP_ERROR_FAILED;
    say_settings(output);
    if (!arguments->write)
        return print(diff);
    bool is_changed = *diff != '\0';
    if (is_changed && !file_replace(path, changed, new_length, error))
        return APP_ERROR_FAILED;
    g_autofree char *shown = text_word(file);
    g_autofree char *line = g_strdup_printf("%s: %s\n", shown, is_changed ? "changed" : "nothing to change");
    return print(line);
}

/* What is started, as rofuse takes it, or NULL. */
static const char *find_image(const struct advise_input *input, const struct mount_request *request)
{
    const struct compose_service *service = input->plan != NULL ? input->plan->service : NULL;
    if (request->image != NULL)
        return request->image;
    if (service != NULL)
        return service->source != NULL ? service->source : service->image;
    return input->state != NULL ? input->state->image : input->source->head.image;
}

/* The store gives a name of its own making to an image without one, which another image may have in a registry. */
static const char *name_in_source(const struct advise_input *input, const struct image_ref *ref)
{
    const char *name = input->plan != NULL && input->plan->image != NULL ? input->plan->image->name : NULL;
    if (ref->kind == IMAGE_STORED)
        return advise_image_is_name(ref->name) ? ref->name : name;
    bool is_given = ref->kind == IMAGE_DOCKER_ARCHIVE || (name != NULL && strchr(name, '/') != NULL) ||
                    g_strcmp0(name, ref->name) == 0;
    return ref->kind != IMAGE_DIRECTORY && is_given ? name : NULL;
}

/* The same as docker knows it, or NULL. Owned by the caller. */
static char *find_image_name(const struct advise_input *input, const struct mount_request *request, const char *image)
{
    const struct compose_service *service = input->plan != NULL ? input->plan->service : NULL;
    const char *name = request->image == NULL && service != NULL ? service->image : NULL;
    struct image_ref ref = {0};
    if (name == NULL && image != NULL && image_ref_parse("--image", image, &ref, NULL))
        name = name_in_source(input, &ref);
    char *found = name != NULL && advise_image_is_name(name) ? g_strdup(name) : NULL;
    image_ref_clear(&ref);
    return found;
}

/* A data set is most often saved at the end: who asks before would take it that nothing is written. */
static void note_learning(struct advice_list *list)
{
    g_ptr_array_add(list->notes,
                    g_strdup("learn mode is on; what programs write later, or only at their end (data that "
                             "they save), is not in this yet"));
}

static int answer(const struct arguments *arguments, const struct mount_request *request,
                  const struct advise_input *input, GError **error)
{
    struct advice_list *list = advice_make(&input->input);
    if (input->is_learning)
        note_learning(list);
    const struct compose_service *service = input->plan != NULL ? input->plan->service : NULL;
    const char *image = find_image(input, request);
    g_autofree char *image_name = find_image_name(input, request, image);
    const struct advise_output output = {
        .list = list,
        .with_optional = arguments->all,
        .service = service != NULL                     ? service->name
                   : input->source->head.mount != NULL ? input->source->head.mount
                                                       : "app",
        .image = image,
        .image_name = image_name,
        .mount = input->source->head.mount,
        .denied = input->source->head.denied,
        .dropped = input->source->head.dropped,
    };
    int status;
    if (arguments->merge != NULL) {
        status = merge(arguments, request, &output, error);
    } else {
        g_autofree char *text = arguments->as_json         ? advise_json(&output)
                                : arguments->found != NULL ? arguments->found->render(&output)
                                                           : advise_text(&output);
        status = print(text);
    }
    advice_list_free(list);
    return status;
}

int cmd_advise(int argc, char **argv)
{
    GError *error = NULL;
    struct arguments arguments = {0};
    struct mount_request *request = parse(argc, argv, &arguments, &error);
    struct paths *paths = request != NULL ? paths_find(request->state_dir, &error) : NULL;
    struct advise_input *input =
        paths != NULL
            ? advise_input_new(request, paths, arguments.rest != NULL ? arguments.rest[0] : NULL, arguments.log, &error)
            : NULL;
    int status = input != NULL ? answer(&arguments, request, input, &error) : APP_ERROR_FAILED;
    if (error != NULL)
        status = app_error_print(error);
    advise_input_free(input);
    paths_free(paths);
    mount_request_free(request);
    g_free(arguments.log);
    g_free(arguments.target);
    g_strfreev(arguments.merge);
    g_strfreev(arguments.rest);
    return status;
}
