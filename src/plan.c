#include "plan.h"

#include "app_error.h"
#include "compose.h"
#include "image.h"
#include "text.h"

#include <string.h>

static gboolean fail(GError **error, enum app_error code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean fail(GError **error, enum app_error code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(APP_ERROR, (gint)code, format, arguments));
    va_end(arguments);
    return FALSE;
}

/* What has been found; both may be missing. */
struct sources {
    struct compose_service *service;
    struct image *image;
};

static bool names_content(const struct mount_request *request)
{
    return request->image != NULL || *request->layers != NULL;
}

/* Whether a Compose file is meant: named, or in the usual place where nothing else says what is mounted. */
static bool wants_compose(const struct mount_request *request, const char *directory)
{
    if (*request->compose != NULL || request->service != NULL)
        return true;
    if (names_content(request))
        return false;
    g_autofree char *file = compose_find_file(directory);
    return file != NULL;
}

static gboolean read_compose(const struct mount_request *request, struct sources *sources, GError **error)
{
    g_autofree char *directory = g_get_current_dir();
    if (!wants_compose(request, directory))
        return TRUE;
    g_auto(GStrv) environment = g_get_environ();
    const struct compose_options options = {
        .files = request->compose,
        .service = request->service,
        .project = request->project,
        .directory = directory,
        .environment = environment,
        .home = g_getenv("HOME"),
    };
    sources->service = compose_load(&options, error);
    if (sources->service == NULL)
        return FALSE;
    for (char **warning = sources->service->warnings; *warning != NULL; warning++)
        app_notice("%s", *warning);
    if (!sources->service->read_only) {
        g_autofree char *file = text_word(sources->service->file), *name = text_word(sources->service->name);
        app_notice("%s: the service %s has no \"read_only: true\"; its root is read-only here all the same", file,
                   name);
    }
    return TRUE;
}

/* The reference that is nearest, and what it was the value of. */
static const char *find_reference(const struct mount_request *request, const struct compose_service *service,
                                  const char **ret_said_by)
{
    *ret_said_by = "--image";
    if (request->image != NULL)
        return request->image;
    if (service == NULL || *request->layers != NULL)
        return NULL;
    *ret_said_by = service->source != NULL ? "x-rofuse: image" : "image";
    return service->source != NULL ? service->source : service->image;
}

static gboolean read_image(const struct mount_request *request, const struct paths *paths, struct sources *sources,
                           GError **error)
{
    const char *said_by;
    const char *reference = find_reference(request, sources->service, &said_by);
    if (reference == NULL && sources->service != NULL && *request->layers == NULL) {
        g_autofree char *name = text_word(sources->service->name);
        return fail(error, APP_ERROR_USAGE,
                    "the service %s names no image; write image: or x-rofuse: {image: REF} in it, or give --image REF",
                    name);
    }
    if (reference == NULL)
        return TRUE;
    struct image_ref ref;
    if (!image_ref_parse(said_by, reference, &ref, error))
        return FALSE;
    const struct image_options options = {.store = paths->images, .platform = request->platform};
    sources->image = image_get(&ref, &options, error);
    image_ref_clear(&ref);
    return sources->image != NULL;
}

