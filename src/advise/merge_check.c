#include "merge_check.h"

#include "advise_compose_value.h"
#include "advise_words.h"
#include "app_error.h"
#include "compose_node.h"
#include "compose_yaml.h"
#include "state.h"
#include "text.h"

#include <string.h>

/* What of a service may differ. */
static const char *const keys[] = {"read_only", "tmpfs", "volumes", "environment", NULL};

static bool is_equal(const struct compose_node *a, const struct compose_node *b);

/* Whether two mappings say the same but for some keys. */
static bool is_equal_but(const struct compose_node *a, const struct compose_node *b, const char *const *but)
{
    if (compose_node_is_null(a) || compose_node_is_null(b) || a->kind != COMPOSE_MAPPING || b->kind != COMPOSE_MAPPING)
        return compose_node_is_null(a) || compose_node_is_null(b);
    guint n_a = 0, n_b = 0;
    for (guint i = 0; i < b->n; i++)
        n_b += !g_strv_contains(but, b->pairs[i].key->text);
    for (guint i = 0; i < a->n; i++) {
        if (g_strv_contains(but, a->pairs[i].key->text))
            continue;
        struct compose_pair *other = compose_node_find(b, a->pairs[i].key->text);
        n_a++;
        if (other == NULL || !is_equal(a->pairs[i].value, other->value))
            return false;
    }
    return n_a == n_b;
}

static bool is_equal(const struct compose_node *a, const struct compose_node *b)
{
    static const char *const none[] = {NULL};
    if (a->kind != b->kind || a->tag != b->tag)
        return false;
    if (a->kind == COMPOSE_SCALAR)
        return strcmp(a->text, b->text) == 0 && a->is_quoted == b->is_quoted;
    if (a->kind == COMPOSE_MAPPING)
        return is_equal_but(a, b, none);
    bool equal = a->n == b->n;
    for (guint i = 0; equal && i < a->n; i++)
        equal = is_equal(a->items[i], b->items[i]);
    return equal;
}

/* Whether all that was there before is there and the same in the top-level volumes. */
static bool has_all(const struct compose_node *old, const struct compose_node *new)
{
    for (guint i = 0; old != NULL && old->kind == COMPOSE_MAPPING && i < old->n; i++) {
        struct compose_pair *other = compose_node_find(new, old->pairs[i].key->text);
        if (other == NULL || !is_equal(old->pairs[i].value, other->value))
            return false;
    }
    return true;
}

static bool is_rest_equal(const struct compose_node *old, const struct compose_node *new, const char *service)
{
    const char *const places[] = {"services", "volumes", NULL}, *const one[] = {service, NULL};
    const struct compose_node *old_services = compose_node_get(old, "services"),
                              *new_services = compose_node_get(new, "services");
    return is_equal_but(old, new, places) && is_equal_but(old_services, new_services, one) &&
           is_equal_but(compose_node_get(old_services, service), compose_node_get(new_services, service), keys) &&
           has_all(compose_node_get(old, "volumes"), compose_node_get(new, "volumes"));
}

static struct compose_node *parse(struct compose_forest *forest, const char *path, const char *text, size_t length,
                                  GError **error)
{
    guint budget = COMPOSE_NODES_MAX;
    const struct compose_source *source = compose_forest_source(forest, path, path, "/");
    return compose_yaml_parse(forest, source, text, length, &budget, error);
}

/* The file itself, but for what was asked for. */
static gboolean check_rest(const char *service, const char *old_text, size_t old_length,
                           const struct compose_draft *draft, bool *ret, GError **error)
{
    struct compose_forest *forest = compose_forest_new();
    const struct compose_node *old = parse(forest, draft->path, old_text, old_length, error);
    const struct compose_node *new = old != NULL ? parse(forest, draft->path, draft->text, draft->length, error) : NULL;
    *ret = new != NULL &&is_rest_equal(old, new, service);
    compose_forest_free(forest);
    return new != NULL;
}

static const struct route_spec *find_route(const struct compose_service *service, const char *target)
{
    size_t n;
    const struct route_spec *routes = mount_options_routes(service->routes, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(routes[i].target, target) == 0)
            return &routes[i];
    }
    return NULL;
}

static bool is_same_route(const struct route_spec *a, const struct route_spec *b)
{
    if (a == NULL || b == NULL)
        return false;
    json_t *one = state_route_to_json(a), *other = state_route_to_json(b);
    bool is_same = json_equal(one, other);
    json_decref(one);
    json_decref(other);
    return is_same;
}

