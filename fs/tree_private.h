/*
 * What the files of the tree have in common: tree_node.c (what is asked of any node), tree_image.c (the union's nodes) and
 * tree_route.c (those of backing directories). Nobody else includes this.
 */
#ifndef ROFUSE_FS_TREE_PRIVATE_H
#define ROFUSE_FS_TREE_PRIVATE_H

#include "cache.h"
#include "tree.h"

static inline struct cache_key tree_key(const struct node *node)
{
    struct cache_key key = {.number = node->id.shown};
    if (node->id.kind == NODE_ROUTE) {
        key.birth = (int64_t)node->id.birth.tv_sec * 1000000000 + node->id.birth.tv_nsec;
        key.part = CACHE_ROUTE + node->id.route->index;
    }
    return key;
}

/* As tree_lookup(), in a directory of that kind and for a name that is no graft. */
int tree_lookup_image(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                      struct stat *ret_st);
int tree_lookup_route(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                      struct stat *ret_st);

/* As tree_stat(), of that kind. */
int tree_stat_image(struct tree *tree, struct node *node, struct stat *ret);
int tree_stat_route(struct tree *tree, struct node *node, struct stat *ret);

/* A descriptor of a route's node: a duplicate of one that somebody has open, or O_PATH and verified to be the same file. Owned
 * by the caller. -errno. */
int tree_open_route(struct tree *tree, struct node *node);

#endif