/* Anonymous volumes for the places that the image wants to write to (docker run does the same). */
static gboolean add_image_volumes(const struct image *image, struct mount_options *routes, GError **error)
{
    for (char **target = image->config.volumes; *target != NULL; target++) {
        if (!mount_options_add_volume(routes, "the image's volume", *target, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean plan_routes(const struct mount_request *request, const struct sources *sources, struct plan *plan,
                            GError **error)
{
    plan->routes = mount_options_new("/", NULL);
    if (sources->image != NULL && !add_image_volumes(sources->image, plan->routes, error))
        return FALSE;
    if (sources->service != NULL)
        mount_options_override(plan->routes, sources->service->routes);
    mount_options_override(plan->routes, request->routes);
    if (request->native)
        mount_options_set_native(plan->routes);
    return TRUE;
}

static void plan_layers(const struct mount_request *request, const struct sources *sources, struct plan *plan)
{
    g_autoptr(GStrvBuilder) layers = g_strv_builder_new();
    if (sources->image != NULL)
        g_strv_builder_addv(layers, (const char **)sources->image->layers);
    g_strv_builder_addv(layers, (const char **)request->layers);
    plan->layers = g_strv_builder_end(layers);
}

/* Sets a variable, "KEY=VALUE", in place of one with the same name. @list: of owned strings. */
static void set_variable(GPtrArray *list, const char *variable)
{
    size_t length = strcspn(variable, "=");
    for (guint i = 0; i < list->len; i++) {
        char *other = g_ptr_array_index(list, i);
        if (strncmp(other, variable, length) == 0 && other[length] == '=') {
            g_free(other);
            list->pdata[i] = g_strdup(variable);
            return;
        }
    }
    g_ptr_array_add(list, g_strdup(variable));
}

static void set_variables(GPtrArray *list, char *const *variables)
{
    for (; variables != NULL && *variables != NULL; variables++) {
        if (strchr(*variables, '=') != NULL) {
            set_variable(list, *variables);
        } else if (g_getenv(*variables) != NULL) {
            g_autofree char *variable = g_strconcat(*variables, "=", g_getenv(*variables), NULL);
            set_variable(list, variable);
        }
    }
}

static char **copy_list(char *const *list)
{
    return list != NULL ? g_strdupv((char **)list) : g_new0(char *, 1);
}

/* What is started. An entrypoint that is said anew forgets the command that was meant for the old one. */
static void plan_command(const struct plan_words *words, const struct sources *sources, struct plan *plan)
{
    char *const *entrypoint = sources->image != NULL ? sources->image->config.entrypoint : NULL;
    char *const *command = sources->image != NULL ? sources->image->config.cmd : NULL;
    if (sources->service != NULL && sources->service->entrypoint != NULL) {
        entrypoint = sources->service->entrypoint;
        command = NULL;
    }
    if (sources->service != NULL && sources->service->command != NULL)
        command = sources->service->command;
    char *const one[] = {(char *)words->entrypoint, NULL};
    if (words->entrypoint != NULL) {
        entrypoint = *words->entrypoint != '\0' ? one : NULL;
        command = NULL;
    }
    if (words->command != NULL && *words->command != NULL)
        command = words->command;
    plan->entrypoint = copy_list(entrypoint);
    plan->command = copy_list(command);
}

/* The first that says something; "" where nobody does. */
static char *nearest(const char *a, const char *b, const char *c, const char *otherwise)
{
    const char *const said[] = {a, b, c};
    for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
        if (said[i] != NULL && *said[i] != '\0')
            return g_strdup(said[i]);
    }
    return g_strdup(otherwise);
}

static void plan_process(const struct plan_words *words, const struct sources *sources, struct plan *plan)
{
    static const struct compose_service no_service;
    static const struct image_config no_config;
    const struct compose_service *service = sources->service != NULL ? sources->service : &no_service;
    const struct image_config *config = sources->image != NULL ? &sources->image->config : &no_config;
    GPtrArray *env = g_ptr_array_new();
    set_variables(env, config->env);
    set_variables(env, service->environment);
    set_variables(env, words->env);
    g_ptr_array_add(env, NULL);
    plan->env = (char **)g_ptr_array_free(env, FALSE);
    plan->user = nearest(words->user, service->user, config->user, "");
    plan->working_dir = nearest(words->working_dir, service->working_dir, config->working_dir, "/");
    plan->stop_signal = nearest(NULL, service->stop_signal, config->stop_signal, "SIGTERM");
    plan->hostname = nearest(words->hostname, service->hostname, NULL, NULL);
    plan_command(words, sources, plan);
}

struct plan *plan_make(const struct mount_request *request, const struct plan_words *words, const struct paths *paths,
                       GError **error)
{
    static const struct plan_words no_words;
    struct plan *plan = g_new0(struct plan, 1);
    struct sources sources = {0};
    gboolean done = read_compose(request, &sources, error) && read_image(request, paths, &sources, error) &&
                    plan_routes(request, &sources, plan, error);
    if (done) {
        plan_layers(request, &sources, plan);
        plan_process(words != NULL ? words : &no_words, &sources, plan);
        plan->held = g_steal_pointer(&sources.image);
        plan->image = plan->held != NULL ? g_strdup(plan->held->name) : NULL;
        plan->image_id = plan->held != NULL ? g_strdup(plan->held->id) : NULL;
        plan->project = sources.service != NULL ? g_strdup(sources.service->project) : NULL;
        plan->service = sources.service != NULL ? g_strdup(sources.service->name) : NULL;
    }
    compose_service_free(sources.service);
    image_free(sources.image);
    if (!done)
        g_clear_pointer(&plan, plan_free);
    return plan;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    g_free(plan->project);
    g_free(plan->service);
    g_free(plan->image);
    g_free(plan->image_id);
    g_strfreev(plan->layers);
    mount_options_free(plan->routes);
    g_strfreev(plan->entrypoint);
    g_strfreev(plan->command);
    g_strfreev(plan->env);
    g_free(plan->user);
    g_free(plan->working_dir);
    g_free(plan->stop_signal);
    g_free(plan->hostname);
    image_free(plan->held);
    g_free(plan);
}

void plan_apply(const struct plan *plan, struct mount_request *request)
{
    g_strfreev(request->layers);
    request->layers = g_strdupv(plan->layers);
    mount_options_free(request->routes);
    request->routes = mount_options_new("/", NULL);
    mount_options_override(request->routes, plan->routes);
}
