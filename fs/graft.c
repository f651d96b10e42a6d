#include "graft.h"

#include "path.h"
#include "policy.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether a route begins there. */
static bool is_route_root(const struct tree_place *place)
{
    return place->parent == NULL ||
           (place->node != NULL && place->node->id.kind == NODE_ROUTE && place->node->id.route->root == place->node);
}

int graft_error(const struct route_spec *spec, int status, char **ret_why)
{
    const char *mend = status == -EROFS     ? "it lies in a read-only route that lacks it; make it in the source first"
                       : status == -ENOTDIR ? "a part of it is a file in the image; choose another target"
                       : status == -ELOOP   ? "too many symbolic links in the image; give the path they end in"
                                            : g_strerror(-status);
    *ret_why = g_strdup_printf("%s %s: the target cannot be had: %s", route_kind_name(spec->kind), spec->target, mend);
    return status;
}

static bool source_is_file(const struct route_spec *spec)
{
    struct stat st;
    return spec->kind == ROUTE_BIND && stat(spec->source, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int root_error(const struct route_spec *spec, const struct tree_place *place, char **ret_why)
{
    *ret_why = place->parent == NULL
                   ? g_strdup_printf("%s %s: leads to the root of the image; the root itself cannot be a target",
                                     route_kind_name(spec->kind), spec->target)
                   : g_strdup_printf("%s %s: the same place as %s, which is declared already; keep one of them",
                                     route_kind_name(spec->kind), spec->target, place->node->id.route->target);
    return -EEXIST;
}

/* Opens the backing directory of a route for a place, filled with what the image has there where the spec says so. */
static int open_backing(struct tree *tree, const struct route_spec *spec, const struct tree_place *place,
                        const char *volume_dir, const struct patience *patience, struct route **ret, char **ret_why)
{
    const struct node *node = place->node;
    g_autofree char *above = node_path(tree->table, place->parent);
    g_autofree char *path = path_join(above, place->name);
    struct backing_image image = {
        .path = path, .is_dir = node != NULL ? S_ISDIR(node->id.type) : !source_is_file(spec), .patience = patience};
    /* In learn mode, too, a volume is filled with what the image has. */
    struct node *filled = node != NULL ? tree_image_at(tree, path, false) : NULL;
    if (filled != NULL && filled->id.kind == NODE_IMAGE && (node == filled || policy_is_learned(node))) {
        image.stack = tree->stack;
        image.layers = filled->id.layers;
        image.n_layers = filled->id.n_layers;
    }
    int status = backing_open(spec, volume_dir, &image, ret, ret_why);
    node_unref(tree->table, filled);
    if (status < 0 || (*ret)->root_is_dir == image.is_dir)
        return status;
    *ret_why = g_strdup_printf("%s %s: %s; source and target must both be directories or both be files",
                               route_kind_name(spec->kind), spec->target,
                               (*ret)->root_is_dir ? "the image has a file there"
                                                   : "the source is a file and the image has a directory there");
    backing_give_up(g_steal_pointer(ret), volume_dir);
    return -ENOTDIR;
}

int graft_find(struct tree *tree, const struct route_spec *spec, struct graft *ret, char **ret_why)
{
    *ret = (struct graft){0};
    int status = tree_find_place(tree, spec->target, true, &ret->place);
    if (status < 0)
        return graft_error(spec, status, ret_why);
    if (is_route_root(&ret->place))
        status = root_error(spec, &ret->place, ret_why);
    if (status < 0)
        tree_place_clear(tree, &ret->place);
    return status;
}

int graft_open(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
               const struct patience *patience, struct graft *graft, char **ret_why)
{
    struct tree_place *place = &graft->place;
    struct stat st;
    int status = 0;
    if (place->node == NULL && place->parent->id.kind == NODE_ROUTE)
        status = tree_make_child(tree, place->parent, place->name,
                                 source_is_file(spec) ? S_IFREG | 0644 : S_IFDIR | 0755, &place->node);
    if (status < 0)
        return graft_error(spec, status, ret_why);
    status = open_backing(tree, spec, place, volume_dir, patience, &graft->route, ret_why);
    if (status < 0)
        return status;
    struct route *route = graft->route;
    route->index = index;
    status = tree_adopt(tree, route, route->root_fd, place->parent, place->name, &route->root, &st);
    if (status < 0)
        return graft_error(spec, status, ret_why);
    route->parent = node_ref(tree->table, place->parent);
    g_autofree char *path = node_path(tree->table, route->root);
    route->target = g_strconcat("/", path, NULL);
    return 0;
}

void graft_give_up(struct tree *tree, struct graft *graft, const char *volume_dir)
{
    if (graft->route != NULL) {
        node_unref(tree->table, graft->route->root);
        node_unref(tree->table, graft->route->parent);
        backing_give_up(graft->route, volume_dir);
    }
    tree_place_clear(tree, &graft->place);
    graft->route = NULL;
}

void graft_done(struct tree *tree, struct graft *graft)
{
    node_graft(tree->table, graft->place.parent, graft->place.name, graft->route->root);
    tree_append_route(tree, graft->route);
    node_unref(tree->table, graft->route->root);
    tree_place_clear(tree, &graft->place);
    graft->route = NULL;
}

int tree_add_route(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
                   const struct patience *patience, char **ret_why)
{
    struct graft graft;
    int status = graft_find(tree, spec, &graft, ret_why);
    if (status < 0)
        return status;
    status = graft_open(tree, spec, index, volume_dir, patience, &graft, ret_why);
    if (status == 0)
        graft_done(tree, &graft);
    else
        graft_give_up(tree, &graft, volume_dir);
    return status;
}

void tree_add_targets(struct tree *tree, const struct tree *like)
{
    for (const struct route *route = tree_first_route(like); route != NULL; route = tree_next_route(route)) {
        struct tree_place place;
        if (route->parent == NULL || (route->parent->id.kind == NODE_ROUTE && !route->parent->id.route->is_learn) ||
            tree_find_place(tree, route->target, false, &place) < 0)
            continue;
        if (place.node == NULL && place.parent->id.kind != NODE_ROUTE)
            (void)tree_make_child(tree, place.parent, place.name, route->root_is_dir ? S_IFDIR | 0755 : S_IFREG | 0644,
                                  &place.node);
        tree_place_clear(tree, &place);
    }
}

/* docker's and podman's, for programs that still read a list of mounts from /etc. An image that has such a link has it already,
 * wherever it leads. */
static void make_mtab(struct tree *tree)
{
    static const char name[] = "mtab";
    struct tree_place etc;
    struct node *mtab = NULL;
    struct stat st;
    if (tree_find_place(tree, "etc", false, &etc) < 0)
        return;
    if (etc.node != NULL && etc.node->id.kind != NODE_ROUTE && S_ISDIR(etc.node->id.type) &&
        tree_lookup(tree, etc.node, name, &mtab, &st) == -ENOENT) {
        mtab = tree_make_node(tree, etc.node, name, S_IFLNK | 0777, "/proc/mounts");
        node_graft(tree->table, etc.node, name, mtab);
    }
    node_unref(tree->table, mtab);
    tree_place_clear(tree, &etc);
}

/* Makes what is missing at a place outside of routes, on the way to it, too. */
static void make_place(struct tree *tree, const char *path, mode_t mode)
{
    struct tree_place place;
    /* In a route (a tmpfs on /run, say) nothing is made: what runtimes need there they can make themselves. */
    if (tree_find_place(tree, path, false, &place) < 0)
        return;
    if (place.node == NULL && place.parent->id.kind != NODE_ROUTE) {
        place.node = tree_make_node(tree, place.parent, place.name, mode, NULL);
        node_graft(tree->table, place.parent, place.name, place.node);
    }
    tree_place_clear(tree, &place);
}

void tree_add_places(struct tree *tree)
{
    static const struct {
        const char *path;
        mode_t mode;
    } places[] = {
        {"proc", S_IFDIR | 0555},         {"sys", S_IFDIR | 0555},
        {"dev", S_IFDIR | 0755},          {"dev/pts", S_IFDIR | 0755},
        {"dev/shm", S_IFDIR | 01777},     {"dev/mqueue", S_IFDIR | 0755},
        {"dev/console", S_IFREG | 0644},  {"etc/hosts", S_IFREG | 0644},
        {"etc/hostname", S_IFREG | 0644}, {"etc/resolv.conf", S_IFREG | 0644},
        {"run/secrets", S_IFDIR | 0755},  {"run/.containerenv", S_IFREG | 0644},
        {".dockerenv", S_IFREG | 0755},   {"tmp", S_IFDIR | 01777},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        make_place(tree, places[i].path, places[i].mode);
    make_mtab(tree);
}
