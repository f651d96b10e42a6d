/*
 * Control commands that change what may be written while the mount is used:
 *
 *     route.add {"routes": [ROUTE...]}                       adds all of them, or none
 *     route.rm  {"targets": [PATH...], "force": bool}        those that lie deepest first; none where one is not declared
 *     route.ls  {}
 *
 * Their result is {"routes": [ROUTE...]}: those that were added or removed, or all. ROUTE is as the state has it (state.h).
 */
#include "daemon.h"

#include "app_error.h"
#include "json_bytes.h"
#include "mount_table.h"
#include "mounted_places.h"
#include "place.h"
#include "route_users.h"
#include "session.h"
#include "state_dir.h"
#include "text.h"
#include "volume_remove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than anybody declares. */
#define ROUTES_MOST 256

/* Where something is mounted just now; borrowed from @places. */
static struct session_protected protect(const GPtrArray *places)
{
    return (struct session_protected){(const char *const *)places->pdata, places->len};
}

/* fs/ writes lines for people; which status they have is told by the errno. */
static void *fail(int result, char *why, GError **error)
{
    bool is_usage = result == -EINVAL || result == -EEXIST || result == -ENOENT || result == -ENOTDIR;
    g_set_error_literal(error, APP_ERROR, is_usage ? APP_ERROR_USAGE : APP_ERROR_FAILED,
                        why != NULL ? why : g_strerror(-result));
    g_free(why);
    return NULL;
}

static json_t *routes_result(json_t *routes)
{
    return json_pack("{s:o}", "routes", routes);
}

/* What is in the file is what the other commands show. */
static gboolean write_state(struct daemon *daemon, GError **error)
{
    pthread_mutex_lock(&daemon->lock);
    gboolean is_written = state_dir_write(daemon->paths->run, daemon->state, error);
    pthread_mutex_unlock(&daemon->lock);
    return is_written;
}

static void enter_route(struct daemon *daemon, struct route_spec *spec, unsigned index)
{
    pthread_mutex_lock(&daemon->lock);
    state_add_route(daemon->state, spec, index);
    pthread_mutex_unlock(&daemon->lock);
}

static void strike_route(struct daemon *daemon, size_t at)
{
    pthread_mutex_lock(&daemon->lock);
    state_remove_route(daemon->state, at);
    pthread_mutex_unlock(&daemon->lock);
}

/* The state's route that was declared for a target; n_routes where there is none. */
static size_t find(const struct state *state, const char *target)
{
    size_t at = 0;
    while (at < state->n_routes && strcmp(state->routes[at].target, target) != 0)
        at++;
    return at;
}

static gboolean read_routes(const json_t *args, struct route_spec *specs, size_t *ret_n, GError **error)
{
    const json_t *routes = json_object_get(args, "routes");
    size_t n = json_array_size(routes);
    *ret_n = 0;
    if (n == 0 || n > ROUTES_MOST)
        return app_error_usage(error, "routes: an array of 1 to %d routes is needed", ROUTES_MOST);
    for (size_t i = 0; i < n; i++) {
        struct route_spec *spec = &specs[*ret_n];
        if (!state_route_from_json(json_array_get(routes, i), spec))
            return app_error_usage(error, "routes: number %zu is no route", i + 1);
        ++*ret_n;
        if (spec->target[0] != '/' || (spec->kind == ROUTE_BIND && (spec->source == NULL || spec->source[0] != '/')))
            return app_error_usage(error, "routes: target and source of number %zu must be absolute", i + 1);
    }
    return TRUE;
}

/* Where something is mounted, as it was found last. */
struct places {
    dev_t device;
    GPtrArray *found; /* owned */
};

static struct session_protected look(void *data)
{
    struct places *places = data;
    g_clear_pointer(&places->found, g_ptr_array_unref);
    places->found = mounted_places(places->device);
    return protect(places->found);
}

/*
 * A bind takes what is mounted below its source along, as docker's does. If that is this mount, the daemon would keep in use
 * what it waits for to end.
 */
