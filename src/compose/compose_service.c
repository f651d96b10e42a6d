#include "compose.h"

#include "compose_environment.h"
#include "compose_files.h"
#include "compose_project.h"
#include "compose_secrets.h"
#include "compose_volumes.h"
#include "compose_words.h"
#include "text.h"

#include <string.h>

/* How many variables that are not set are told of one by one. */
#define MISSING_SHOWN 20

/* Where a service's keys are read from. */
struct reading {
    struct compose_project *project;
    const struct compose_node *node;
    char *where; /* "services.NAME", owned */
    struct compose_service *service;
};

/* A key's value, NULL where it says nothing. */
static const struct compose_node *get(const struct reading *reading, const char *key)
{
    const struct compose_node *node = compose_node_get(reading->node, key);
    return compose_node_is_null(node) ? NULL : node;
}

/* A text, owned by the caller; NULL where it is not said or empty. */
static char *get_text(const struct reading *reading, const char *key)
{
    const struct compose_node *node = get(reading, key);
    return node != NULL && *node->text != '\0' ? g_strdup(node->text) : NULL;
}

static bool get_bool(const struct reading *reading, const char *key)
{
    bool value = false;
    const struct compose_node *node = get(reading, key);
    if (node != NULL)
        compose_node_bool(node, &value); /* the schema has seen that it is one */
    return value;
}

/* command and entrypoint: a list is taken as it is, a text is split. */
static gboolean get_command(const struct reading *reading, const char *key, char ***ret, GError **error)
{
    const struct compose_node *node = get(reading, key);
    if (node == NULL)
        return TRUE;
    g_autofree char *where = g_strconcat(reading->where, ".", key, NULL);
    if (node->kind == COMPOSE_SCALAR) {
        const char *message = NULL;
        *ret = compose_words_split(node->text, &message);
        return *ret != NULL || compose_node_fail(node, where, error, "%s", message);
    }
    GPtrArray *words = g_ptr_array_new();
    for (guint i = 0; i < node->n; i++) {
        if (node->items[i]->tag != COMPOSE_TAG_RESET)
            g_ptr_array_add(words, g_strdup(node->items[i]->text));
    }
    g_ptr_array_add(words, NULL);
    *ret = (char **)g_ptr_array_free(words, FALSE);
    return TRUE;
}

static gboolean get_working_dir(const struct reading *reading, GError **error)
{
    const struct compose_node *node = get(reading, "working_dir");
    if (node == NULL || *node->text == '\0')
        return TRUE;
    g_autofree char *where = g_strconcat(reading->where, ".working_dir", NULL), *shown = text_word(node->text);
    if (*node->text != '/')
        return compose_node_fail(node, where, error, "%s is not absolute; begin it with a slash", shown);
    reading->service->working_dir = g_strdup(node->text);
    return TRUE;
}

/* Whether a reference is a path by image_ref.h's rule; "localhost/web:1" is a name. */
static bool is_path(const char *text)
{
    return *text == '/' || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || g_str_has_prefix(text, "./") ||
           g_str_has_prefix(text, "../");
}

/* Makes the path in an image's reference absolute; owned by the caller. */
static char *absolute_reference(const char *base, const char *text)
{
    static const char *const transports[] = {"oci:", "oci-archive:", "docker-archive:"};
    for (size_t i = 0; i < G_N_ELEMENTS(transports); i++) {
        if (!g_str_has_prefix(text, transports[i]))
            continue;
        const char *path = text + strlen(transports[i]);
        g_autofree char *absolute = *path != '\0' ? compose_files_absolute(base, path) : g_strdup("");
        return g_strconcat(transports[i], absolute, NULL);
    }
    return is_path(text) ? compose_files_absolute(base, text) : g_strdup(text);
}

static char *get_place(const struct reading *reading, const struct compose_node *node, const char *key)
{
    g_autofree char *place = compose_node_place(node), *where = g_strconcat(reading->where, ".", key, NULL);
    g_autofree char *shown = text_word(where);
    return g_strconcat(place, ": ", shown, NULL);
}

