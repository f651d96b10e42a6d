/*
 * The part of the tree that is made while a session is set up: targets found, missing ones made, routes grafted in.
 */
#include "backing.h"
#include "numbers.h"
#include "path.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMLINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

/* A child that exists in memory only. @text: a symbolic link's, static. Returns a ref. */
static struct node *make_place(struct tree *tree, struct node *parent, const char *name, mode_t mode, const char *text)
{
    struct node_identity identity = {
        .kind = NODE_MADE,
        .space = numbers_space(tree->numbers, NUMBERS_MADE, 0),
        .ino = ++tree->n_made,
        .type = mode & S_IFMT,
        .made_mode = mode & 07777,
        .made_text = text,
    };
    identity.shown = numbers_shown(tree->numbers, identity.space, identity.ino);
    struct node *node = node_get(tree->table, &identity, parent, name);
    node_graft(tree->table, parent, node);
    return node;
}

/*
 * Makes a missing child: in memory, or, in a route, for real, as docker does for a nested mount.
 * @mode with type S_IFDIR or S_IFREG. Returns 0 with a ref, or -errno.
 */
static int make_child(struct tree *tree, struct node *parent, const char *name, mode_t mode, struct node **ret)
{
    if (parent->id.kind != NODE_ROUTE) {
        *ret = make_place(tree, parent, name, mode, NULL);
        return 0;
    }
    if (parent->id.route->spec.read_only)
        return -EROFS;
    int dir_fd = tree_open(tree, parent);
    if (dir_fd < 0)
        return dir_fd;
    int status = 0;
    if (S_ISDIR(mode)) {
        status = mkdirat(dir_fd, name, mode & 07777) < 0 ? -errno : 0;
    } else {
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
        status = fd < 0 ? -errno : 0;
        if (fd >= 0)
            close(fd);
    }
    close(dir_fd);
    struct stat st;
    return status < 0 ? status : tree_lookup(tree, parent, name, ret, &st);
}

/*
 * Finds what a path inside the mount leads to, symbolic links followed within the mount (".." of the root is the root).
 *
 * @make: type and mode for a missing last component; missing directories on the way get 0755.
 * @in_routes: make it in backing directories too, else what is missing there is -ENOENT.
 * Returns 0 with a ref in @ret, or -errno.
 */