static gboolean check_source(const struct daemon *daemon, const struct route_spec *spec, GError **error)
{
    g_autoptr(GPtrArray) table = spec->kind == ROUTE_BIND ? mount_table_read(NULL) : NULL;
    char *source = table != NULL ? realpath(spec->source, NULL) : NULL;
    const struct mount_entry *inner = NULL;
    for (guint i = 0; source != NULL && inner == NULL && i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (entry->device == daemon->state->device && place_is_below(entry->point, source))
            inner = entry;
    }
    free(source);
    if (inner == NULL)
        return TRUE;
    g_autofree char *target = text_word(spec->target), *shown = text_word(spec->source),
                    *point = text_word(inner->point);
    return app_error_usage(error,
                           "bind %s: below its source %s lies this mount itself, at %s; bind a directory that does "
                           "not have it, or declare it when mounting",
                           target, shown, point);
}

/* Adds one. What the spec owns is the state's then. */
static gboolean add_one(struct daemon *daemon, struct route_spec *spec, const struct control_stream *stream,
                        GError **error)
{
    const struct patience patience = daemon_patience(stream);
    struct places places = {.device = daemon->state->device};
    const struct session_mounts mounts = {look, &places};
    char *why = NULL;
    unsigned index;
    if (!check_source(daemon, spec, error))
        return FALSE;
    int result = session_route_add(daemon->session, spec, &mounts, &patience, &index, &why);
    g_clear_pointer(&places.found, g_ptr_array_unref);
    if (result < 0)
        return fail(result, why, error) != NULL;
    if (spec->source == NULL) /* an anonymous volume has its name now */
        spec->source = g_strdup(session_source(daemon->session, spec->target));
    enter_route(daemon, spec, index);
    return TRUE;
}

/* What cannot be taken back stays known. @anonymous: of those from @n_before on, volumes to which nobody could come back. */
static void undo(struct daemon *daemon, size_t n_before, const bool *anonymous)
{
    struct state *state = daemon->state;
    for (size_t at = state->n_routes; at-- > n_before;) {
        g_autoptr(GPtrArray) places = mounted_places(state->device);
        struct session_protected protected = protect(places);
        g_autofree char *why = NULL;
        if (session_route_undo(daemon->session, state->routes[at].target, &protected, &why) < 0)
            continue;
        if (anonymous[at - n_before])
            (void)volume_remove(daemon->paths->volumes, state->routes[at].source);
        strike_route(daemon, at);
    }
    (void)write_state(daemon, NULL);
}

static int compare_depth(const void *a, const void *b)
{
    const struct route_spec *left = a, *right = b;
    return strcmp(left->target, right->target); /* a path comes before what lies below it */
}

static json_t *add_all(struct daemon *daemon, struct route_spec *specs, size_t n, const struct control_stream *stream,
                       GError **error)
{
    struct state *state = daemon->state;
    size_t n_before = state->n_routes;
    gboolean done = TRUE;
    g_autofree bool *anonymous = g_new0(bool, n);
    qsort(specs, n, sizeof specs[0], compare_depth);
    for (size_t i = 0; done && i < n; i++) {
        anonymous[i] = specs[i].kind == ROUTE_VOLUME && specs[i].source == NULL;
        done = add_one(daemon, &specs[i], stream, error);
    }
    done = done && write_state(daemon, error);
    if (!done) {
        undo(daemon, n_before, anonymous);
        return NULL;
    }
    json_t *routes = json_array();
    for (size_t i = n_before; i < state->n_routes; i++)
        json_array_append_new(routes, state_route_to_json(&state->routes[i]));
    return routes_result(routes);
}

static json_t *work_add(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    struct daemon *daemon = data;
    g_autofree struct route_spec *specs = g_new0(struct route_spec, ROUTES_MOST);
    size_t n;
    json_t *result = NULL;
    if (read_routes(args, specs, &n, error) && daemon_begin_change(daemon, stream, error)) {
        result = add_all(daemon, specs, n, stream, error);
        daemon_end_change(daemon);
    }
    for (size_t i = 0; i < n; i++)
        route_spec_clear(&specs[i]);
    return result;
}

