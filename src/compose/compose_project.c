#include "compose_project.h"

#include "app_error.h"
#include "compose_dotenv.h"
#include "compose_files.h"
#include "compose_merge.h"
#include "compose_schema.h"
#include "compose_yaml.h"
#include "text.h"

#include <string.h>

/* A file that extends named. */
struct compose_extended {
    char *path; /* owned */
    struct compose_node *root;
};

static void free_extended(gpointer data)
{
    struct compose_extended *extended = data;
    g_free(extended->path);
    g_free(extended);
}

static struct compose_project *new_project(void)
{
    struct compose_project *project = g_new0(struct compose_project, 1);
    project->forest = compose_forest_new();
    project->vars = compose_vars_new();
    project->missing = compose_vars_new();
    project->interpolation = (struct compose_interpolation){
        .vars = project->vars, .missing = project->missing, .budget = COMPOSE_EXPANDED_MAX};
    project->roots = g_ptr_array_new();
    project->extended = g_ptr_array_new_with_free_func(free_extended);
    project->budget = COMPOSE_NODES_MAX;
    return project;
}

void compose_project_free(struct compose_project *project)
{
    if (project == NULL)
        return;
    g_ptr_array_unref(project->roots);
    g_ptr_array_unref(project->extended);
    compose_vars_free(project->vars);
    compose_vars_free(project->missing);
    compose_forest_free(project->forest);
    g_free(project->file);
    g_free(project->directory);
    g_free(project->shown_from);
    g_free(project->name);
    g_free(project);
}

char *compose_project_read(struct compose_project *project, const char *path, const struct compose_node *at,
                           const char *where, bool *ret_missing, size_t *ret_length, GError **error)
{
    if (!project->reads_files || ++project->n_files > COMPOSE_FILES_MAX) {
        compose_node_fail(at, where, error,
                          project->reads_files ? "the project has more than %d files; use fewer"
                                               : "no other file than this one can be read here (at most %d elsewhere)",
                          COMPOSE_FILES_MAX);
        return NULL;
    }
    g_autofree char *place = compose_node_place(at), *whole = g_strconcat(place, ": ", where, NULL);
    return compose_files_read(path, whole, COMPOSE_YAML_MAX, ret_missing, ret_length, error);
}

static gboolean set_name(struct compose_project *project, const char *name, const char *where, GError **error)
{
    if (!compose_files_is_project(name)) {
        g_autofree char *shown = text_word(name);
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "%s: %s is no project's name; use lower case letters, digits, \"_\" and \"-\", a letter or digit "
                    "first",
                    where, shown);
        return FALSE;
    }
    g_free(project->name);
    project->name = g_strdup(name);
    compose_vars_set(project->vars, "COMPOSE_PROJECT_NAME", name);
    return TRUE;
}

/* docker compose's order: what was asked for, the environment, "name:" of the last file, the directory. Files can use it
 * as a variable, so it is found before they are interpolated. */
static gboolean find_name(struct compose_project *project, const struct compose_options *options, GError **error)
{
    const char *said = compose_vars_get(project->vars, "COMPOSE_PROJECT_NAME");
    project->is_named = options->project != NULL || (said != NULL && *said != '\0');
    if (project->is_named) {
        g_autofree char *name = g_strdup(options->project != NULL ? options->project : said);
        return set_name(project, name, options->project != NULL ? "the project" : "COMPOSE_PROJECT_NAME", error);
    }
    project->name = compose_files_project_of(project->directory);
    compose_vars_set(project->vars, "COMPOSE_PROJECT_NAME", *project->name != '\0' ? project->name : NULL);
    return TRUE;
}

/* "name:" at the top of a file. */
static gboolean read_name(struct compose_project *project, const struct compose_node *root, GError **error)
{
    struct compose_node *node = compose_node_get(root, "name");
    if (project->is_named || compose_node_is_null(node) || node->kind != COMPOSE_SCALAR)
        return TRUE;
    if (!compose_interpolate_tree(&project->interpolation, node, error))
        return FALSE;
    if (*node->text == '\0' || compose_node_type(node) != COMPOSE_STRING) /* the schema says more about it */
        return TRUE;
    g_autofree char *place = compose_node_place(node), *where = g_strconcat(place, ": name", NULL);
    return set_name(project, node->text, where, error);
}