static int resolve(struct tree *tree, const char *path, mode_t make, bool in_routes, struct node **ret)
{
    g_autofree char *todo = g_strdup(path);
    const char *rest = todo, *start;
    struct node *at = node_ref(tree->table, tree->root);
    int status = 0, links = 0;
    for (size_t length; status == 0 && (length = path_next(&rest, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        if (strcmp(name, ".") == 0)
            continue;
        struct node *child = NULL;
        if (strcmp(name, "..") == 0) {
            child = node_ref(tree->table, at->parent != NULL ? at->parent : at);
            node_unref(tree->table, at);
            at = child;
            continue;
        }
        if (!S_ISDIR(at->id.type)) {
            status = -ENOTDIR;
            break;
        }
        struct stat st;
        status = tree_lookup(tree, at, name, &child, &st);
        if (status == -ENOENT && (in_routes || at->id.kind != NODE_ROUTE)) {
            bool last = rest[strspn(rest, "/")] == '\0';
            status = make_child(tree, at, name, last ? make : S_IFDIR | 0755, &child);
        }
        if (status < 0)
            break;
        if (S_ISLNK(child->id.type)) {
            g_autofree char *target = NULL;
            status = ++links > SYMLINKS_MAX ? -ELOOP : tree_readlink(tree, child, &target);
            node_unref(tree->table, child);
            if (status < 0)
                break;
            char *joined = g_strconcat(target, "/", rest, NULL);
            if (target[0] == '/') {
                node_unref(tree->table, at);
                at = node_ref(tree->table, tree->root);
            }
            g_free(todo);
            rest = todo = joined;
            continue;
        }
        node_unref(tree->table, at);
        at = child;
    }
    if (status < 0) {
        node_unref(tree->table, at);
        return status;
    }
    *ret = at;
    return 0;
}

static bool is_route_root(const struct tree *tree, const struct node *node)
{
    return node == tree->root ||
           (node->parent != NULL && node_find_graft(node->parent, node->name) == node && node->id.kind == NODE_ROUTE);
}

static int target_error(const struct route_spec *spec, int status, char **ret_why)
{
    const char *mend = status == -EROFS     ? "it lies in a read-only route that lacks it; make it in the source first"
                       : status == -ENOTDIR ? "a part of it is a file in the image; choose another target"
                       : status == -ELOOP   ? "too many symbolic links in the image; give the path they end in"
                                            : g_strerror(-status);
    *ret_why = g_strdup_printf("%s %s: the target cannot be had: %s", route_kind_name(spec->kind), spec->target, mend);
    return status;
}

/* Puts the opened route where @target is. */
static int graft_route(struct tree *tree, struct route *route, unsigned index, struct node *target)
{
    struct node *root;
    struct stat st;
    route->index = index;
    int status = tree_adopt(tree, route, route->root_fd, target->parent, target->name, &root, &st);
    if (status < 0)
        return status;
    node_graft(tree->table, target->parent, root);
    route->root = root;
    g_autofree char *path = node_path(tree->table, root);
    route->target = g_strconcat("/", path, NULL);
    tree->routes = g_renew(struct route *, tree->routes, tree->n_routes + 1);
    tree->routes[tree->n_routes++] = route;
    node_unref(tree->table, root);
    return 0;
}

static bool source_is_file(const struct route_spec *spec)
{
    struct stat st;
    return spec->kind == ROUTE_BIND && stat(spec->source, &st) == 0 && !S_ISDIR(st.st_mode);
}

int tree_add_route(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
                   char **ret_why)
{
    struct node *target;
    int status = resolve(tree, spec->target, source_is_file(spec) ? S_IFREG | 0644 : S_IFDIR | 0755, true, &target);
    if (status < 0)
        return target_error(spec, status, ret_why);

    struct route *route = NULL;
    if (is_route_root(tree, target)) {
        *ret_why = target == tree->root
                       ? g_strdup_printf("%s %s: leads to the root of the image; the root itself cannot be a target",
                                         route_kind_name(spec->kind), spec->target)
                       : g_strdup_printf("%s %s: the same place as %s; declare it once", route_kind_name(spec->kind),
                                         spec->target, target->id.route->target);
        status = -EEXIST;
    } else {
        g_autofree char *path = node_path(tree->table, target);
        struct backing_image image = {.path = path, .is_dir = S_ISDIR(target->id.type)};
        if (target->id.kind == NODE_IMAGE) {
            image.stack = tree->stack;
            image.layers = target->id.layers;
            image.n_layers = target->id.n_layers;
        }
        status = backing_open(spec, volume_dir, &image, &route, ret_why);
    }
    if (status == 0 && route->root_is_dir != S_ISDIR(target->id.type)) {
        *ret_why = g_strdup_printf("%s %s: %s; source and target must both be directories or both be files",
                                   route_kind_name(spec->kind), spec->target,
                                   route->root_is_dir ? "the image has a file there"
                                                      : "the source is a file and the image has a directory there");
        status = -ENOTDIR;
    }
    if (status == 0) {
        status = graft_route(tree, route, index, target);
        if (status < 0)
            target_error(spec, status, ret_why);
    }
    if (status < 0)
        backing_close(route);
    node_unref(tree->table, target);
    return status;
}

void tree_add_targets(struct tree *tree, const struct tree *like)
{
    for (size_t i = 0; i < like->n_routes; i++) {
        const struct node *root = like->routes[i]->root;
        struct node *node;
        if (root->parent->id.kind != NODE_ROUTE &&
            resolve(tree, like->routes[i]->target, S_ISDIR(root->id.type) ? S_IFDIR | 0755 : S_IFREG | 0644, false,
                    &node) == 0)
            node_unref(tree->table, node);
    }
}

/* Puts a route's root that hangs in the image into the directory that has taken the image's place. */
static int graft_again(struct tree *tree, const struct route *route)
{
    struct node *root = (struct node *)route->root, *target;
    int status = resolve(tree, route->target, root->id.type | 0755, false, &target);
    if (status < 0)
        return status;
    struct node *parent = node_ref(tree->table, target->parent);
    node_graft(tree->table, parent, root);
    node_moved(tree->table, root, root->parent, root->name, parent, target->name);
    node_unref(tree->table, parent);
    node_unref(tree->table, target);
    return 0;
}

int tree_cover(struct tree *tree, struct route *route)
{
    struct node *root, *before = tree->root;
    struct stat st;
    int status = tree_adopt(tree, route, route->root_fd, NULL, NULL, &root, &st);
    if (status < 0)
        return status;
    root->is_root = true;
    route->root = root;
    tree->root = root;
    for (size_t i = 0; i < tree->n_routes && status == 0; i++)
        if (tree->routes[i]->root->parent->id.kind != NODE_ROUTE)
            status = graft_again(tree, tree->routes[i]);
    if (status < 0) {
        tree->root = before;
        node_unref(tree->table, root);
    } else {
        node_unref(tree->table, before);
    }
    return status;
}

/* docker's and podman's, for programs that still read a list of mounts from /etc. */
static void add_mtab(struct tree *tree)
{
    struct node *etc, *mtab = NULL;
    struct stat st;
    if (resolve(tree, "etc", S_IFDIR | 0755, false, &etc) < 0)
        return;
    if (etc->id.kind != NODE_ROUTE && S_ISDIR(etc->id.type) && tree_lookup(tree, etc, "mtab", &mtab, &st) == -ENOENT)
        mtab = make_place(tree, etc, "mtab", S_IFLNK | 0777, "/proc/mounts");
    node_unref(tree->table, mtab);
    node_unref(tree->table, etc);
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
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        struct node *node;
        /* In a route (a tmpfs on /run, say) nothing is made: what runtimes need there they can make themselves. */
        if (resolve(tree, places[i].path, places[i].mode, false, &node) == 0)
            node_unref(tree->table, node);
    }
    add_mtab(tree);
}
