/*
 * live - changes what a place shows while the kernel has the tree in its caches.
 *
 * Whatever is mounted on a directory of ours, in any mount namespace, is detached when the kernel drops the directory from its
 * cache. So a directory that shows something else from now on keeps its number (node_face.h); below it, each directory on the
 * way to what is mounted, or to a route that is nested there, keeps its number too, and is made where it is missing, as docker
 * makes the target of a nested mount. A file on which something is mounted stays the file that it is, in the new directory.
 * All other names are told to whoever speaks with the kernel, to be looked up anew (expired, never invalidated).
 *
 *     live_add() or live_remove()   the tree shows the new state
 *     (wait for the requests that are under way; tell the kernel of live->stale, then of live->changed)
 *     live_end()
 *
 * One thread at a time, and never one that serves.
 */
#ifndef ROFUSE_FS_LIVE_H
#define ROFUSE_FS_LIVE_H

#include "graft.h"

/* Where something is mounted: paths inside the mount, with a leading slash; borrowed. */
struct live_kept {
    const char *const *paths;
    size_t n_paths;
};

/* Tells it as of now; what it returns is valid until it is asked again. */
struct live_mounts {
    struct live_kept (*now)(void *data);
    void *data;
};

/* A name that the kernel may have cached and that may be another file now, or none. */
struct live_name {
    struct node *dir; /* the number; a ref */
    char *name;       /* owned */
    bool is_kept;     /* what is there keeps its number: the kernel must not drop it */
};

struct live {
    struct tree *tree;
    bool is_private;     /* nobody but us can make a name in what is shown now */
    GArray *pairs;       /* struct live_pair (live_private.h) */
    GHashTable *numbers; /* of the pairs: number -> index */
    GPtrArray *moved;    /* struct live_move (live_route.c) */
    GPtrArray *given;    /* nodes whose refs are given up at the end */
    GArray *stale;       /* struct live_name */
    GPtrArray
        *changed; /* numbers (struct node *) whose attributes, ACLs and listing are not what the kernel knows; refs */
};

/*
 * live_add - grafts a route in, whatever lies there.
 *
 * @index:  of its own, never used before in this tree.
 * @mounts: asked before a fill and after it.
 * @can_keep: whether names can be expired; without, -ENOTSUP where something is mounted below.
 * @patience: for a fill (patience.h); NULL = without end.
 * @ret:    for live_end(); where nothing was added, too, if it has a tree: directories were made on the way, and are gone again.
 * Returns 0, or -errno with a line in @ret_why and nothing changed but what was made in backing directories.
 */
int live_add(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
             const struct live_mounts *mounts, bool can_keep, const struct patience *patience, struct live *ret,
             char **ret_why);

/*
 * live_show - puts a route in the place of a directory or the root, which keeps its number.
 *
 * @graft: a route that is open, with the place; it belongs to the tree then.
 * @is_same: its backing directory has the same names with the same content as what it hides, so that no name is stale.
 */
void live_show(struct tree *tree, struct graft *graft, const struct live_kept *kept, bool is_same, struct live *ret);

/*
 * live_remove - takes a route away; what lay there is seen again.
 *
 * What is mounted there (@kept) goes on, and other routes that are nested in it come to lie in what is seen again; a place that
 * nothing else has is made for them.
 * Open files of the route stay open. Returns 0, or -errno with a line in @ret_why and nothing changed.
 */
int live_remove(struct tree *tree, struct route *route, const struct live_kept *kept, struct live *ret, char **ret_why);

/*
 * live_cover - puts a route over the root of the image: learn mode's, which has the same names.
 *
 * All other routes are nested in it then. Every directory that the kernel knows keeps its number, so that whoever stands in
 * one sees what is to be seen there from now on.
 * @route: open, with target and index; belongs to the tree then.
 * Returns 0 or -errno, and nothing has changed but that the route belongs to the tree.
 */
int live_cover(struct tree *tree, struct route *route, const struct live_kept *kept, struct live *ret);

/* Takes it away; what there is in the image alone is seen again, under the numbers that the kernel knows. */
void live_uncover(struct tree *tree, struct route *route, const struct live_kept *kept, struct live *ret);

/* Gives up what was needed for the change. @quiet: the requests that were under way when it was made are done; otherwise
 * it is kept until the tree is freed. */
void live_end(struct live *live, bool quiet);

#endif
