#include "policy.h"

#include "node.h"
#include "route.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>

/* Learn mode's layer after it was switched off: only somebody who stood in it, or has it open, still comes to it. */
static bool has_ended(const struct node *node)
{
    return policy_is_learned(node) && atomic_load(&node->id.route->is_removed);
}

static struct policy_verdict verdict_of(const struct node *node, bool ends)
{
    if (node->id.kind != NODE_ROUTE || (ends && has_ended(node)))
        return (struct policy_verdict){.error = EROFS, .why = DENIAL_NOT_DECLARED};
    if (node->id.route->spec.read_only)
        return (struct policy_verdict){.error = EROFS, .why = DENIAL_DECLARED_READ_ONLY};
    return (struct policy_verdict){0};
}

struct policy_verdict policy_change(const struct node *node)
{
    return verdict_of(node, S_ISDIR(node->id.type));
}

struct policy_verdict policy_open(const struct node *node)
{
    return verdict_of(node, true);
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
