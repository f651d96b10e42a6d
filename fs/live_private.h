/*
 * What the files of live changes have in common: live_route.c (a route at a place) and live_learn.c (one over all). Nobody else
 * includes this.
 */
#ifndef ROFUSE_FS_LIVE_PRIVATE_H
#define ROFUSE_FS_LIVE_PRIVATE_H

#include "live.h"

/* A number that shows another node from now on. All are refs. */
struct live_pair {
    struct node *number, *before, *after;
};

/* Begins a change. */
void live_begin(struct tree *tree, struct live *ret);

struct live_pair *live_find_pair(const struct live *live, const struct node *number);

/* The number of @before shows @after from the switch on; it is told to the kernel for @after from now on. */
void live_pair_up(struct live *live, struct node *before, struct node *after);

bool live_is_route_root(const struct node *node);

/*
 * One step of a way that two trees are walked side by side: the directories become their children of that name. Returns whether
 * there may be another; then both are children (refs, those of the parents given up), else they are what they were.
 */
typedef bool live_step(struct live *live, struct node **before, struct node **after, const char *name);

/* Goes a way from two directories, as far as the steps lead. */
void live_walk(struct live *live, struct node *before, struct node *after, const char *path, live_step *step);

/* All that is mounted below @target, or is a route there, is found in @after as it was in @before. */
void live_keep_mounts(struct live *live, struct node *before, struct node *after, const char *target,
                      const struct live_kept *kept);
void live_keep_routes(struct live *live, struct node *before, struct node *after, const char *target);

/* The routes that are still in @outer, as a directory on the way to them was renamed, are in their places below @root again. */
void live_put_back(struct live *live, const struct route *outer, struct node *root);

/* A name below a number that the kernel is to look up again. */
void live_add_stale(struct live *live, struct node *number, const char *name, bool is_kept);
void live_add_all_stale(struct live *live, struct node *number, GPtrArray *names); /* takes the names */

/* Numbers that were kept for something that is no longer mounted mean themselves again. */
void live_release_faces(struct live *live, const struct route *route);

/* The switch: the numbers mean what they are to mean. */
void live_switch_pairs(struct live *live);

#endif
