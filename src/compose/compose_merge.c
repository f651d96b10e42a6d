#include "compose_merge.h"

#include "mount_options.h"

#include <string.h>

typedef struct compose_node *(*merge_function)(struct compose_forest *forest, struct compose_node *below,
                                               struct compose_node *above);

/* The key that makes an entry of a list unique, owned by the caller; NULL: it stands for itself. */
typedef char *(*target_function)(const struct compose_node *item);

static int compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

static struct compose_node *take_pairs(struct compose_forest *forest, const struct compose_node *at, GArray *pairs)
{
    struct compose_node *node = compose_node_new(forest, COMPOSE_MAPPING, at);
    compose_node_set_pairs(node, (const struct compose_pair *)(const void *)pairs->data, pairs->len, NULL);
    return node;
}

static GArray *new_pairs(void)
{
    return g_array_new(FALSE, FALSE, sizeof(struct compose_pair));
}

/* Which function merges the values of a key; NULL: the later one replaces, unless it says nothing. */
typedef merge_function (*find_function)(const char *key);

/* The later one replaces, also where it says nothing. */
static struct compose_node *replace(struct compose_forest *forest, struct compose_node *below,
                                    struct compose_node *above)
{
    (void)forest;
    (void)below;
    return above;
}

static merge_function replace_all(const char *key)
{
    (void)key;
    return replace;
}

static struct compose_node *merge_value(struct compose_forest *forest, const struct compose_pair *below,
                                        const struct compose_pair *above, find_function find)
{
    merge_function merge = find(above->key->text);
    if (merge == replace || above->value->tag == COMPOSE_TAG_OVERRIDE)
        return above->value;
    if (compose_node_is_null(above->value))
        return below->value;
    if (merge == NULL || compose_node_is_null(below->value))
        return above->value;
    return merge(forest, below->value, above->value);
}

static struct compose_node *merge_pairs(struct compose_forest *forest, const struct compose_node *below,
                                        const struct compose_node *above, find_function find)
{
    g_autoptr(GArray) pairs = new_pairs();
    for (guint i = 0; i < below->n; i++) {
        struct compose_pair pair = below->pairs[i];
        const struct compose_pair *over = compose_node_find(above, pair.key->text);
        if (over != NULL && over->value->tag != COMPOSE_TAG_RESET)
            pair = (struct compose_pair){over->key, merge_value(forest, &below->pairs[i], over, find)};
        if (over == NULL || over->value->tag != COMPOSE_TAG_RESET)
            g_array_append_val(pairs, pair);
    }
    for (guint i = 0; i < above->n; i++) {
        const struct compose_pair *pair = &above->pairs[i];
        if (pair->value->tag != COMPOSE_TAG_RESET && compose_node_find(below, pair->key->text) == NULL)
            g_array_append_val(pairs, *pair);
    }
    return take_pairs(forest, above, pairs);
}

/* Mappings by key, one level; anything else is replaced. */
static struct compose_node *merge_mappings(struct compose_forest *forest, struct compose_node *below,
                                           struct compose_node *above)
{
    if (below->kind != COMPOSE_MAPPING || above->kind != COMPOSE_MAPPING)
        return above;
    return merge_pairs(forest, below, above, replace_all);
}

struct compose_node *compose_merge_as_mapping(struct compose_forest *forest, struct compose_node *node)
{
    if (compose_node_is_null(node) || node->kind != COMPOSE_SEQUENCE)
        return compose_node_is_null(node) ? NULL : node;
    g_autoptr(GArray) pairs = new_pairs();
    g_autoptr(GTree) seen = g_tree_new_full(compare_names, NULL, NULL, NULL);
    /* Of two that are the same the last one counts: from the end, then turned round. */
    for (guint i = node->n; i > 0; i--) {
        struct compose_node *item = node->items[i - 1];
        if (item->kind != COMPOSE_SCALAR)
            continue;
        const char *equals = strchr(item->text, '=');
        g_autofree char *name = equals != NULL ? g_strndup(item->text, (gsize)(equals - item->text)) : NULL;
        struct compose_pair pair = {.key = compose_node_new_text(forest, item, name != NULL ? name : item->text)};
        if (g_tree_lookup(seen, pair.key->text) != NULL)
            continue;
        g_tree_insert(seen, pair.key->text, pair.key);
        pair.value = compose_node_new_text(forest, item, equals != NULL ? equals + 1 : "");
        pair.value->is_quoted = equals != NULL;
        g_array_append_val(pairs, pair);
    }
    for (guint i = 0; i < pairs->len / 2; i++) {
        struct compose_pair *a = &g_array_index(pairs, struct compose_pair, i);
        struct compose_pair *b = &g_array_index(pairs, struct compose_pair, pairs->len - 1 - i);
        struct compose_pair kept = *a;
        *a = *b;
        *b = kept;
    }
    return take_pairs(forest, node, pairs);
}

static struct compose_node *merge_environment(struct compose_forest *forest, struct compose_node *below,
                                              struct compose_node *above)
{
    return merge_mappings(forest, compose_merge_as_mapping(forest, below), compose_merge_as_mapping(forest, above));
}

