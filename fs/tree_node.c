/*
 * The tree: made, freed, and what is asked of any node.
 */
#include "tree_private.h"

#include "backing.h"
#include "beneath.h"
#include "copies.h"
#include "node_face.h"
#include "numbers.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Names in the listings that are kept, some hundred bytes each. */
#define LISTED_NAMES 20000

/* However large they are: who reads a large directory asks for its listing again and again. */
#define LEAST_LISTINGS 2

/* In which no path leads anywhere. */
#define NOTHING "/dev/null"

static void free_listing(void *listing)
{
    union_listing_free(listing);
}

int tree_new(const char *const *layers, size_t n_layers, size_t n_fds, struct tree **ret, char **ret_why)
{
    struct union_stack *stack;
    int status = union_open(layers, n_layers, n_fds, &stack, ret_why);
    if (status < 0)
        return status;
    struct tree *tree = g_new0(struct tree, 1);
    tree->stack = stack;
    tree->nothing_fd = -1;
    tree->table = node_table_new();
    tree->numbers = numbers_new();
    tree->listings = cache_new(LISTED_NAMES, LEAST_LISTINGS, free_listing);
    tree->fds = cache_new_fds(n_fds);
    clock_gettime(CLOCK_REALTIME, &tree->made_time);

    struct node_identity identity = {.kind = NODE_MADE, .type = S_IFDIR, .made_mode = 0755};
    struct union_entry entry = {0};
    if (n_layers > 0) {
        status = union_root(stack, &entry);
        if (status < 0) {
            *ret_why = g_strdup_printf("layer %s: %s", layers[n_layers - 1], g_strerror(-status));
            tree_free(tree);
            return status;
        }
        identity = (struct node_identity){
            .kind = NODE_IMAGE,
            .type = S_IFDIR,
            .ino = entry.st.st_ino,
            .space = numbers_space(tree->numbers, NUMBERS_LAYER + entry.layers[0], entry.st.st_dev),
            .layers = entry.layers,
            .n_layers = entry.n_layers,
            .has_xattrs = entry.has_xattrs,
        };
    } else {
        identity.space = numbers_space(tree->numbers, NUMBERS_MADE, 0);
        identity.ino = ++tree->n_made;
    }
    identity.shown = numbers_shown(tree->numbers, identity.space, identity.ino);
    tree->root = node_get(tree->table, &identity, NULL, NULL);
    union_entry_clear(&entry);
    *ret = tree;
    return 0;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    node_table_free(tree->table);
    for (struct route *route = tree->routes, *next; route != NULL; route = next) {
        next = route->next;
        if (route->root_fd == tree->nothing_fd)
            route->root_fd = -1;
        backing_close(route);
    }
    if (tree->nothing_fd >= 0)
        close(tree->nothing_fd);
    cache_free(tree->listings);
    cache_free(tree->fds);
    numbers_free(tree->numbers);
    union_free(tree->stack);
    g_free(tree);
}

struct node *tree_root(const struct tree *tree)
{
    return node_shadow(tree->root);
}

static struct route *first_shown(struct route *route)
{
    while (route != NULL && atomic_load(&route->is_removed))
        route = atomic_load(&route->next);
    return route;
}

struct route *tree_first_route(const struct tree *tree)
{
    return first_shown(atomic_load(&tree->routes));
}

struct route *tree_next_route(const struct route *route)
{
    return first_shown(atomic_load(&route->next));
}

void tree_append_route(struct tree *tree, struct route *route)
{
    struct route *_Atomic *end = &tree->routes;
    while (*end != NULL)
        end = &(*end)->next;
    atomic_store(end, route);
}