static gboolean check_named(const struct compose_project *project, GError **error)
{
    if (*project->name != '\0')
        return TRUE;
    g_autofree char *shown = text_word(project->directory);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                "the directory %s gives no project's name; write name: NAME at the top of the Compose file", shown);
    return FALSE;
}

/* Parses, interpolates and checks one file's text. @is_own: it is not one that extends names. */
static struct compose_node *take_text(struct compose_project *project, const char *name, const char *path,
                                      const char *base, bool is_own, const char *text, size_t length, GError **error)
{
    const struct compose_source *source = compose_forest_source(project->forest, name, path, base);
    struct compose_node *root = compose_yaml_parse(project->forest, source, text, length, &project->budget, error);
    if (root == NULL || (is_own && !read_name(project, root, error)) ||
        !compose_interpolate_tree(&project->interpolation, root, error) || !compose_schema_check(root, error))
        return NULL;
    const struct compose_node *include = compose_node_get(root, "include");
    if (!compose_node_is_null(include) && include->n > 0) {
        compose_node_fail(include, "include", error,
                          "include is not supported; name the file with another --compose, or use extends");
        return NULL;
    }
    return root;
}

/* A file of the command line or one with a usual name. */
static gboolean load_file(struct compose_project *project, const struct compose_draft *draft, const char *path,
                          const char *name, GError **error)
{
    size_t length = 0;
    bool is_draft = draft != NULL && strcmp(draft->path, path) == 0;
    g_autofree char *text = is_draft ? g_strndup(draft->text, length = draft->length)
                                     : compose_files_read(path, path, COMPOSE_YAML_MAX, NULL, &length, error);
    if (text == NULL)
        return FALSE;
    struct compose_node *root = take_text(project, name, path, project->directory, true, text, length, error);
    if (root == NULL)
        return FALSE;
    project->n_files++;
    g_ptr_array_add(project->roots, root);
    return TRUE;
}

static gboolean read_dotenv(struct compose_project *project, const char *name, GError **error)
{
    g_autofree char *path = compose_files_absolute(project->directory, ".env");
    bool is_missing = false;
    size_t length = 0;
    g_autofree char *text = compose_files_read(path, path, COMPOSE_DOTENV_MAX, &is_missing, &length, error);
    if (text == NULL)
        return is_missing;
    struct compose_vars *into = compose_vars_new();
    struct compose_dotenv dotenv = {.name = name, .state = &project->interpolation, .into = into};
    gboolean done = compose_dotenv_parse(&dotenv, text, length, error);
    g_auto(GStrv) list = compose_vars_to_list(into);
    compose_vars_free(into);
    for (char **entry = list; done && *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        g_autofree char *key = g_strndup(*entry, (gsize)(equals - *entry));
        if (compose_vars_get(project->vars, key) == NULL)
            compose_vars_set(project->vars, key, equals + 1);
    }
    return done;
}

static gboolean fail_no_file(const char *directory, GError **error)
{
    g_autofree char *shown = text_word(directory);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                "there is no compose.yaml, compose.yml, docker-compose.yaml or docker-compose.yml in %s or above it; "
                "write --compose FILE",
                shown);
    return FALSE;
}

static gboolean check_files(char *const *files, const char *option, GError **error)
{
    for (; *files != NULL; files++) {
        if (**files == '\0') {
            g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s: the file is empty; write its path", option);
            return FALSE;
        }
    }
    return TRUE;
}

/* What COMPOSE_FILE says, as docker compose splits it; NULL where it says nothing. Owned by the caller. */
static char **files_of_environment(const struct compose_project *project)
{
    const char *files = compose_vars_get(project->vars, "COMPOSE_FILE");
    const char *separator = compose_vars_get(project->vars, "COMPOSE_PATH_SEPARATOR");
    if (files == NULL || *files == '\0')
        return NULL;
    return g_strsplit(files, separator != NULL && *separator != '\0' ? separator : ":", -1);
}

