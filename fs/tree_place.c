#include "tree_place.h"

#include "node_face.h"
#include "numbers.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct node *tree_make_node(struct tree *tree, struct node *parent, const char *name, mode_t mode, const char *text)
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
    return node_get(tree->table, &identity, parent, name);
}

int tree_make_child(struct tree *tree, struct node *parent, const char *name, mode_t mode, struct node **ret)
{
    if (parent->id.kind != NODE_ROUTE) {
        *ret = tree_make_node(tree, parent, name, mode, NULL);
        node_graft(tree->table, parent, name, *ret);
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

void tree_place_clear(struct tree *tree, struct tree_place *place)
{
    node_unref(tree->table, place->parent);
    node_unref(tree->table, place->node);
    node_unref(tree->table, place->made_in);
    g_free(place->name);
    g_free(place->made_name);
    *place = (struct tree_place){0};
}

/* Where a path leads, while it is followed. */
struct walk {
    struct tree *tree;
    struct tree_place at; /* node is never NULL but at the end */
    char *todo;           /* owned; rest points into it */
    const char *rest;
    int n_links;
};

/* Goes on to a child, or (parent NULL) to the root. Takes over the refs and the name. */
static void go_to(struct walk *walk, struct node *parent, char *name, struct node *node)
{
    node_unref(walk->tree->table, walk->at.parent);
    node_unref(walk->tree->table, walk->at.node);
    g_free(walk->at.name);
    walk->at.parent = parent;
    walk->at.name = name;
    walk->at.node = node;
}

static void go_to_root(struct walk *walk)
{
    go_to(walk, NULL, NULL, node_ref(walk->tree->table, tree_root(walk->tree)));
}

static void go_up(struct walk *walk)
{
    struct tree *tree = walk->tree;
    struct node *parent, *above, *node = node_above(tree->table, walk->at.node);
    char name[NODE_NAME_SIZE];
    if (node == NULL)
        return;
    if (node_place(tree->table, node, &parent, name)) {
        above = node_ref(tree->table, node_shadow(parent));
        node_unref(tree->table, parent);
        go_to(walk, above, g_strdup(name), node);
    } else {
        go_to(walk, NULL, NULL, node);
    }
}

/* Goes on at a symbolic link's target. Returns 0 or -errno. */
static int follow(struct walk *walk, struct node *link)
{
    g_autofree char *target = NULL;
    int status = ++walk->n_links > PATH_LINKS_MAX ? -ELOOP : tree_readlink(walk->tree, link, &target);
    if (status < 0)
        return status;
    char *joined = g_strconcat(target, "/", walk->rest, NULL);
    if (target[0] == '/')
        go_to_root(walk);
    g_free(walk->todo);
    walk->rest = walk->todo = joined;
    return 0;
}

static int make_on_the_way(struct walk *walk, const char *name, struct node **ret)
{
    struct tree_place *at = &walk->at;
    int status = tree_make_child(walk->tree, at->node, name, S_IFDIR | 0755, ret);
    if (status == 0 && at->made_in == NULL) {
        at->made_in = node_ref(walk->tree->table, at->node);
        at->made_name = g_strdup(name);
    }
    return status;
}

static int step(struct walk *walk, const char *name, bool in_routes)
{
    struct tree *tree = walk->tree;
    struct tree_place *at = &walk->at;
    struct node *child = NULL;
    struct stat st;
    if (at->node == NULL)
        return -ENOENT;
    if (!S_ISDIR(at->node->id.type))
        return -ENOTDIR;
    int status = tree_lookup(tree, at->node, name, &child, &st);
    bool last = walk->rest[strspn(walk->rest, "/")] == '\0';
    if (status == -ENOENT && (in_routes || at->node->id.kind != NODE_ROUTE))
        status = last ? 0 : make_on_the_way(walk, name, &child);
    if (status < 0)
        return status;
    if (child != NULL && S_ISLNK(child->id.type)) {
        status = follow(walk, child);
        node_unref(tree->table, child);
        return status;
    }
    go_to(walk, node_ref(tree->table, at->node), g_strdup(name), child);
    return 0;
}

int tree_find_place(struct tree *tree, const char *path, bool in_routes, struct tree_place *ret)
{
    struct walk walk = {.tree = tree, .todo = g_strdup(path)};
    const char *start;
    walk.rest = walk.todo;
    go_to_root(&walk);
    int status = 0;
    for (size_t length; status == 0 && (length = path_next(&walk.rest, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0 && walk.at.node != NULL)
            go_up(&walk);
        else
            status = step(&walk, name, in_routes);
    }
    g_free(walk.todo);
    if (status == 0)
        *ret = walk.at;
    else
        tree_place_clear(tree, &walk.at);
    return status;
}
