#include "plan.h"

#include "app_error.h"
#include "compose.h"
#include "image.h"
#include "text.h"

#include <string.h>

static bool names_content(const struct mount_request *request)
{
    return request->image != NULL || *request->layers != NULL;
}

/* Whether a Compose file is meant: named, or in the usual place where nothing else says what is mounted. */
static bool wants_compose(const struct mount_request *request, enum plan_purpose purpose, const char *directory)
{
    if (*request->compose != NULL || request->service != NULL)
        return true;
    if (names_content(request) || purpose == PLAN_ADVISE)
        return false;
    /* Who wants to be shown something hears that there is none. */
    g_autofree char *file = compose_find_file(directory);
    return file != NULL || g_getenv("COMPOSE_FILE") != NULL || purpose == PLAN_SHOW || purpose == PLAN_AUDIT;
}

static struct compose_options options_of(const struct mount_request *request, enum plan_purpose purpose,
                                         const char *directory, char *const *environment)
{
    return (struct compose_options){
        .files = request->compose,
        .service = request->service,
        .project = request->project,
        .directory = directory,
        .environment = environment,
        .home = g_getenv("HOME"),
        .no_env_files = purpose == PLAN_AUDIT,
    };
}

char **plan_services(const struct mount_request *request, enum plan_purpose purpose, GError **error)
{
    g_autofree char *directory = g_get_current_dir();
    if (!wants_compose(request, purpose, directory))
        return g_new0(char *, 1);
    g_auto(GStrv) environment = g_get_environ();
    const struct compose_options options = options_of(request, purpose, directory, environment);
    return compose_list(&options, error);
}

static gboolean read_compose(const struct mount_request *request, enum plan_purpose purpose, struct plan *plan,
                             GError **error)
{
    g_autofree char *directory = g_get_current_dir();
    if (!wants_compose(request, purpose, directory))
        return TRUE;
    g_auto(GStrv) environment = g_get_environ();
    const struct compose_options options = options_of(request, purpose, directory, environment);
    plan->service = compose_load(&options, error);
    if (plan->service == NULL)
        return FALSE;
    if (purpose == PLAN_AUDIT)
        return TRUE;
    for (char **warning = plan->service->warnings; *warning != NULL; warning++)
        app_notice("%s", *warning);
    if (!plan->service->read_only && purpose != PLAN_ADVISE) {
        g_autofree char *file = text_word(plan->service->file), *name = text_word(plan->service->name);
        app_notice("%s: the service %s has no \"read_only: true\"; its root is read-only here all the same", file,
                   name);
    }
    return TRUE;
}

/* The reference that is nearest, and its place in a file; NULL for the option. */
static const char *find_reference(const struct mount_request *request, const struct compose_service *service,
                                  const char **ret_place)
{
    *ret_place = NULL;
    if (request->image != NULL)
        return request->image;
    if (service == NULL || *request->layers != NULL)
        return NULL;
    *ret_place = service->image_place;
    return service->source != NULL ? service->source : service->image;
}

/* Volumes that somebody else makes and that must be there already. */
static gboolean check_external(const struct compose_service *service, const struct paths *paths, GError **error)
{
    for (char **name = service != NULL ? service->external_volumes : NULL; name != NULL && *name != NULL; name++) {
        g_autofree char *place = g_build_filename(paths->volumes, *name, NULL);
        if (g_file_test(place, G_FILE_TEST_IS_DIR))
            continue;
        g_autofree char *file = text_word(service->file), *shown = text_word(*name);
        return app_error_failed(
            error,
            "%s: the volume %s is external and is not there; make it by a mount with -v %s:/DST, or remove "
            "external: true",
            file, shown, shown);
    }
    return TRUE;
}

static struct image *find_image(const char *place, const char *reference, const struct image_options *options,
                                GError **error)
{
    struct image_ref ref;
    if (!image_ref_parse(place != NULL ? place : "--image", reference, &ref, error))
        return NULL;
    struct image *image = image_get(&ref, options, error);
    image_ref_clear(&ref);
    if (image == NULL && place != NULL)
        g_prefix_error(error, "%s: ", place);
    return image;
}