/* The image's name, and where it comes from if that is said. */
static void get_image(const struct reading *reading)
{
    struct compose_service *service = reading->service;
    const struct compose_node *source = compose_node_get(get(reading, "x-rofuse"), "image");
    service->image = get_text(reading, "image");
    if (!compose_node_is_null(source) && *source->text != '\0') {
        service->source = absolute_reference(source->source->base, source->text);
        service->image_place = get_place(reading, source, "x-rofuse.image");
    } else if (service->image != NULL) {
        service->image_place = get_place(reading, get(reading, "image"), "image");
    }
}

/* Places that another service declares. */
static gboolean check_volumes_from(const struct reading *reading, GError **error)
{
    const struct compose_node *from = get(reading, "volumes_from");
    g_autofree char *where = g_strconcat(reading->where, ".volumes_from", NULL);
    return from == NULL || from->n == 0 ||
           compose_node_fail(from, where, error, "volumes_from is not supported; declare those volumes here");
}

static void add_missing(const struct compose_vars *missing, GPtrArray *warnings)
{
    g_auto(GStrv) list = compose_vars_to_list(missing);
    guint n = g_strv_length(list);
    for (char **entry = list; *entry != NULL && entry < list + MISSING_SHOWN; entry++) {
        const char *place = strchr(*entry, '=') + 1;
        g_ptr_array_add(warnings, g_strdup_printf("%s: the variable %.*s is not set, it counts as empty", place,
                                                  (int)(place - 1 - *entry), *entry));
    }
    if (n > MISSING_SHOWN)
        g_ptr_array_add(warnings, g_strdup_printf("%u more variables are not set", n - MISSING_SHOWN));
}

/* An error at the place of a variable that is not set most likely comes of that. */
static void name_missing(const struct compose_vars *missing, GError **error)
{
    g_auto(GStrv) list = compose_vars_to_list(missing);
    for (char **entry = list; error != NULL && *entry != NULL; entry++) {
        const char *place = strchr(*entry, '=') + 1;
        size_t length = strlen(place);
        if (strncmp((*error)->message, place, length) != 0 || (*error)->message[length] != ':')
            continue;
        char *message =
            g_strdup_printf("%s; the variable %.*s is not set", (*error)->message, (int)(place - 1 - *entry), *entry);
        g_free((*error)->message);
        (*error)->message = message;
    }
}

/* "security_opt: [no-new-privileges:true]" is what every program gets. */
static bool is_done_anyway(const char *key, const struct compose_node *value)
{
    if (strcmp(key, "security_opt") != 0 || value->kind != COMPOSE_SEQUENCE)
        return false;
    for (guint i = 0; i < value->n; i++) {
        const char *text = value->items[i]->text;
        if (text == NULL || (strcmp(text, "no-new-privileges") != 0 && strcmp(text, "no-new-privileges:true") != 0))
            return false;
    }
    return true;
}

/* What a service says of its process beyond what is done here: who runs it should know. */
static char **find_unheeded(const struct compose_node *node)
{
    static const char *const keys[] = {"cap_add", "cap_drop",    "devices",       "group_add",   "ipc",
                                       "pid",     "privileged",  "security_opt",  "shm_size",    "sysctls",
                                       "ulimits", "userns_mode", "oom_score_adj", "network_mode"};
    GPtrArray *found = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const struct compose_node *value = compose_node_get(node, keys[i]);
        if (value != NULL && !is_done_anyway(keys[i], value))
            g_ptr_array_add(found, g_strdup(keys[i]));
    }
    g_ptr_array_add(found, NULL);
    return (char **)g_ptr_array_free(found, FALSE);
}