/* @name: of a volume in the file; the store knows it by another one. */
static bool is_applied_route(const struct compose_service *service, const struct advice *advice, const char *name)
{
    const struct route_spec *is = find_route(service, advice->spec.target);
    if (is == NULL)
        return false;
    if (advise_needs_copy(advice))
        return is->kind == ROUTE_VOLUME && is->source == NULL && !is->read_only;
    if (advice->kind == ADVICE_TMPFS) {
        struct route_spec wanted = advice->spec;
        wanted.native = is->native;
        wanted.has_native = is->has_native;
        return is_same_route(is, &wanted);
    }
    return is->kind == advice->spec.kind && is->read_only == advice->spec.read_only &&
           (advice->kind != ADVICE_VOLUME || name == NULL ||
            (is->source != NULL && g_str_has_suffix(is->source, name)));
}

static bool is_target_of(const GPtrArray *applied, const char *target)
{
    for (guint i = 0; i < applied->len; i++) {
        const struct advice *advice = g_ptr_array_index(applied, i);
        if (advice->spec.target != NULL && strcmp(advice->spec.target, target) == 0)
            return true;
    }
    return false;
}

static const char *find_variable(const struct compose_service *service, const char *name)
{
    size_t length = strlen(name);
    for (char **entry = service->environment; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    }
    return NULL;
}

static bool are_applied(const struct compose_service *new, const GPtrArray *applied, const GPtrArray *names)
{
    for (guint i = 0; i < applied->len; i++) {
        const struct advice *advice = g_ptr_array_index(applied, i);
        bool is_there = advice->kind == ADVICE_ENV ? g_strcmp0(find_variable(new, advice->name), advice->value) == 0
                                                   : is_applied_route(new, advice, g_ptr_array_index(names, i));
        if (!is_there)
            return false;
    }
    return true;
}

/* Whether all routes of one service are those of the other, or were advised. */
static bool are_kept(const struct compose_service *of, const struct compose_service *in, const GPtrArray *applied)
{
    size_t n;
    const struct route_spec *routes = mount_options_routes(of->routes, &n);
    for (size_t i = 0; i < n; i++) {
        if (!is_target_of(applied, routes[i].target) && !is_same_route(&routes[i], find_route(in, routes[i].target)))
            return false;
    }
    return true;
}

static bool is_named(const GPtrArray *applied, const char *variable)
{
    size_t length = strcspn(variable, "=");
    for (guint i = 0; i < applied->len; i++) {
        const struct advice *advice = g_ptr_array_index(applied, i);
        if (advice->kind == ADVICE_ENV && strlen(advice->name) == length &&
            strncmp(advice->name, variable, length) == 0)
            return true;
    }
    return false;
}

static bool are_variables_kept(const struct compose_service *of, const struct compose_service *in,
                               const GPtrArray *applied)
{
    for (char **entry = of->environment; entry != NULL && *entry != NULL; entry++) {
        g_autofree char *name = g_strndup(*entry, strcspn(*entry, "="));
        const char *value = find_variable(in, name);
        if (!is_named(applied, *entry) && (value == NULL || strcmp(value, *entry + strlen(name) + 1) != 0))
            return false;
    }
    return true;
}

gboolean merge_check(const struct compose_options *options, const char *old_text, size_t old_length,
                     const struct compose_draft *draft, const GPtrArray *applied, const GPtrArray *names,
                     GError **error)
{
    const struct compose_draft before = {.path = draft->path, .text = old_text, .length = old_length};
    struct compose_options reading = *options;
    bool is_good = false;
    g_autoptr(GError) cause = NULL;
    reading.draft = &before;
    struct compose_service *old = compose_load(&reading, error);
    if (old == NULL)
        return FALSE;
    reading.draft = draft;
    struct compose_service *new = compose_load(&reading, &cause);
    if (new != NULL && check_rest(old->name, old_text, old_length, draft, &is_good, &cause))
        is_good = is_good && new->read_only &&are_applied(new, applied, names) && are_kept(old, new, applied) &&
                  are_kept(new, old, applied) && are_variables_kept(old, new, applied) &&
                  are_variables_kept(new, old, applied);
    compose_service_free(old);
    compose_service_free(new);
    if (is_good)
        return TRUE;
    g_autofree char *path = text_word(draft->path);
    return app_error_failed(
        error,
        "%s: it is written in a way that is not changed here without harm%s%s; put it there by hand, "
        "rofuse advise --for compose says what",
        path, cause != NULL ? ": " : "", cause != NULL ? cause->message : "");
}
