/*
 * graft - a route made for its place in the tree: found, opened, and put there.
 *
 * While a session is set up, tree_add_route() does all of it; live.h does it under a kernel that knows the place.
 * One thread at a time.
 */
#ifndef ROFUSE_FS_GRAFT_H
#define ROFUSE_FS_GRAFT_H

#include "backing.h"
#include "tree_place.h"

struct graft {
    struct tree_place place; /* never the root, never where a route begins */
    struct route *route;     /* root is a ref; owned until graft_done() */
};

/* Finds the place of a route. Returns 0, or -errno with a line in @ret_why (owned) and nothing in @ret. */
int graft_find(struct tree *tree, const struct route_spec *spec, struct graft *ret, char **ret_why);

/* Opens what is to be there, and fills it, which may take long (@patience: NULL = without end). Nobody sees it yet. Returns 0 or
 * -errno with @ret_why as above; then graft_done() or graft_give_up() is to follow. */
int graft_open(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
               const struct patience *patience, struct graft *graft, char **ret_why);

/* Nothing comes of it: an anonymous volume that was made for it is removed. */
void graft_give_up(struct tree *tree, struct graft *graft, const char *volume_dir);

/* Puts the route there; it belongs to the tree now, and @graft is cleared. */
void graft_done(struct tree *tree, struct graft *graft);

/* Says why a target cannot be had. Returns @status. */
int graft_error(const struct route_spec *spec, int status, char **ret_why);

#endif
