#include "compose_environment.h"

#include "compose_dotenv.h"
#include "compose_files.h"
#include "compose_merge.h"
#include "text.h"

#include <string.h>

static gboolean read_file(struct compose_project *project, const struct compose_node *path_node, const char *where,
                          bool is_required, bool is_raw, struct compose_vars *vars, GError **error)
{
    bool is_missing = false;
    size_t length = 0;
    if (*path_node->text == '\0')
        return compose_node_fail(path_node, where, error, "the path is empty; write the file's path");
    g_autofree char *path = compose_files_absolute(path_node->source->base, path_node->text);
    g_autofree char *text =
        compose_project_read(project, path, path_node, where, is_required ? NULL : &is_missing, &length, error);
    if (text == NULL)
        return is_missing;
    g_autofree char *shown = compose_files_shown(project->shown_from, path), *name = text_escape(shown);
    struct compose_dotenv dotenv = {.name = name, .state = &project->interpolation, .is_raw = is_raw, .into = vars};
    return compose_dotenv_parse(&dotenv, text, length, error);
}

/* A string, or {path, required, format}. */
static gboolean read_entry(struct compose_project *project, const struct compose_node *entry, const char *where,
                           struct compose_vars *vars, GError **error)
{
    if (entry->kind == COMPOSE_SCALAR)
        return read_file(project, entry, where, true, false, vars, error);
    const struct compose_node *path = compose_node_get(entry, "path"), *format = compose_node_get(entry, "format");
    const struct compose_node *required = compose_node_get(entry, "required");
    bool is_required = true, is_raw = format != NULL && strcmp(format->text, "raw") == 0;
    if (path == NULL)
        return compose_node_fail(entry, where, error, "no path is given; add path: FILE");
    if (format != NULL && !is_raw) {
        g_autofree char *shown = text_word(format->text);
        return compose_node_fail(format, where, error, "the format %s is unknown; write raw, or leave it out", shown);
    }
    if (required != NULL)
        compose_node_bool(required, &is_required); /* the schema has seen that it is one */
    g_autofree char *deeper = g_strconcat(where, ".path", NULL);
    return read_file(project, path, deeper, is_required, is_raw, vars, error);
}

static gboolean read_files(struct compose_project *project, const struct compose_node *env_file, const char *where,
                           struct compose_vars *vars, GError **error)
{
    if (env_file->kind == COMPOSE_SCALAR)
        return read_entry(project, env_file, where, vars, error);
    for (guint i = 0; i < env_file->n; i++) {
        g_autofree char *deeper = g_strdup_printf("%s[%u]", where, i);
        if (env_file->items[i]->tag != COMPOSE_TAG_RESET &&
            !read_entry(project, env_file->items[i], deeper, vars, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean set_variables(const struct compose_project *project, const struct compose_node *environment,
                              const char *where, struct compose_vars *vars, GError **error)
{
    for (guint i = 0; i < environment->n; i++) {
        const struct compose_pair *pair = &environment->pairs[i];
        const char *name = pair->key->text;
        if (pair->value->tag == COMPOSE_TAG_RESET)
            continue;
        if (*name == '\0' || strchr(name, '=') != NULL) {
            g_autofree char *shown = text_word(name);
            return compose_node_fail(pair->key, where, error,
                                     "%s is no variable's name; write NAME=VALUE or NAME: VALUE", shown);
        }
        if (compose_node_is_null(pair->value)) {
            compose_vars_set(vars, name, compose_vars_get(project->vars, name));
        } else if (compose_node_type(pair->value) == COMPOSE_BOOL) {
            g_autofree char *lower = g_ascii_strdown(pair->value->text, -1);
            compose_vars_set(vars, name, lower);
        } else {
            compose_vars_set(vars, name, pair->value->text);
        }
    }
    return TRUE;
}

gboolean compose_environment_read(struct compose_project *project, const struct compose_node *service,
                                  const char *where, bool with_files, char ***ret, GError **error)
{
    struct compose_node *env_file = with_files ? compose_node_get(service, "env_file") : NULL;
    struct compose_node *environment =
        compose_merge_as_mapping(project->forest, compose_node_get(service, "environment"));
    if (compose_node_is_null(env_file) && environment == NULL)
        return TRUE;
    struct compose_vars *vars = compose_vars_new();
    g_autofree char *file_where = g_strconcat(where, ".env_file", NULL);
    g_autofree char *own_where = g_strconcat(where, ".environment", NULL);
    gboolean done = compose_node_is_null(env_file) || read_files(project, env_file, file_where, vars, error);
    done = done && (environment == NULL || set_variables(project, environment, own_where, vars, error));
    if (done)
        *ret = compose_vars_to_list(vars);
    compose_vars_free(vars);
    return done;
}