static gboolean read_service(const struct reading *reading, const struct compose_options *options, GPtrArray *warnings,
                             GError **error)
{
    struct compose_service *service = reading->service;
    service->user = get_text(reading, "user");
    service->stop_signal = get_text(reading, "stop_signal");
    service->unheeded = find_unheeded(reading->node);
    service->hostname = get_text(reading, "hostname");
    service->read_only = get_bool(reading, "read_only");
    service->init = get_bool(reading, "init");
    service->tty = get_bool(reading, "tty");
    service->stdin_open = get_bool(reading, "stdin_open");
    get_image(reading);
    service->routes = mount_options_new(reading->project->directory, options->home);
    g_autoptr(GPtrArray) external = g_ptr_array_new_with_free_func(g_free);
    if (!get_working_dir(reading, error) || !get_command(reading, "command", &service->command, error) ||
        !get_command(reading, "entrypoint", &service->entrypoint, error) || !check_volumes_from(reading, error) ||
        !compose_volumes_read(reading->project, reading->node, reading->where, service->routes, external,
                              service->places, error) ||
        !compose_secrets_read(reading->project, reading->node, reading->where, service->routes, warnings, error) ||
        !compose_environment_read(reading->project, reading->node, reading->where, !options->no_env_files,
                                  &service->environment, error))
        return FALSE;
    g_ptr_array_add(external, NULL);
    service->external_volumes = (char **)g_ptr_array_free(g_steal_pointer(&external), FALSE);
    return TRUE;
}

static void free_place(void *data)
{
    struct compose_place *place = data;
    g_free(place->target);
    g_free(place->file);
    g_free(place);
}

/* Where the service's name is. */
static void add_place(struct compose_service *service, const struct compose_project *project)
{
    const struct compose_node *key = compose_node_find(compose_node_get(project->root, "services"), service->name)->key;
    struct compose_place *place = g_new0(struct compose_place, 1);
    *place = (struct compose_place){.file = g_strdup(key->source->path), .line = key->line};
    g_ptr_array_add(service->places, place);
}

static struct compose_service *load(const struct compose_options *options, const char *text, size_t length,
                                    GError **error)
{
    struct compose_project *project = compose_project_load(options, text, length, error);
    const char *name = NULL;
    const struct compose_node *node =
        project != NULL ? compose_project_service(project, options->service, &name, error) : NULL;
    if (node == NULL) {
        compose_project_free(project);
        return NULL;
    }
    struct compose_service *service = g_new0(struct compose_service, 1);
    service->file = g_strdup(project->file);
    service->project = g_strdup(project->name);
    service->name = g_strdup(name);
    service->places = g_ptr_array_new_with_free_func(free_place);
    add_place(service, project);
    struct reading reading = {project, node, g_strconcat("services.", name, NULL), service};
    GPtrArray *warnings = g_ptr_array_new_with_free_func(g_free);
    gboolean done = read_service(&reading, options, warnings, error);
    if (!done)
        name_missing(project->missing, error);
    add_missing(project->missing, warnings);
    g_ptr_array_add(warnings, NULL);
    service->warnings = (char **)g_ptr_array_free(warnings, FALSE);
    g_free(reading.where);
    compose_project_free(project);
    if (!done)
        g_clear_pointer(&service, compose_service_free);
    return service;
}

struct compose_service *compose_load(const struct compose_options *options, GError **error)
{
    return load(options, NULL, 0, error);
}

struct compose_service *compose_load_text(const struct compose_options *options, const char *text, size_t length,
                                          GError **error)
{
    return load(options, text, length, error);
}

char **compose_list(const struct compose_options *options, GError **error)
{
    struct compose_project *project = compose_project_load(options, NULL, 0, error);
    if (project == NULL)
        return NULL;
    const struct compose_node *services = compose_node_get(project->root, "services");
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    for (guint i = 0; services != NULL && i < services->n; i++) {
        if (services->pairs[i].value->tag != COMPOSE_TAG_RESET)
            g_strv_builder_add(names, services->pairs[i].key->text);
    }
    compose_project_free(project);
    return g_strv_builder_end(names);
}

void compose_service_free(struct compose_service *service)
{
    if (service == NULL)
        return;
    g_free(service->file);
    g_free(service->project);
    g_free(service->name);
    g_free(service->image);
    g_free(service->source);
    g_free(service->image_place);
    mount_options_free(service->routes);
    if (service->places != NULL)
        g_ptr_array_unref(service->places);
    g_strfreev(service->external_volumes);
    g_strfreev(service->entrypoint);
    g_strfreev(service->command);
    g_strfreev(service->environment);
    g_free(service->user);
    g_free(service->working_dir);
    g_free(service->stop_signal);
    g_free(service->hostname);
    g_strfreev(service->warnings);
    g_strfreev(service->unheeded);
    g_free(service);
}
