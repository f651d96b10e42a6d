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
    return (struct cache_key){.number = node->id.shown};
}

/* As tree_lookup(), in a directory of that kind and for a name that is no graft. */
int tree_lookup_image(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                      struct stat *ret_st);
int tree_lookup_route(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                      struct stat *ret_st);

/* As tree_stat(), of that kind. */
int tree_stat_image(struct tree *tree, struct node *node, struct stat *ret);
int tree_stat_route(struct tree *tree, struct node *node, struct stat *ret);

/* An O_PATH descriptor of a route's node, verified to be the same file; owned by the caller. -errno. */
int tree_open_route(struct tree *tree, struct node *node);

#endif
