/*
 * compose_interpolate - variables in values (compose-spec 12-interpolation.md).
 *
 * $V, ${V}, ${V:-default}, ${V-default}, ${V:?message}, ${V?message}, ${V:+other}, ${V+other}; what follows the
 * operator is interpolated itself, when it is used; $$ is one dollar. A dollar before anything else stays as it is, but
 * "${" must be one of these. A variable that is not set is empty, and is told of once.
 */
#ifndef ROFUSE_SRC_COMPOSE_INTERPOLATE_H
#define ROFUSE_SRC_COMPOSE_INTERPOLATE_H

#include "compose_node.h"
#include "compose_vars.h"

/* How many bytes all values of a project may have together after interpolation, and how deep it may be nested. */
#define COMPOSE_EXPANDED_MAX (16 * 1024 * 1024)
#define COMPOSE_NESTED_MAX 32

struct compose_interpolation {
    const struct compose_vars *vars; /* looked up first */
    const struct compose_vars *more; /* then here; NULL is allowed */
    struct compose_vars *missing;    /* names of variables that are not set -> where that was first; borrowed */
    gsize budget;                    /* bytes that may still come out */
};

/*
 * compose_interpolate - a text with its variables replaced.
 *
 * @place: what is noted in @missing for a variable that is not set ("FILE:LINE:COLUMN").
 * Owned by the caller. NULL: then @ret_message, owned by the caller, is what is wrong and the mend, without a place.
 */
char *compose_interpolate(struct compose_interpolation *state, const char *text, const char *place, char **ret_message);

/* Does it in all values of a tree (keys stay as they are). FALSE with one line "FILE:LINE:COLUMN: …". */
gboolean compose_interpolate_tree(struct compose_interpolation *state, struct compose_node *node, GError **error);

#endif