static void add_items(GPtrArray *items, struct compose_node *node)
{
    if (node->kind != COMPOSE_SEQUENCE)
        g_ptr_array_add(items, node);
    for (guint i = 0; node->kind == COMPOSE_SEQUENCE && i < node->n; i++)
        g_ptr_array_add(items, node->items[i]);
}

/* Appends; with @target_of an entry takes the place of the one below that has the same target. */
static struct compose_node *append_lists(struct compose_forest *forest, struct compose_node *below,
                                         struct compose_node *above, target_function target_of)
{
    g_autoptr(GPtrArray) old = g_ptr_array_new(), new = g_ptr_array_new(), all = g_ptr_array_new();
    g_autoptr(GTree) targets = g_tree_new_full(compare_names, NULL, g_free, NULL);
    add_items(old, below);
    add_items(new, above);
    for (guint i = 0; target_of != NULL && i < new->len; i++) {
        char *target = target_of(g_ptr_array_index(new, i));
        if (target != NULL)
            g_tree_replace(targets, target, target);
    }
    for (guint i = 0; i < old->len; i++) {
        struct compose_node *item = g_ptr_array_index(old, i);
        g_autofree char *target = target_of != NULL ? target_of(item) : NULL;
        if (target == NULL || g_tree_lookup(targets, target) == NULL)
            g_ptr_array_add(all, item);
    }
    g_ptr_array_extend(all, new, NULL, NULL);
    struct compose_node *node = compose_node_new(forest, COMPOSE_SEQUENCE, above);
    compose_node_set_items(node, (struct compose_node *const *)(const void *)all->pdata, all->len);
    return node;
}

static struct compose_node *merge_lists(struct compose_forest *forest, struct compose_node *below,
                                        struct compose_node *above)
{
    return append_lists(forest, below, above, NULL);
}

/* What mount_options makes of a text; whether it is right is said when it is read for good. */
static char *parse_target(const struct compose_node *item,
                          gboolean (*add)(struct mount_options *, const char *, const char *, GError **))
{
    struct mount_options *options = mount_options_new("/", "/");
    size_t n = 0;
    char *target = NULL;
    if (add(options, "", item->text, NULL))
        target = g_strdup(mount_options_routes(options, &n)[0].target);
    mount_options_free(options);
    return target;
}

static char *tmpfs_target(const struct compose_node *item)
{
    return item->kind == COMPOSE_SCALAR ? parse_target(item, mount_options_add_tmpfs) : NULL;
}

static char *volume_target(const struct compose_node *item)
{
    if (item->kind == COMPOSE_SCALAR)
        return parse_target(item, mount_options_add_volume);
    const struct compose_node *target = compose_node_get(item, "target");
    return target != NULL && target->kind == COMPOSE_SCALAR ? tmpfs_target(target) : NULL;
}

static struct compose_node *merge_volumes(struct compose_forest *forest, struct compose_node *below,
                                          struct compose_node *above)
{
    return append_lists(forest, below, above, volume_target);
}

static struct compose_node *merge_tmpfs(struct compose_forest *forest, struct compose_node *below,
                                        struct compose_node *above)
{
    return append_lists(forest, below, above, tmpfs_target);
}

static merge_function find_in_service(const char *key)
{
    static const struct {
        const char *key;
        merge_function merge;
    } rules[] = {
        /* Without a value: what the image says. */
        {"command", replace},         {"entrypoint", replace},       {"environment", merge_environment},
        {"env_file", merge_lists},    {"volumes", merge_volumes},    {"tmpfs", merge_tmpfs},
        {"x-rofuse", merge_mappings}, {"volumes_from", merge_lists}, {"configs", merge_lists},
        {"secrets", merge_lists},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (strcmp(rules[i].key, key) == 0)
            return rules[i].merge;
    }
    return NULL;
}

struct compose_node *compose_merge_service(struct compose_forest *forest, struct compose_node *below,
                                           struct compose_node *above)
{
    return merge_pairs(forest, below, above, find_in_service);
}

static merge_function find_service(const char *key)
{
    (void)key;
    return compose_merge_service;
}

static merge_function find_named(const char *key)
{
    (void)key;
    return merge_mappings;
}

static struct compose_node *merge_services(struct compose_forest *forest, struct compose_node *below,
                                           struct compose_node *above)
{
    return merge_pairs(forest, below, above, find_service);
}

static struct compose_node *merge_named(struct compose_forest *forest, struct compose_node *below,
                                        struct compose_node *above)
{
    return merge_pairs(forest, below, above, find_named);
}

static merge_function find_in_file(const char *key)
{
    static const char *const named[] = {"volumes", "secrets", "configs", NULL};
    if (strcmp(key, "services") == 0)
        return merge_services;
    return g_strv_contains(named, key) ? merge_named : NULL;
}

struct compose_node *compose_merge_file(struct compose_forest *forest, struct compose_node *below,
                                        struct compose_node *above)
{
    return merge_pairs(forest, below, above, find_in_file);
}
