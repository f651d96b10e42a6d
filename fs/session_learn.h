/*
 * session_learn - learn mode: the image on a throw-away layer, so that what is not declared can be written all the same, and
 * is recorded.
 *
 * overlayfs over the image (session_view.h) serves the root of the tree as a route does; the declared routes stay in their
 * places in it. All is in memory and gone when it is freed.
 */
#ifndef ROFUSE_FS_SESSION_LEARN_H
#define ROFUSE_FS_SESSION_LEARN_H

#include <stddef.h>

struct learn;
struct tree;

/*
 * learn_new - makes the layer and covers the tree's root with it.
 *
 * @layers: as in struct session_options. @tree: with its routes and places; borrowed, and after a failure good only to be
 * freed. @ret_why: on failure one line for a person; owned, g_free().
 * Returns 0 or -errno. Set-up only.
 */
int learn_new(const char *const *layers, size_t n_layers, struct tree *tree, struct learn **ret, char **ret_why);

/* A readable descriptor of the directory that holds what was changed (overlayfs' upper one); owned by the caller. -errno. */
int learn_upper(const struct learn *learn);

/* Frees all. The tree must be gone. NULL is allowed. */
void learn_free(struct learn *learn);

#endif