int tree_open(struct tree *tree, struct node *node)
{
    switch (node->id.kind) {
    case NODE_ROUTE: {
        /* Of a directory that is kept, a duplicate. */
        struct cache_entry *entry = S_ISDIR(node->id.type) ? cache_get(tree->fds, tree_key(node)) : NULL;
        if (entry == NULL)
            return tree_open_route(tree, node);
        int fd = fcntl(cache_fd(entry), F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            fd = -errno;
        cache_release(tree->fds, entry);
        return fd;
    }
    case NODE_IMAGE: {
        g_autofree char *path = node_path(tree->table, node);
        return union_open_file(tree->stack, path, node->id.layers[0], S_ISDIR(node->id.type) ? O_DIRECTORY : 0);
    }
    case NODE_MADE:
        break;
    }
    return -ENXIO;
}

/* What is asked for again and again: directories of routes, in which names are changed, and files of the image, from which
 * is read without their having been opened. */
static bool is_kept(const struct node *node)
{
    return S_ISDIR(node->id.type) ? node->id.kind == NODE_ROUTE : node->id.kind == NODE_IMAGE;
}

int tree_hold(struct tree *tree, struct node *node, struct tree_held *ret)
{
    *ret = (struct tree_held){.fd = -1};
    if (is_kept(node))
        ret->entry = cache_get(tree->fds, tree_key(node));
    if (ret->entry == NULL) {
        int fd = node->id.kind == NODE_ROUTE ? tree_open_route(tree, node) : tree_open(tree, node);
        if (fd < 0)
            return fd;
        if (is_kept(node)) {
            ret->entry = cache_put_fd(tree->fds, tree_key(node), fd);
            /* Removed meanwhile, or before, and somebody is still in it: not to be kept any longer than he is. */
            if (node_is_gone(tree->table, node))
                cache_drop(tree->fds, tree_key(node));
        } else {
            ret->fd = fd;
        }
    }
    if (ret->entry != NULL)
        ret->fd = cache_fd(ret->entry);
    return 0;
}

void tree_let_go(struct tree *tree, const struct tree_held *held)
{
    if (held->entry != NULL)
        cache_release(tree->fds, held->entry);
    else if (held->fd >= 0 && !held->is_borrowed)
        close(held->fd);
}

void tree_removed(struct tree *tree, const struct node *node)
{
    cache_drop(tree->fds, tree_key(node));
}

void tree_end_route(struct tree *tree, struct route *route)
{
    copies_end(route->copies);
    /* The descriptor's number stays taken, as somebody may be using it just now. */
    int nothing = open(NOTHING, O_PATH | O_CLOEXEC);
    if (nothing >= 0) {
        (void)dup3(nothing, route->root_fd, O_CLOEXEC);
        int upper_fd = route->upper_fd;
        if (upper_fd >= 0)
            (void)dup3(nothing, upper_fd, O_CLOEXEC);
        close(nothing);
    }
    cache_drop_part(tree->fds, CACHE_ROUTE + route->index);
    if (route->lock_fd >= 0)
        close(route->lock_fd);
    route->lock_fd = -1;
}

void tree_take_ended(struct tree *tree, GArray *fds)
{
    if (tree->nothing_fd < 0)
        tree->nothing_fd = open(NOTHING, O_PATH | O_CLOEXEC);
    for (struct route *route = tree->routes; tree->nothing_fd >= 0 && route != NULL; route = route->next) {
        if (!atomic_load(&route->is_given_up) || route->root_fd == tree->nothing_fd)
            continue;
        int fd = atomic_exchange(&route->root_fd, tree->nothing_fd);
        g_array_append_val(fds, fd);
        fd = atomic_exchange(&route->upper_fd, -1);
        if (fd >= 0)
            g_array_append_val(fds, fd);
    }
}

static void made_stat(const struct tree *tree, const struct node *node, struct stat *ret)
{
    *ret = (struct stat){
        .st_ino = node->id.shown,
        .st_mode = node->id.type | node->id.made_mode,
        .st_nlink = S_ISDIR(node->id.type) ? 2 : 1,
        .st_size = node->id.made_text != NULL ? (off_t)strlen(node->id.made_text) : 0,
        .st_blksize = 4096,
        .st_atim = tree->made_time,
        .st_mtim = tree->made_time,
        .st_ctim = tree->made_time,
    };
}

int tree_stat(struct tree *tree, struct node *node, struct stat *ret)
{
    int status = 0;
    switch (node->id.kind) {
    case NODE_MADE:
        made_stat(tree, node, ret);
        break;
    case NODE_IMAGE:
        status = tree_stat_image(tree, node, ret);
        break;
    case NODE_ROUTE:
        status = tree_stat_route(tree, node, ret);
        break;
    }
    return status;
}

int tree_lookup(struct tree *tree, struct node *parent, const char *name, struct node **ret_node, struct stat *ret_st)
{
    return tree_lookup_but(tree, parent, name, NULL, ret_node, ret_st);
}

int tree_lookup_but(struct tree *tree, struct node *parent, const char *name, const struct node *except,
                    struct node **ret_node, struct stat *ret_st)
{
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG; /* the kernel lets FUSE names be longer than any layer's file system does */
    if (!path_is_name(name))
        return -ENOENT;
    struct node *graft = node_find_graft_but(parent, name, except);
    if (graft != NULL) {
        int status = tree_stat(tree, graft, ret_st);
        if (status == 0)
            *ret_node = node_ref(tree->table, graft);
        return status;
    }
    switch (parent->id.kind) {
    case NODE_IMAGE:
        return tree_lookup_image(tree, parent, name, ret_node, ret_st);
    case NODE_ROUTE:
        return tree_lookup_route(tree, parent, name, ret_node, ret_st);
    case NODE_MADE:
        break;
    }
    return -ENOENT;
}

int tree_readlink(struct tree *tree, struct node *node, char **ret)
{
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = node_path(tree->table, node);
        return union_readlink(tree->stack, path, node->id.layers[0], ret);
    }
    if (node->id.kind == NODE_MADE) {
        *ret = g_strdup(node->id.made_text);
        return 0;
    }
    int fd = tree_open(tree, node);
    if (fd < 0)
        return fd;
    char target[PATH_MAX];
    ssize_t length = readlinkat(fd, "", target, sizeof target);
    int status = length < 0 ? -errno : 0;
    if (status == 0)
        *ret = g_strndup(target, (size_t)length);
    close(fd);
    return status;
}