/* The state's route that is declared for a target, or lies there; n_routes where there is none. */
static size_t find_declared(const struct daemon *daemon, const char *target, GError **error)
{
    const struct state *state = daemon->state;
    const char *declared = session_route_declared(daemon->session, target);
    size_t at = declared != NULL ? find(state, declared) : state->n_routes;
    if (at == state->n_routes) {
        g_autofree char *shown = text_word(target);
        app_error_usage(error, "%s: no route is declared there; rofuse route ls shows them", shown);
    }
    return at;
}

static json_t *remove_one(struct daemon *daemon, const char *target, bool force, GError **error)
{
    struct state *state = daemon->state;
    size_t at = find_declared(daemon, target, error);
    if (at == state->n_routes)
        return NULL;
    g_autofree char *users = force ? NULL : route_users(daemon->session, target, state->device);
    if (users != NULL) {
        g_autofree char *shown = text_word(target);
        app_error_failed(error, "%s: in use by %s; --force removes it all the same, and what is open stays open", shown,
                         users);
        return NULL;
    }
    g_autoptr(GPtrArray) places = mounted_places(state->device);
    struct session_protected protected = protect(places);
    char *why = NULL;
    int result = session_route_remove(daemon->session, target, force, &protected, &why);
    if (result < 0)
        return fail(result, why, error);
    json_t *json = state_route_to_json(&state->routes[at]);
    strike_route(daemon, at);
    return json;
}

static int compare_deepest(const void *a, const void *b)
{
    return -strcmp(*(char *const *)a, *(char *const *)b);
}

/* What can be known before anything is taken away: all are declared, and what is left can be written down. */
static gboolean may_remove(struct daemon *daemon, char **targets, size_t n, GError **error)
{
    for (size_t i = 0; i < n; i++) {
        if (find_declared(daemon, targets[i], error) == daemon->state->n_routes)
            return FALSE;
    }
    return write_state(daemon, error);
}

static json_t *remove_all(struct daemon *daemon, char **targets, size_t n, bool force, GError **error)
{
    if (!may_remove(daemon, targets, n, error))
        return NULL;
    json_t *routes = json_array();
    GError *cause = NULL;
    qsort(targets, n, sizeof targets[0], compare_deepest);
    for (size_t i = 0; cause == NULL && i < n; i++) {
        json_t *json = remove_one(daemon, targets[i], force, &cause);
        if (json != NULL)
            json_array_append_new(routes, json);
    }
    /* Those that are gone are gone. */
    (void)write_state(daemon, cause == NULL ? &cause : NULL);
    if (cause == NULL)
        return routes_result(routes);
    json_decref(routes);
    g_propagate_error(error, cause);
    return NULL;
}

static json_t *work_rm(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    struct daemon *daemon = data;
    g_auto(GStrv) targets = json_bytes_get_list(args, "targets");
    size_t n = targets != NULL ? g_strv_length(targets) : 0;
    if (n == 0 || n > ROUTES_MOST) {
        app_error_usage(error, "targets: an array of 1 to %d paths is needed", ROUTES_MOST);
        return NULL;
    }
    if (!daemon_begin_change(daemon, stream, error))
        return NULL;
    json_t *result = remove_all(daemon, targets, n, json_is_true(json_object_get(args, "force")), error);
    daemon_end_change(daemon);
    return result;
}

static json_t *run_ls(void *data, const json_t *args, GError **error)
{
    struct daemon *daemon = data;
    (void)args;
    (void)error;
    json_t *routes = json_array();
    pthread_mutex_lock(&daemon->lock);
    for (size_t i = 0; i < daemon->state->n_routes; i++)
        json_array_append_new(routes, state_route_to_json(&daemon->state->routes[i]));
    pthread_mutex_unlock(&daemon->lock);
    return routes_result(routes);
}

const struct control_command daemon_route_commands[] = {{.name = "route.add", .work = work_add},
                                                        {.name = "route.rm", .work = work_rm},
                                                        {.name = "route.ls", .run = run_ls},
                                                        {.name = NULL}};