static gboolean load_files(struct compose_project *project, const struct compose_options *options, GError **error)
{
    bool is_given = options->files != NULL && *options->files != NULL;
    g_auto(GStrv) said = is_given ? NULL : files_of_environment(project);
    bool is_found = !is_given && said == NULL;
    g_autofree char *found = is_found ? compose_find_file(options->directory) : NULL;
    if (is_found && found == NULL)
        return fail_no_file(options->directory, error);
    if ((is_given && !check_files(options->files, "--compose", error)) ||
        (said != NULL && !check_files(said, "COMPOSE_FILE", error)))
        return FALSE;
    g_autofree char *override = is_found ? compose_files_find_override(found) : NULL;
    char *usual[] = {found, override, NULL};
    char *const *files = is_given ? options->files : is_found ? usual : said;
    project->file = compose_files_absolute(options->directory, *files);
    project->directory = g_path_get_dirname(project->file);
    g_autofree char *dotenv = compose_files_absolute(project->directory, ".env");
    g_autofree char *dotenv_name = compose_files_shown(options->directory, dotenv);
    g_autofree char *shown = text_escape(dotenv_name);
    if (!read_dotenv(project, shown, error) || !find_name(project, options, error))
        return FALSE;
    for (; *files != NULL; files++) {
        g_autofree char *path = compose_files_absolute(options->directory, *files);
        g_autofree char *name = is_found ? compose_files_shown(options->directory, path) : g_strdup(*files);
        if (!load_file(project, options->draft, path, name, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean load_text(struct compose_project *project, const struct compose_options *options, const char *text,
                          size_t length, GError **error)
{
    project->file = compose_files_absolute(options->directory, "compose.yaml");
    project->directory = g_strdup(options->directory);
    if (!find_name(project, options, error))
        return FALSE;
    struct compose_node *root =
        take_text(project, "compose.yaml", project->file, project->directory, true, text, length, error);
    if (root == NULL)
        return FALSE;
    g_ptr_array_add(project->roots, root);
    return TRUE;
}

struct compose_project *compose_project_load(const struct compose_options *options, const char *text, size_t length,
                                             GError **error)
{
    struct compose_project *project = new_project();
    project->reads_files = text == NULL;
    project->shown_from = g_strdup(options->directory);
    compose_vars_add_list(project->vars, options->environment);
    gboolean done =
        text != NULL ? load_text(project, options, text, length, error) : load_files(project, options, error);
    for (guint i = 0; done && i < project->roots->len; i++) {
        struct compose_node *root = g_ptr_array_index(project->roots, i);
        project->root = i == 0 ? root : compose_merge_file(project->forest, project->root, root);
    }
    if (!done || !check_named(project, error))
        g_clear_pointer(&project, compose_project_free);
    return project;
}

/* The root of a file that extends names; read once. */
static struct compose_node *load_extended(struct compose_project *project, const struct compose_node *file,
                                          const char *where, GError **error)
{
    g_autofree char *path = compose_files_absolute(file->source->base, file->text);
    for (guint i = 0; i < project->extended->len; i++) {
        const struct compose_extended *extended = g_ptr_array_index(project->extended, i);
        if (strcmp(extended->path, path) == 0)
            return extended->root;
    }
    size_t length = 0;
    g_autofree char *text = compose_project_read(project, path, file, where, NULL, &length, error);
    if (text == NULL)
        return NULL;
    g_autofree char *base = g_path_get_dirname(path), *name = compose_files_shown(project->shown_from, path);
    struct compose_node *root = take_text(project, name, path, base, false, text, length, error);
    if (root == NULL)
        return NULL;
    struct compose_extended *extended = g_new0(struct compose_extended, 1);
    extended->path = g_steal_pointer(&path);
    extended->root = root;
    g_ptr_array_add(project->extended, extended);
    return root;
}

/* One step of a chain of extends. */
struct step {
    const struct compose_node *service;
    const struct step *before;
    guint length;
};

static struct compose_node *follow(struct compose_project *project, struct compose_node *root, const char *name,
                                   const struct step *before, GError **error);

/* What a service extends; @extends: its key's value, not null. */
static struct compose_node *find_extended(struct compose_project *project, struct compose_node *root,
                                          const struct compose_node *extends, const char *where,
                                          const struct step *step, GError **error)
{
    const struct compose_node *service = extends, *file = NULL;
    if (extends->kind == COMPOSE_MAPPING) {
        service = compose_node_get(extends, "service");
        file = compose_node_get(extends, "file");
    }
    if (service == NULL || *service->text == '\0') {
        compose_node_fail(extends, where, error, "it does not say which service; add service: NAME");
        return NULL;
    }
    g_autofree char *deeper = g_strconcat(where, ".file", NULL);
    if (file != NULL && (root = load_extended(project, file, deeper, error)) == NULL)
        return NULL;
    g_autofree char *shown = text_word(service->text);
    const struct compose_node *target = compose_node_get(compose_node_get(root, "services"), service->text);
    if (target == NULL) {
        compose_node_fail(service, where, error, "there is no service %s in %s; correct the name, or add file:", shown,
                          root->source->name);
        return NULL;
    }
    for (const struct step *other = step; other != NULL; other = other->before) {
        if (other->service != target && step->length < COMPOSE_EXTENDS_MAX)
            continue;
        compose_node_fail(service, where, error,
                          other->service == target ? "%s extends itself, by way of this; break the circle"
                                                   : "%s is one service too many of those that extend one another",
                          shown);
        return NULL;
    }
    return follow(project, root, service->text, step, error);
}

/* A service of one file, over what it extends. It must be there. */
static struct compose_node *follow(struct compose_project *project, struct compose_node *root, const char *name,
                                   const struct step *before, GError **error)
{
    struct compose_node *service = compose_node_get(compose_node_get(root, "services"), name);
    const struct compose_node *extends = compose_node_get(service, "extends");
    if (compose_node_is_null(extends))
        return service;
    const struct step step = {service, before, before != NULL ? before->length + 1 : 1};
    g_autofree char *where = g_strdup_printf("services.%s.extends", name);
    struct compose_node *below = find_extended(project, root, extends, where, &step, error);
    return below != NULL ? compose_merge_service(project->forest, below, service) : NULL;
}

/* "api, db, web" */
static char *list_services(const struct compose_node *services)
{
    enum { SHOWN = 20 };
    GString *names = g_string_new(NULL);
    for (guint i = 0; services != NULL && i < services->n && i < SHOWN; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", services->pairs[i].key->text);
    if (services != NULL && services->n > SHOWN)
        g_string_append(names, ", ...");
    return g_string_free(names, FALSE);
}

static gboolean choose_service(const struct compose_project *project, const char *name, const char **ret,
                               GError **error)
{
    const struct compose_node *services = compose_node_get(project->root, "services");
    g_autofree char *file = text_escape(project->file), *names = list_services(services);
    if (services == NULL || services->n == 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s: there is no service; write services: with one below it",
                    file);
        return FALSE;
    }
    if (name == NULL && services->n > 1) {
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s has several services; choose one with --service: %s", file,
                    names);
        return FALSE;
    }
    if (name != NULL && compose_node_get(services, name) == NULL) {
        g_autofree char *shown = text_word(name);
        /* A service's name has neither: docker run takes an image there. */
        g_autofree char *hint =
            strpbrk(name, ":/") != NULL ? g_strconcat("; an image is named with --image ", shown, NULL) : g_strdup("");
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s: there is no service %s; there are: %s%s", file, shown,
                    names, hint);
        return FALSE;
    }
    *ret = name != NULL ? compose_node_find(services, name)->key->text : services->pairs[0].key->text;
    return TRUE;
}

struct compose_node *compose_project_service(struct compose_project *project, const char *name, const char **ret_name,
                                             GError **error)
{
    if (!choose_service(project, name, ret_name, error))
        return NULL;
    struct compose_node *service = NULL;
    for (guint i = 0; i < project->roots->len; i++) {
        struct compose_node *root = g_ptr_array_index(project->roots, i);
        struct compose_node *said = compose_node_get(compose_node_get(root, "services"), *ret_name);
        if (said == NULL)
            continue;
        struct compose_node *whole = follow(project, root, *ret_name, NULL, error);
        if (whole == NULL)
            return NULL;
        service = service == NULL || said->tag == COMPOSE_TAG_OVERRIDE
                      ? whole
                      : compose_merge_service(project->forest, service, whole);
    }
    return service;
}
