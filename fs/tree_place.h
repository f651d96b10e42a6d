/*
 * tree_place - where a path inside the mount leads to, and what is missing on the way made.
 *
 * One thread at a time, for which the tree may be served all the while.
 */
#ifndef ROFUSE_FS_TREE_PLACE_H
#define ROFUSE_FS_TREE_PLACE_H

#include "tree.h"

struct tree_place {
    struct node *parent; /* a ref; NULL: it is the root */
    char *name;          /* in parent; owned */
    struct node *node;   /* a ref; NULL where there is no such name */
    /* The first directory on the way that was made, or NULL: */
    struct node *made_in; /* a ref */
    char *made_name;      /* owned */
};

/*
 * tree_find_place - follows a path, symbolic links within the mount (".." of the root is the root). Missing directories on the
 * way are made with 0755: in memory, or, in a route, for real, as docker does for a nested mount; the last is not.
 *
 * @in_routes: whether they are made in backing directories too, else what is missing there is -ENOENT.
 * Returns 0, or -errno and nothing in @ret.
 */
int tree_find_place(struct tree *tree, const char *path, bool in_routes, struct tree_place *ret);
void tree_place_clear(struct tree *tree, struct tree_place *place);

/* Makes a child, in memory or for real. @mode with type S_IFDIR or S_IFREG. Returns 0 with a ref, or -errno. */
int tree_make_child(struct tree *tree, struct node *parent, const char *name, mode_t mode, struct node **ret);

/* A node that exists in memory only, not grafted in yet. @text: a symbolic link's, static. Returns a ref. */
struct node *tree_make_node(struct tree *tree, struct node *parent, const char *name, mode_t mode, const char *text);

#endif
