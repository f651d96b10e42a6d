/*
 * intent_way - what a directory is to the path of a system call: on the way, or the place.
 *
 * The kernel asks for a directory's attributes when somebody may not write to it, but now and then also when he only goes
 * through it (ops_refusal.c). Where it matters which of the two it is, the path tells.
 */
#ifndef ROFUSE_FS_INTENT_WAY_H
#define ROFUSE_FS_INTENT_WAY_H

#include "tree.h"

enum intent_way {
    INTENT_WAY_ELSEWHERE, /* it is not met, as far as that can be told */
    INTENT_WAY_PERHAPS,   /* it can be the place, as can any other: the path has no names but the last */
    INTENT_WAY_BEGINS,    /* the path, a relative one, can begin there, and leads on */
    INTENT_WAY_THROUGH,   /* it must be searched, and no more */
    INTENT_WAY_PLACE,     /* it has, or would have, the name that the path ends in; or the path leads to it */
};

/*
 * intent_way - follows a path as the kernel does, symbolic links too, also where the last name is one.
 *
 * @itself: of a call that changes what the path leads to, and not a name in its directory: the place is what it leads to.
 *
 * An absolute path begins at the root of the mount. Where it cannot be followed from there, or does not meet the directory (a
 * program that is chrooted further, or not at all), and where it is relative, the place that it begins at is not known. Then
 * the directory is the place when the names before the last are the end of its own path, or its own path is the end of
 * those; and it is on the way when the last of the names can be followed from it, or from the root by way of it. Looks up
 * 256 names at most. Any thread, no lock held.
 */
enum intent_way intent_way(struct tree *tree, struct node *dir, const char *path, bool itself);

#endif
