/*
 * Nodes of the union: where they lie in the layers, and what is kept of that.
 */
#include "tree_private.h"

#include "numbers.h"
#include "path.h"

#include <errno.h>
#include <glib.h>
#include <sys/stat.h>

/*
 * In a directory of several layers a name is looked for in each of them; from so many looks on (and one more for each name
 * of a listing that was let go), the listing of all of them is the cheaper way, which answers all the later ones.
 */
#define PROBES_MAX 64

/* A directory is one place in the union; a file that two layers share is one file. */
static uint32_t image_space(struct tree *tree, uint16_t layer, dev_t dev, bool is_dir)
{
    return numbers_space(tree->numbers, is_dir ? NUMBERS_LAYER + layer : NUMBERS_FILES, dev);
}

uint64_t tree_image_number(struct tree *tree, uint16_t layer, dev_t dev, uint64_t ino, bool is_dir)
{
    return numbers_shown(tree->numbers, image_space(tree, layer, dev, is_dir), ino);
}

/* A directory of the image, for union.h's functions; path is owned by the caller. */
static struct union_dir image_dir(struct tree *tree, const struct node *node, char **ret_path)
{
    *ret_path = node_path(tree->table, node);
    return (struct union_dir){
        .path = *ret_path, .layers = node->id.layers, .n_layers = node->id.n_layers, .number = node->id.shown};
}

int tree_list(struct tree *tree, struct node *node, const struct union_listing **ret, struct cache_entry **ret_entry)
{
    *ret = NULL;
    *ret_entry = NULL;
    if (node->id.kind != NODE_IMAGE)
        return 0;
    *ret_entry = cache_get(tree->listings, tree_key(node));
    if (*ret_entry == NULL) {
        g_autofree char *path = NULL;
        struct union_dir dir = image_dir(tree, node, &path);
        struct union_listing *listing;
        int status = union_list(tree->stack, &dir, &listing);
        if (status < 0)
            return status;
        node->n_listed = (uint32_t)MIN(listing->n_names, UINT32_MAX);
        *ret_entry = cache_put(tree->listings, tree_key(node), listing, listing->n_names + 1);
    }
    *ret = cache_object(*ret_entry);
    return 0;
}

void tree_list_done(struct tree *tree, struct cache_entry *entry)
{
    cache_release(tree->listings, entry);
}

int tree_stat_image(struct tree *tree, struct node *node, struct stat *ret)
{
    struct node *parent;
    char name[NODE_NAME_SIZE];
    g_autofree char *path = NULL;
    int status;
    if (node_place(tree->table, node, &parent, name)) {
        /* A graft can lie in an image's directory, but an image's node only in one. */
        struct union_dir dir = image_dir(tree, parent, &path);
        status = union_stat(tree->stack, &dir, name, node->id.layers[0], node->id.n_layers, ret);
        node_unref(tree->table, parent);
    } else {
        struct union_dir dir = image_dir(tree, node, &path);
        status = union_stat(tree->stack, &dir, "", node->id.layers[0], node->id.n_layers, ret);
    }
    ret->st_ino = node->id.shown;
    return status;
}

/* What the union has of a name: by the directory's listing where there is one or looking has become the dearer way. */
static int find_in_union(struct tree *tree, struct node *parent, const char *name, struct union_entry *ret)
{
    g_autofree char *path = NULL;
    struct union_dir dir = image_dir(tree, parent, &path);
    struct cache_entry *entry = cache_get(tree->listings, tree_key(parent));
    const struct union_listing *listing = entry != NULL ? cache_object(entry) : NULL;
    if (listing == NULL && parent->id.n_layers > 1 &&
        (atomic_fetch_add(&parent->n_probes, 1) + 1) * parent->id.n_layers >= PROBES_MAX + parent->n_listed) {
        atomic_store(&parent->n_probes, 0);
        int status = tree_list(tree, parent, &listing, &entry);
        if (status < 0)
            return status;
    }
    if (listing == NULL)
        return union_lookup(tree->stack, &dir, name, ret);
    const struct union_name *listed = union_listing_find(listing, name);
    int status = listed == NULL ? -ENOENT : union_lookup_listed(tree->stack, &dir, listing, listed, ret);
    tree_list_done(tree, entry);
    return status;
}

struct node *tree_image_at(struct tree *tree, const char *path, bool nearest)
{
    struct node *at = node_ref(tree->table, tree->root);
    const char *start;
    for (size_t length; (length = path_next(&path, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        struct node *child = NULL;
        struct stat st;
        if (!S_ISDIR(at->id.type) || tree_lookup(tree, at, name, &child, &st) < 0) {
            if (nearest)
                return at;
            child = NULL;
        }
        node_unref(tree->table, at);
        if (child == NULL)
            return NULL;
        at = child;
    }
    return at;
}

int tree_lookup_image(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                      struct stat *ret_st)
{
    struct union_entry entry;
    int status = find_in_union(tree, parent, name, &entry);
    if (status < 0)
        return status;
    struct node_identity identity = {
        .kind = NODE_IMAGE,
        .space = image_space(tree, entry.layers[0], entry.st.st_dev, S_ISDIR(entry.st.st_mode)),
        .ino = entry.st.st_ino,
        .type = entry.st.st_mode & S_IFMT,
        .layers = entry.layers,
        .n_layers = entry.n_layers,
        .has_xattrs = entry.has_xattrs,
        .size_bits = (uint8_t)g_bit_storage((gulong)entry.st.st_size),
    };
    identity.shown = numbers_shown(tree->numbers, identity.space, identity.ino);
    *ret_st = entry.st;
    ret_st->st_ino = identity.shown;
    *ret_node = node_get(tree->table, &identity, parent, name);
    union_entry_clear(&entry);
    return 0;
}
