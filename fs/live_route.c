/*
 * A route at a place: comes and goes under a kernel that knows the place.
 */
#include "live_private.h"

#include "node_face.h"
#include "path.h"

#include <errno.h>
#include <string.h>

/* A route's root that is grafted in elsewhere now. */
struct live_move {
    struct route *route;
    struct node *from; /* a ref */
};

void live_begin(struct tree *tree, struct live *ret)
{
    *ret = (struct live){
        .tree = tree,
        .pairs = g_array_new(FALSE, FALSE, sizeof(struct live_pair)),
        .numbers = g_hash_table_new(NULL, NULL),
        .moved = g_ptr_array_new_with_free_func(g_free),
        .given = g_ptr_array_new(),
        .stale = g_array_new(FALSE, FALSE, sizeof(struct live_name)),
        .changed = g_ptr_array_new(),
    };
}

struct live_pair *live_find_pair(const struct live *live, const struct node *number)
{
    gpointer at;
    if (!g_hash_table_lookup_extended(live->numbers, number, NULL, &at))
        return NULL;
    return &g_array_index(live->pairs, struct live_pair, GPOINTER_TO_UINT(at));
}

static void add_pair(struct live *live, const struct live_pair *pair)
{
    g_hash_table_insert(live->numbers, pair->number, GUINT_TO_POINTER(live->pairs->len));
    g_array_append_val(live->pairs, *pair);
    g_ptr_array_add(live->changed, node_ref(live->tree->table, pair->number));
}

void live_pair_up(struct live *live, struct node *before, struct node *after)
{
    struct node_table *table = live->tree->table;
    struct live_pair pair = {
        .number = node_face(table, before), .before = node_ref(table, before), .after = node_ref(table, after)};
    node_face_set(table, after, pair.number);
    add_pair(live, &pair);
}

bool live_is_route_root(const struct node *node)
{
    return node->id.kind == NODE_ROUTE && node->id.route->root == node;
}

/* A node that stays what it is, at the same name of another directory; there is something of that name there for listings. */
static void keep_node(struct live *live, struct node *from, struct node *to, const char *name, struct node *node)
{
    struct tree *tree = live->tree;
    struct node *placeholder;
    struct stat st;
    if (node_find_graft(to, name) == node)
        return;
    if (tree_lookup(tree, to, name, &placeholder, &st) == 0 ||
        tree_make_child(tree, to, name, S_ISDIR(node->id.type) ? S_IFDIR | 0755 : S_IFREG | 0644, &placeholder) == 0) {
        node_unref(tree->table, placeholder);
        if (placeholder == node) /* its own place */
            return;
    }
    node_graft(tree->table, to, name, node);
    if (!live_is_route_root(node))
        return;
    struct live_move *move = g_new(struct live_move, 1);
    *move = (struct live_move){node->id.route, node_ref(tree->table, from)};
    g_ptr_array_add(live->moved, move);
    g_ptr_array_add(live->given, node->id.route->parent);
    node->id.route->parent = node_ref(tree->table, to);
}

/* The directory NAME in @to, made where it is missing. Returns 0 with a ref or -errno. */
static int directory_in(struct tree *tree, struct node *to, const char *name, struct node **ret)
{
    struct stat st;
    int status = tree_lookup(tree, to, name, ret, &st);
    if (status == -ENOENT)
        status = tree_make_child(tree, to, name, S_IFDIR | 0755, ret);
    if (status == 0 && !S_ISDIR((*ret)->id.type)) {
        node_unref(tree->table, *ret);
        status = -ENOTDIR;
    }
    return status;
}

/* A route that is grafted in elsewhere, at the place that it has below @root. */
static void put_at(struct live *live, struct route *route, struct node *root)
{
    struct node_table *table = live->tree->table;
    g_autofree char *above = g_path_get_dirname(route->target), *name = g_path_get_basename(route->target);
    const char *rest = above, *start;
    struct node *dir = node_ref(table, root), *child = NULL;
    for (size_t length; dir != NULL && (length = path_next(&rest, &start)) > 0;) {
        g_autofree char *part = g_strndup(start, length);
        int status = directory_in(live->tree, dir, part, &child);
        node_unref(table, dir);
        dir = status == 0 ? child : NULL;
    }
    if (dir == NULL)
        return;
    struct node *number = node_face(table, dir);
    keep_node(live, route->parent, dir, name, route->root);
    live_add_stale(live, number, name, false);
    node_unref(table, number);
    node_unref(table, dir);
}

