/*
 * node_face - one node under the number of another.
 *
 * The kernel calls each inode by a number that we gave it, the address of a node. An entry of its cache that is answered with
 * another number is dropped, and with it, in every mount namespace, whatever is mounted on it and below it. So where a
 * directory that the kernel knows is to show something else from now on (a route that was added while it is mounted, what
 * lies below one that is removed), the number stays, and what it means changes: the node of the number is the face, and what
 * is to be seen under it is its shadow.
 *
 *     request, by number  ->  node_shadow()      ->  the node that is worked on
 *     node that was found ->  node_looked_up()   ->  the number to tell the kernel
 *
 * The face holds a ref on its shadow and counts the kernel's look-ups. The shadow knows its face without a ref: when the
 * kernel forgets the number, the face dies, and the shadow goes by its own. A shadow has no shadow itself, and a node found by
 * walking down from the root of what is shown is never a face with another shadow. Only directories are faces in this way
 * where files are open by the kernel's leave: an open file belongs to the node that it was opened on (ops_private.h).
 *
 * The kernel never looks into a directory again that it has removed, as long as somebody stands in it. Where that was done
 * under the number of another node (a face), the number is dead until the kernel forgets it: what is to be seen under it later
 * is told by a number that is made for it, which nothing is found by.
 *
 * A change takes three steps, so that a request that is under way never tells a number that the kernel does not know at that
 * place: the new node is given the face (node_face_set), then it is shown (node_show), and when all requests that were under
 * way are done the old one loses the face (node_face_end).
 */
#ifndef ROFUSE_FS_NODE_FACE_H
#define ROFUSE_FS_NODE_FACE_H

#include "node.h"

/* What a number shows. Borrowed, for as long as the request takes. One atomic load for nearly all. Any thread. */
static inline struct node *node_shadow(struct node *number)
{
    const struct node_more *more = atomic_load_explicit(&number->more, memory_order_acquire);
    struct node *shadow = more != NULL ? atomic_load_explicit(&more->shadow, memory_order_acquire) : NULL;
    return shadow != NULL ? shadow : number;
}

/* The directory above, as it is shown: a ref, or NULL for the root and for what has lost its name. */
struct node *node_above(struct node_table *table, const struct node *node);

/* By which node's number the kernel is told of this one: a ref. */
struct node *node_face(struct node_table *table, struct node *node);

/* The kernel is told of the node by the number @number from now on. Both are to be held until node_face_end(). */
void node_face_set(struct node_table *table, struct node *node, struct node *number);

/* The number shows @node from now on; itself where they are the same. What it has shown is the caller's to give up, when no
 * request can still be using it: a ref, or NULL where that was the node of the number. */
struct node *node_show(struct node_table *table, struct node *number, struct node *node);

/* A node that the number does not show any more loses it; no request may be under way that has found it before. */
void node_face_end(struct node_table *table, struct node *node, const struct node *number);

/* The numbers that show nodes of a route now: refs, in an array of the caller's. Looks at every node. */
GPtrArray *node_faces_into(struct node_table *table, const struct route *route);

/* The directories of a route that there are nodes of; as above. */
GPtrArray *node_directories(struct node_table *table, const struct route *route);

/* All numbers that the kernel knows: refs, in an array of the caller's. Looks at every node. */
GPtrArray *node_known(struct node_table *table);

/* All names that a node is known by: @ret_n of them, owned by the caller, node_places_free(). */
struct node_place *node_places(struct node_table *table, const struct node *node, size_t *ret_n);
void node_places_free(struct node_table *table, struct node_place *places, size_t n); /* NULL is allowed */

/* The names below a directory that the kernel has been told of, as far as they are known; elements are owned by the array, the
 * array by the caller. Looks at every node. */
GPtrArray *node_known_names(struct node_table *table, const struct node *dir);

#endif