ssize_t tree_getxattr(struct tree *tree, struct node *node, const char *name, void *value, size_t size)
{
    if (node->id.kind == NODE_MADE || (node->id.kind == NODE_IMAGE && !node->id.has_xattrs))
        return -ENODATA;
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = node_path(tree->table, node);
        return union_getxattr(tree->stack, path, node->id.layers[0], name, value, size);
    }
    int fd = tree_open(tree, node);
    if (fd < 0)
        return fd;
    struct beneath_link link;
    ssize_t length = getxattr(beneath_link_path(&link, fd), name, value, size);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

ssize_t tree_listxattr(struct tree *tree, struct node *node, char *names, size_t size)
{
    if (node->id.kind == NODE_MADE || (node->id.kind == NODE_IMAGE && !node->id.has_xattrs))
        return 0;
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = node_path(tree->table, node);
        return union_listxattr(tree->stack, path, node->id.layers[0], names, size);
    }
    int fd = tree_open(tree, node);
    if (fd < 0)
        return fd;
    struct beneath_link link;
    ssize_t length = listxattr(beneath_link_path(&link, fd), names, size);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

int tree_statfs(struct tree *tree, const struct node *node, struct statvfs *ret)
{
    if (node->id.kind == NODE_ROUTE)
        return fstatvfs(node->id.route->root_fd, ret) < 0 ? -errno : 0;
    if (node->id.kind == NODE_IMAGE)
        return union_statfs(tree->stack, node->id.layers[0], ret);
    if (union_n_layers(tree->stack) > 0)
        return union_statfs(tree->stack, (uint16_t)(union_n_layers(tree->stack) - 1), ret);
    *ret = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096, .f_namemax = NAME_MAX};
    return 0;
}