void live_put_back(struct live *live, const struct route *outer, struct node *root)
{
    for (struct route *route = tree_first_route(live->tree); route != NULL; route = tree_next_route(route))
        if (route->parent != NULL && route->parent->id.kind == NODE_ROUTE && route->parent->id.route == outer)
            put_at(live, route, root);
}

/* All numbers on a way stay: what is at its end is found in @to as it was in @from. A live_step. */
static bool keep_step(struct live *live, struct node **from, struct node **to, const char *name)
{
    struct tree *tree = live->tree;
    struct node *child, *after;
    struct stat st;
    if (tree_lookup(tree, *from, name, &child, &st) < 0)
        return false;
    bool goes_on = !live_is_route_root(child) && S_ISDIR(child->id.type) && directory_in(tree, *to, name, &after) == 0;
    if (!goes_on) {
        keep_node(live, *from, *to, name, child);
        node_unref(tree->table, child);
        return false;
    }
    struct node *number = node_face(tree->table, child);
    /* A graft that both have (a made place) is the same node. */
    if (child != after && live_find_pair(live, number) == NULL)
        live_pair_up(live, child, after);
    node_unref(tree->table, number);
    node_unref(tree->table, *from);
    node_unref(tree->table, *to);
    *from = child;
    *to = after;
    return true;
}

