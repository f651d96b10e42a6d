/*
 * What the files of explain.h have in common: explain_path.c (the way to the path), explain_access.c (who is let in),
 * explain_layers.c (what each layer has) and explain_verdict.c (what would happen). Nobody else includes this.
 */
#ifndef ROFUSE_FS_EXPLAIN_PRIVATE_H
#define ROFUSE_FS_EXPLAIN_PRIVATE_H

#include "explain.h"
#include "tree.h"

/* A name as it was asked for: the last link is not followed. */
struct explain_name {
    struct node *dir;  /* a ref; NULL: the path is the root, or ends in ".." */
    char *name;        /* owned */
    struct node *node; /* what is there; a ref; NULL: nothing */
    struct stat st;    /* of node */
    bool is_blocked;   /* a directory on the way cannot be searched */
};

/* Where the way to the path has come to. */
struct explain_walk {
    struct tree *tree;
    const struct explain_who *who;
    struct explanation *out;
    struct node *dir;  /* the deepest directory; a ref */
    struct node *node; /* what the path leads to, dir itself perhaps; a ref; NULL: nothing */
    struct stat st;    /* of node */
    char *rest;        /* components behind the one that is missing, or NULL; owned */
    struct explain_name name;
    bool is_blocked; /* a directory on the way cannot be searched: blocker says which */
    struct explain_access blocker;
};

/* Whether the permissions of a node allow something, capabilities included; what decided, in @ret (owned by the caller,
 * explain_access_clear()). */
bool explain_allows(const struct explain_walk *walk, struct node *node, const struct stat *st, unsigned wanted,
                    struct explain_access *ret);
void explain_access_clear(struct explain_access *access);

/* The value of a node's ACL; NULL where it has none. Owned by the caller. */
char *explain_acl(struct tree *tree, struct node *node, size_t *ret_size);

/* An absolute path of a node, and of a name in it (NULL: of itself). Owned by the caller. */
char *explain_text(struct tree *tree, const struct node *node, const char *name);

/* Fills in layers and hiders for a path without leading slash. @is_routed: a route holds it, and no layer is seen. */
void explain_layers(const struct union_stack *stack, const char *path, bool is_routed, struct explanation *out);

/* Fills in the verdicts. */
void explain_verdicts(const struct explain_walk *walk);

#endif
