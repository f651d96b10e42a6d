#include "policy.h"

#include "node.h"
#include "route.h"

#include <errno.h>
#include <stddef.h>

struct policy_verdict policy_change(const struct node *node)
{
    if (node->id.kind != NODE_ROUTE)
        return (struct policy_verdict){.error = EROFS, .why = DENIAL_NOT_DECLARED};
    if (node->id.route->spec.read_only)
        return (struct policy_verdict){.error = EROFS, .why = DENIAL_DECLARED_READ_ONLY};
    return (struct policy_verdict){0};
}

bool policy_is_learned(const struct node *node)
{
    return node->id.kind == NODE_ROUTE && node->id.route->is_learn;
}

struct policy_verdict policy_remove(const struct node *dir, const char *name)
{
    struct policy_verdict verdict = policy_change(dir);
    if (verdict.error == 0 && node_find_graft(dir, name) != NULL)
        verdict.error = EBUSY;
    return verdict;
}

struct policy_verdict policy_cross(const struct node *from, const struct node *to)
{
    /* Made places are part of the image's root mount. */
    bool from_route = from->id.kind == NODE_ROUTE, to_route = to->id.kind == NODE_ROUTE;
    if (from_route != to_route || (to_route && from->id.route != to->id.route))
        return (struct policy_verdict){.error = EXDEV};
    return policy_change(to);
}
