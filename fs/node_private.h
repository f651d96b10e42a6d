/*
 * What the files of the nodes have in common: node_table.c (identity, counts, what is open), node_place.c (names and paths),
 * node_graft.c (grafts) and node_face.c (numbers of other nodes). Nobody else includes this.
 */
#ifndef ROFUSE_FS_NODE_PRIVATE_H
#define ROFUSE_FS_NODE_PRIVATE_H

#include "node.h"

#include <glib.h>
#include <pthread.h>

struct node_table {
    pthread_mutex_t lock;
    GHashTable *nodes; /* [lock] by (space, ino), not owned: a node removes itself with its last ref */
    GHashTable *stale; /* [lock] the nodes whose number is another file's by now, by address */
    size_t n_alive;    /* [lock] */
    /* [lock] struct node_name, owned, of the nodes that are known by_place. Names come from programs and layers: a tree that
     * compares cannot be made slow by colliding hashes. */
    GTree *names;
};

/* One name of a node, to find the node by. */
struct node_name {
    const struct node *parent;
    struct node *node; /* not a ref */
    const char *name;
    char text[]; /* what name points to */
};

int node_name_compare(const void *a, const void *b, void *data);

/* Notes that a node goes by a name, or does so no longer. */
void node_name_add_locked(struct node_table *table, struct node *node, const struct node *parent, const char *name);
void node_name_remove_locked(struct node_table *table, const struct node *node, const struct node *parent,
                             const char *name);

/* The part that few nodes need, made when it is first. */
static inline struct node_more *node_more_locked(struct node *node)
{
    struct node_more *more = atomic_load_explicit(&node->more, memory_order_relaxed);
    if (more == NULL) {
        more = g_new0(struct node_more, 1);
        more->held_fd = -1;
        atomic_store_explicit(&node->more, more, memory_order_release);
    }
    return more;
}

static inline size_t node_count_others(const struct node *node)
{
    return node->more != NULL ? node->more->n_others : 0;
}

static inline int node_held_fd(const struct node *node)
{
    return node->more != NULL ? node->more->held_fd : -1;
}

/* The node by whose number the kernel is told of this one: itself, but for a shadow. */
static inline struct node *node_face_locked(struct node *node)
{
    struct node_more *more = atomic_load_explicit(&node->more, memory_order_relaxed);
    return more != NULL && more->face != NULL ? more->face : node;
}

static inline void node_free_name(struct node *node)
{
    if (node->name != node->first_name)
        g_free(node->name);
    node->name = NULL;
}

/*
 * Drops a ref; the nodes that die with it (the node, then perhaps its parents) are put before @dead, chained by their parent
 * pointers, for the caller to destroy with node_destroy_chain() when the lock is gone. Returns the chain.
 */
struct node *node_drop_locked(struct node_table *table, struct node *node, struct node *dead);
void node_destroy_chain(struct node *dead);

/* Gives up the shadow of a node that dies. Takes and returns the dead as above. */
struct node *node_drop_shadow_locked(struct node_table *table, struct node *node, struct node *dead);

/* Forgets one of the other names, number @at. Takes and returns the dead as node_drop_locked() does. */
struct node *node_clear_other_locked(struct node_table *table, struct node *node, size_t at, struct node *dead);

/* Gives the node a place; the one that it had is kept as another name (@keep) or given up. */
struct node *node_set_place_locked(struct node_table *table, struct node *node, struct node *parent, const char *name,
                                   bool keep, struct node *dead);

#endif
