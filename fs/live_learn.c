/*
 * Learn mode's route over the root comes and goes: most names are the same with it and without.
 */
#include "live_private.h"

#include "node_face.h"

#include <sys/stat.h>

/* Pairs up what both directories have by a name. A live_step. */
static bool pair_step(struct live *live, struct node **before, struct node **after, const char *name)
{
    struct tree *tree = live->tree;
    struct node *child, *child_after;
    struct stat st;
    if (tree_lookup(tree, *before, name, &child, &st) < 0)
        return false;
    /* A route that is nested there is the same before and after, and so is a made place. */
    bool goes_on = S_ISDIR(child->id.type) && !live_is_route_root(child) &&
                   tree_lookup(tree, *after, name, &child_after, &st) == 0;
    if (!goes_on) {
        node_unref(tree->table, child);
        return false;
    }
    goes_on = child_after != child && S_ISDIR(child_after->id.type);
    if (goes_on) {
        struct node *number = node_face(tree->table, child);
        if (live_find_pair(live, number) == NULL)
            live_pair_up(live, child, child_after);
        node_unref(tree->table, number);
        node_unref(tree->table, *before);
        node_unref(tree->table, *after);
        *before = node_ref(tree->table, child);
        *after = node_ref(tree->table, child_after);
    }
    node_unref(tree->table, child);
    node_unref(tree->table, child_after);
    return goes_on;
}

/* Whether a node belongs to what is covered or uncovered, and not to a declared route. */
static bool is_concerned(const struct node *node)
{
    return node->id.kind != NODE_ROUTE || node->id.route->is_learn;
}

/* Everything that the kernel knows: directories keep their numbers, all other names are looked up again. */
static void treat_known(struct live *live, struct node *before, struct node *after)
{
    struct node_table *table = live->tree->table;
    GPtrArray *known = node_known(table);
    for (guint i = 0; i < known->len; i++) {
        struct node *shown = node_shadow(known->pdata[i]);
        if (!S_ISDIR(shown->id.type) || !is_concerned(shown))
            continue;
        g_autofree char *path = node_path(table, shown);
        live_walk(live, before, after, path, pair_step);
    }
    for (guint i = 0; i < known->len; i++) {
        struct node *number = known->pdata[i], *shown = node_shadow(number);
        size_t n;
        struct node_place *places =
            is_concerned(shown) && live_find_pair(live, number) == NULL ? node_places(table, shown, &n) : NULL;
        for (size_t at = 0; places != NULL && at < n; at++) {
            struct node *parent = node_face(table, places[at].parent);
            live_add_stale(live, parent, places[at].name, false);
            node_unref(table, parent);
        }
        node_places_free(table, places, places != NULL ? n : 0);
        node_unref(table, number);
    }
    g_ptr_array_free(known, TRUE);
}

/* Of a file of the image with several names not all are known. */
static void add_listed(struct live *live)
{
    for (guint i = 0; i < live->pairs->len; i++) {
        const struct live_pair *pair = &g_array_index(live->pairs, struct live_pair, i);
        live_add_all_stale(live, pair->number, tree_names(live->tree, pair->before));
    }
}

int live_cover(struct tree *tree, struct route *route, const struct live_kept *kept, struct live *ret)
{
    struct node *before = tree_root(tree);
    struct stat st;
    tree_append_route(tree, route);
    int status = tree_adopt(tree, route, route->root_fd, NULL, NULL, &route->root, &st);
    if (status < 0) {
        route->root = NULL;
        atomic_store(&route->is_removed, true);
        return status;
    }
    route->root->is_root = true;
    live_begin(tree, ret);
    ret->is_private = true;
    live_pair_up(ret, before, route->root);
    live_keep_mounts(ret, before, route->root, "/", kept);
    live_keep_routes(ret, before, route->root, "/");
    treat_known(ret, before, route->root);
    live_switch_pairs(ret);
    add_listed(ret);
    /* Held by the number that shows it. */
    node_unref(tree->table, route->root);
    return 0;
}

void live_uncover(struct tree *tree, struct route *route, const struct live_kept *kept, struct live *ret)
{
    struct node *before = route->root, *after = tree->root;
    live_begin(tree, ret);
    live_pair_up(ret, before, after);
    live_keep_mounts(ret, before, after, "/", kept);
    live_keep_routes(ret, before, after, "/");
    live_put_back(ret, route, after);
    treat_known(ret, before, after);
    live_release_faces(ret, route);
    atomic_store(&route->is_removed, true);
    live_switch_pairs(ret);
    tree_add_places(tree);
    add_listed(ret);
}