void live_walk(struct live *live, struct node *before, struct node *after, const char *path, live_step *step)
{
    struct node_table *table = live->tree->table;
    struct node *from = node_ref(table, before), *to = node_ref(table, after);
    const char *start;
    bool goes_on = true;
    for (size_t length; goes_on && (length = path_next(&path, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        goes_on = step(live, &from, &to, name);
    }
    node_unref(table, from);
    node_unref(table, to);
}

/* What of @path lies below @outer, "" for itself; NULL where it is elsewhere. */
static const char *below(const char *path, const char *outer)
{
    size_t length = strlen(outer);
    if (length > 0 && outer[length - 1] == '/')
        length--;
    return strncmp(path, outer, length) == 0 && (path[length] == '/' || path[length] == '\0') ? path + length : NULL;
}

void live_keep_mounts(struct live *live, struct node *before, struct node *after, const char *target,
                      const struct live_kept *kept)
{
    for (size_t i = 0; i < kept->n_paths; i++) {
        const char *inner = below(kept->paths[i], target);
        if (inner != NULL)
            live_walk(live, before, after, inner, keep_step);
    }
}

void live_keep_routes(struct live *live, struct node *before, struct node *after, const char *target)
{
    for (const struct route *route = tree_first_route(live->tree); route != NULL; route = tree_next_route(route)) {
        const char *inner = below(route->target, target);
        if (inner != NULL && inner[0] != '\0')
            live_walk(live, before, after, inner, keep_step);
    }
}

void live_add_stale(struct live *live, struct node *number, const char *name, bool is_kept)
{
    struct live_name stale = {node_ref(live->tree->table, number), g_strdup(name), is_kept};
    g_array_append_val(live->stale, stale);
}

void live_add_all_stale(struct live *live, struct node *number, GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++)
        live_add_stale(live, number, names->pdata[i], false);
    g_ptr_array_free(names, TRUE);
}

/* Names of the directory that holds the place. */
static void add_stale_in(struct live *live, struct node *dir, const char *name, bool is_kept)
{
    struct node *number = node_face(live->tree->table, dir);
    live_add_stale(live, number, name, is_kept);
    g_ptr_array_add(live->changed, number);
}

/* Names that there were or are, be it that the kernel knows them as names that are not there. */
static void add_stale_names(struct live *live)
{
    struct tree *tree = live->tree;
    for (guint i = 0; i < live->pairs->len; i++) {
        const struct live_pair *pair = &g_array_index(live->pairs, struct live_pair, i);
        live_add_all_stale(live, pair->number, node_known_names(tree->table, pair->before));
        live_add_all_stale(live, pair->number, tree_names(tree, pair->before));
        live_add_all_stale(live, pair->number, tree_names(tree, pair->after));
    }
}

/* Those furthest below first. */
void live_switch_pairs(struct live *live)
{
    for (guint i = live->pairs->len; i > 0; i--) {
        const struct live_pair *pair = &g_array_index(live->pairs, struct live_pair, i - 1);
        struct node *before = node_show(live->tree->table, pair->number, pair->after);
        if (before != NULL)
            g_ptr_array_add(live->given, before);
    }
    for (guint i = 0; i < live->moved->len; i++) {
        const struct live_move *move = live->moved->pdata[i];
        if (node_ungraft(live->tree->table, move->from, move->route->root))
            g_ptr_array_add(live->given, move->route->root);
        g_ptr_array_add(live->given, move->from);
    }
}

void live_show(struct tree *tree, struct graft *graft, const struct live_kept *kept, bool is_same, struct live *ret)
{
    const struct tree_place *place = &graft->place;
    struct route *route = graft->route;
    live_begin(tree, ret);
    ret->is_private = route->is_private;
    if (place->node != NULL && S_ISDIR(place->node->id.type)) {
        live_pair_up(ret, place->node, route->root);
        live_keep_mounts(ret, place->node, route->root, route->target, kept);
        live_keep_routes(ret, place->node, route->root, route->target);
    }
    if (place->made_in != NULL)
        add_stale_in(ret, place->made_in, place->made_name, false);
    if (place->parent != NULL)
        add_stale_in(ret, place->parent, place->name, ret->pairs->len > 0);
    graft_done(tree, graft);
    live_switch_pairs(ret);
    if (!is_same)
        add_stale_names(ret);
}

/* What hinders a route at a place where something is mounted. */
static int check_kept(const struct route_spec *spec, const struct tree_place *place, const char *path,
                      const struct live_kept *kept, bool can_keep, char **ret_why)
{
    bool is_dir = place->node != NULL && S_ISDIR(place->node->id.type);
    for (size_t i = 0; i < kept->n_paths; i++) {
        const char *inner = below(kept->paths[i], path);
        if (inner == NULL || (is_dir && (can_keep || inner[0] == '\0')))
            continue;
        *ret_why = g_strdup_printf(is_dir ? "%s %s: something is mounted at %s, and would be detached by this kernel, "
                                            "which cannot expire a name (Linux 6.2 can); unmount it first"
                                          : "%s %s: something is mounted on the file %s; unmount it first",
                                   route_kind_name(spec->kind), spec->target, kept->paths[i]);
        return is_dir ? -ENOTSUP : -EBUSY;
    }
    return 0;
}

/* What was made in memory on the way to a place is not to be seen any more. */
static void unmake_way(struct tree *tree, const struct tree_place *place, struct live *ret)
{
    struct node *made = place->made_in != NULL && place->made_in->id.kind != NODE_ROUTE
                            ? node_find_graft(place->made_in, place->made_name)
                            : NULL;
    if (made == NULL)
        return;
    live_begin(tree, ret);
    if (node_ungraft(tree->table, place->made_in, made))
        g_ptr_array_add(ret->given, made);
    add_stale_in(ret, place->made_in, place->made_name, false);
}

int live_add(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
             const struct live_mounts *mounts, bool can_keep, const struct patience *patience, struct live *ret,
             char **ret_why)
{
    struct graft graft;
    struct live_kept kept = mounts->now(mounts->data);
    *ret = (struct live){0};
    int status = graft_find(tree, spec, &graft, ret_why);
    if (status < 0)
        return status;
    g_autofree char *above = node_path(tree->table, graft.place.parent);
    g_autofree char *inner = path_join(above, graft.place.name);
    g_autofree char *path = g_strconcat("/", inner, NULL);
    status = check_kept(spec, &graft.place, path, &kept, can_keep, ret_why);
    if (status == 0)
        status = graft_open(tree, spec, index, volume_dir, patience, &graft, ret_why);
    /* That may have taken long. */
    if (status == 0) {
        kept = mounts->now(mounts->data);
        status = check_kept(spec, &graft.place, path, &kept, can_keep, ret_why);
    }
    if (status == 0) {
        live_show(tree, &graft, &kept, false, ret);
        return 0;
    }
    unmake_way(tree, &graft.place, ret);
    graft_give_up(tree, &graft, volume_dir);
    return status;
}

/* Whether something is mounted at a place or below it. */
static bool is_kept(const struct live_kept *kept, const char *path)
{
    for (size_t i = 0; i < kept->n_paths; i++)
        if (below(kept->paths[i], path) != NULL)
            return true;
    return false;
}

void live_release_faces(struct live *live, const struct route *route)
{
    struct node_table *table = live->tree->table;
    GPtrArray *faces = node_faces_into(table, route);
    for (guint i = 0; i < faces->len; i++) {
        struct node *number = faces->pdata[i];
        if (live_find_pair(live, number) == NULL) {
            struct live_pair pair = {number, node_ref(table, node_shadow(number)), node_ref(table, number)};
            add_pair(live, &pair);
        } else {
            node_unref(table, number);
        }
    }
    g_ptr_array_free(faces, TRUE);
}

/* What is to be seen where the route was: a ref, or NULL for nothing. @ret_made: it is not grafted in yet. Returns 0 or
 * -errno. */
static int find_hidden(struct tree *tree, const struct route *route, const char *name, bool is_needed, bool *ret_made,
                       struct node **ret)
{
    struct stat st;
    *ret = NULL;
    *ret_made = false;
    int status = tree_lookup_but(tree, route->parent, name, route->root, ret, &st);
    if (status == -ENOENT && is_needed && route->root_is_dir && route->parent->id.kind != NODE_ROUTE) {
        *ret = tree_make_node(tree, route->parent, name, S_IFDIR | 0755, NULL);
        *ret_made = true;
        status = 0;
    }
    if (status == 0 && is_needed && (*ret)->id.type != route->root->id.type) {
        node_unref(tree->table, *ret);
        return -EBUSY;
    }
    return status == -ENOENT && !is_needed ? 0 : status;
}

/* Whether another route lies in it. */
static bool has_inner(const struct tree *tree, const struct route *outer)
{
    for (const struct route *route = tree_first_route(tree); route != NULL; route = tree_next_route(route))
        if (route != outer && below(route->target, outer->target) != NULL)
            return true;
    return false;
}

int live_remove(struct tree *tree, struct route *route, const struct live_kept *kept, struct live *ret, char **ret_why)
{
    struct node_table *table = tree->table;
    struct node *root = route->root, *hidden;
    g_autofree char *name = g_path_get_basename(route->target);
    bool made;
    bool is_needed = is_kept(kept, route->target) || has_inner(tree, route);
    int status = find_hidden(tree, route, name, is_needed, &made, &hidden);
    if (status < 0) {
        *ret_why = g_strdup_printf("%s %s: something is mounted there, and the image has no place for it (%s); "
                                   "unmount it first",
                                   route_kind_name(route->spec.kind), route->spec.target, g_strerror(-status));
        return status;
    }
    live_begin(tree, ret);
    if (hidden != NULL && S_ISDIR(root->id.type) && S_ISDIR(hidden->id.type)) {
        live_pair_up(ret, root, hidden);
        live_keep_mounts(ret, root, hidden, route->target, kept);
        live_keep_routes(ret, root, hidden, route->target);
    }
    bool kept_number = ret->pairs->len > 0;
    live_release_faces(ret, route);
    if (made)
        node_graft(table, route->parent, name, hidden);
    atomic_store(&route->is_removed, true);
    if (node_ungraft(table, route->parent, root))
        g_ptr_array_add(ret->given, root);
    live_switch_pairs(ret);
    tree_add_places(tree); /* those that it has stood for */
    add_stale_in(ret, route->parent, name, kept_number);
    add_stale_names(ret);
    g_ptr_array_add(ret->given, g_steal_pointer(&route->parent));
    node_unref(table, hidden);
    return 0;
}

/* @quiet: otherwise somebody may still use what he found by the old way. */
static void end_pairs(struct live *live, bool quiet)
{
    struct node_table *table = live->tree->table;
    for (guint i = 0; i < live->pairs->len; i++) {
        const struct live_pair *pair = &g_array_index(live->pairs, struct live_pair, i);
        if (quiet && pair->before != pair->number)
            node_face_end(table, pair->before, pair->number);
        if (quiet) {
            node_unref(table, pair->before);
            node_unref(table, pair->number);
        }
        node_unref(table, pair->after);
    }
    g_array_free(live->pairs, TRUE);
    g_hash_table_destroy(live->numbers);
}

void live_end(struct live *live, bool quiet)
{
    struct node_table *table = live->tree->table;
    end_pairs(live, quiet);
    for (guint i = 0; quiet && i < live->given->len; i++)
        node_unref(table, live->given->pdata[i]);
    g_ptr_array_free(live->given, TRUE);
    g_ptr_array_free(live->moved, TRUE);
    for (guint i = 0; i < live->stale->len; i++) {
        node_unref(table, g_array_index(live->stale, struct live_name, i).dir);
        g_free(g_array_index(live->stale, struct live_name, i).name);
    }
    g_array_free(live->stale, TRUE);
    for (guint i = 0; i < live->changed->len; i++)
        node_unref(table, live->changed->pdata[i]);
    g_ptr_array_free(live->changed, TRUE);
}