static gboolean read_image(const struct mount_request *request, const struct paths *paths, enum plan_purpose purpose,
                           struct plan *plan, GError **error)
{
    const char *place;
    const char *reference = find_reference(request, plan->service, &place);
    bool only_look = purpose != PLAN_MOUNT;
    g_autoptr(GError) cause = NULL;
    if (reference != NULL) {
        const struct image_options options = {
            .store = paths->images, .platform = request->platform, .only_look = only_look};
        plan->image = find_image(place, reference, &options, &cause);
    } else if (request->platform != NULL) {
        g_autofree char *shown = text_word(request->platform);
        (void)app_error_usage(
            &cause,
            "--platform %s: no image is named whose platform it could be; name one with --image, or leave it out",
            shown);
    } else if (plan->service != NULL && *request->layers == NULL && !only_look) {
        g_autofree char *name = text_word(plan->service->name);
        (void)app_error_usage(
            &cause, "the service %s names no image; write image: or x-rofuse: {image: REF} in it, or give --image REF",
            name);
    }
    if (cause == NULL)
        return TRUE;
    /* An audit does without a service's image, be it that its name is of a kind that is not read here. */
    bool is_of_service = request->image == NULL && reference != NULL;
    if (only_look && request->image == NULL &&
        (cause->code == APP_ERROR_FAILED || (is_of_service && purpose == PLAN_AUDIT))) {
        if (purpose == PLAN_SHOW)
            app_notice("%s", cause->message);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
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

static gboolean plan_routes(const struct mount_request *request, struct plan *plan, GError **error)
{
    plan->routes = mount_options_new("/", NULL);
    if (plan->image != NULL && !add_image_volumes(plan->image, plan->routes, error))
        return FALSE;
    if (plan->service != NULL)
        mount_options_override(plan->routes, plan->service->routes);
    mount_options_override(plan->routes, request->routes);
    if (request->native)
        mount_options_set_native(plan->routes);
    return TRUE;
}

static void plan_layers(const struct mount_request *request, struct plan *plan)
{
    g_autoptr(GStrvBuilder) layers = g_strv_builder_new();
    if (plan->image != NULL)
        g_strv_builder_addv(layers, (const char **)plan->image->layers);
    for (char **layer = request->layers; *layer != NULL; layer++) {
        g_autofree char *absolute = g_canonicalize_filename(*layer, NULL);
        g_strv_builder_add(layers, absolute);
    }
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

/* A name alone takes the value that it has here: where the person wrote it. An image may not ask for our secrets. */
static void set_variables(GPtrArray *list, char *const *variables, bool may_inherit)
{
    for (; variables != NULL && *variables != NULL; variables++) {
        if (strchr(*variables, '=') != NULL) {
            set_variable(list, *variables);
        } else if (may_inherit && g_getenv(*variables) != NULL) {
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
static void plan_command(const struct plan_words *words, struct plan *plan)
{
    char *const *entrypoint = plan->image != NULL ? plan->image->config.entrypoint : NULL;
    char *const *command = plan->image != NULL ? plan->image->config.cmd : NULL;
    if (plan->service != NULL && plan->service->entrypoint != NULL) {
        entrypoint = plan->service->entrypoint;
        command = NULL;
    }
    if (plan->service != NULL && plan->service->command != NULL)
        command = plan->service->command;
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

static void plan_process(const struct plan_words *words, struct plan *plan)
{
    static const struct compose_service no_service;
    static const struct image_config no_config;
    const struct compose_service *service = plan->service != NULL ? plan->service : &no_service;
    const struct image_config *config = plan->image != NULL ? &plan->image->config : &no_config;
    GPtrArray *env = g_ptr_array_new();
    set_variables(env, config->env, false);
    set_variables(env, service->environment, false);
    set_variables(env, words->env, true);
    g_ptr_array_add(env, NULL);
    plan->env = (char **)g_ptr_array_free(env, FALSE);
    plan->user = nearest(words->user, service->user, config->user, "");
    plan->working_dir = nearest(words->working_dir, service->working_dir, config->working_dir, "/");
    plan->stop_signal = nearest(NULL, service->stop_signal, config->stop_signal, "SIGTERM");
    plan->hostname = nearest(words->hostname, service->hostname, NULL, NULL);
    plan_command(words, plan);
}

struct plan *plan_make(const struct mount_request *request, const struct plan_words *words, const struct paths *paths,
                       enum plan_purpose purpose, GError **error)
{
    static const struct plan_words no_words;
    struct plan *plan = g_new0(struct plan, 1);
    if (!read_compose(request, purpose, plan, error) ||
        (purpose == PLAN_MOUNT && !check_external(plan->service, paths, error)) ||
        !read_image(request, paths, purpose, plan, error) || !plan_routes(request, plan, error)) {
        plan_free(plan);
        return NULL;
    }
    plan_layers(request, plan);
    plan_process(words != NULL ? words : &no_words, plan);
    return plan;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    compose_service_free(plan->service);
    image_free(plan->image);
    g_strfreev(plan->layers);
    mount_options_free(plan->routes);
    g_strfreev(plan->entrypoint);
    g_strfreev(plan->command);
    g_strfreev(plan->env);
    g_free(plan->user);
    g_free(plan->working_dir);
    g_free(plan->stop_signal);
    g_free(plan->hostname);
    g_free(plan);
}

void plan_apply(const struct plan *plan, struct mount_request *request)
{
    g_strfreev(request->layers);
    request->layers = g_strdupv(plan->layers);
    mount_options_free(request->routes);
    request->routes = mount_options_new("/", NULL);
    mount_options_override(request->routes, plan->routes);
    g_free(request->image_id);
    g_free(request->image_name);
    request->image_id = plan->image != NULL ? g_strdup(plan->image->id) : NULL;
    request->image_name = plan->image != NULL ? g_strdup(plan->image->name) : NULL;
}
