#include "gate.h"

#include "copies.h"
#include "counters.h"
#include "path.h"
#include "tree.h"
#include "writers.h"

#include <errno.h>
#include <glib.h>

/*
 * Says what the image has at a path, or at the nearest directory above it, where a throw-away layer lies over it: that is where
 * the change would have been refused.
 */
static void tell_image_place(const struct gate *gate, const char *path, struct denial_facts *facts)
{
    struct node *at = tree_image_at(gate->tree, path, true);
    facts->place = DENIAL_PLACE_MADE;
    if (at->id.kind == NODE_IMAGE) {
        facts->place = DENIAL_PLACE_IMAGE;
        facts->layer = at->id.layers[0];
        facts->layer_dir = union_layer_dir(gate->tree->stack, at->id.layers[0]);
    }
    node_unref(gate->tree->table, at);
}

/* Says which layer or route holds a node. The texts belong to the tree and live as long as it. */
static void tell_place(const struct gate *gate, const struct node *node, struct denial_facts *facts)
{
    switch (node->id.kind) {
    case NODE_IMAGE:
        facts->place = DENIAL_PLACE_IMAGE;
        facts->layer = node->id.layers[0];
        facts->layer_dir = union_layer_dir(gate->tree->stack, node->id.layers[0]);
        break;
    case NODE_ROUTE:
        facts->place = DENIAL_PLACE_ROUTE;
        facts->route_target = node->id.route->target;
        facts->route_kind = route_kind_name(node->id.route->spec.kind);
        break;
    case NODE_MADE:
        facts->place = DENIAL_PLACE_MADE;
        break;
    }
}

/* Whatever has become of it, the change may have copied the file up. */
static void note_copy(const struct gate *gate, const struct change *change)
{
    if (!policy_is_learned(change->node))
        return;
    g_autofree char *inner = node_path(gate->tree->table, change->node);
    g_autofree char *named = change->name != NULL ? path_join(inner, change->name) : NULL;
    copies_note(change->node->id.route->copies, named != NULL ? named : inner);
    if (change->operation == DENIAL_LINK || change->operation == DENIAL_RENAME)
        copies_note(change->node->id.route->copies, change->target + 1);
    if (change->operation == DENIAL_UNLINK || change->operation == DENIAL_RENAME)
        copies_sweep(change->node->id.route->copies);
}

static void report(const struct gate *gate, const struct assume_credentials *who, const struct change *change,
                   int error, enum denial_why why, bool learned)
{
    struct node *node = change->node, *child = NULL;
    struct stat st;
    g_autofree char *inner = node_path(gate->tree->table, node);
    g_autofree char *named = change->name != NULL ? path_join(inner, change->name) : NULL;
    g_autofree char *path = g_strconcat("/", named != NULL ? named : inner, NULL);
    struct denial_facts facts = {
        .operation = change->operation,
        .why = why,
        .error = error,
        .tid = who->tid,
        .uid = who->uid,
        .gid = who->gid,
        .path = path,
        .target = change->target,
        .learned = learned,
        .name_unknown = change->name_unknown,
        .flags = change->flags,
        .mode = change->mode,
        .layer = -1,
    };
    /* A name that is there may be held by another layer than its directory is. */
    if (policy_is_learned(node))
        tell_image_place(gate, path + 1, &facts);
    else if (change->name != NULL && tree_lookup(gate->tree, node, change->name, &child, &st) == 0)
        tell_place(gate, child, &facts);
    else
        tell_place(gate, node, &facts);
    denial_report(gate->log, &facts);
    node_unref(gate->tree->table, child);
}

int gate_record(const struct gate *gate, const struct assume_credentials *who, const struct change *change, int error,
                enum denial_why why)
{
    report(gate, who, change, error, why, false);
    return error;
}

void gate_done(const struct gate *gate, const struct assume_credentials *who, const struct change *change)
{
    /* What has no name any more was told of when it had one. */
    bool is_gone = change->name == NULL && node_is_gone(gate->tree->table, change->node);
    if (!policy_is_learned(change->node) || is_gone)
        return;
    note_copy(gate, change);
    counters_add(&gate->counters->learned, 1);
    report(gate, who, change, EROFS, DENIAL_NOT_DECLARED, true);
}

/* The counters of a node's route, or NULL: there are so many that it has none. */
static struct counters_written *written(const struct gate *gate, const struct node *node)
{
    if (node->id.kind != NODE_ROUTE || node->id.route->index >= COUNTERS_ROUTES)
        return NULL;
    return &gate->counters->written[node->id.route->index];
}

/* A change of a route that is not answered yet: when, and by whom. Written only where it is news, so that threads do not take
 * the memory from each other. */
static void note_change(const struct gate *gate, const struct assume_credentials *who, const struct node *node,
                        struct counters_written *counters)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (atomic_load_explicit(&counters->last, memory_order_relaxed) != (uint64_t)now.tv_sec)
        atomic_store_explicit(&counters->last, (uint64_t)now.tv_sec, memory_order_relaxed);
    writers_note(gate->writers, node->id.route->index, who->tid, who->uid, who->gid);
}

void gate_opened(const struct gate *gate, const struct node *node)
{
    struct counters_written *counters = written(gate, node);
    if (counters != NULL)
        counters_add(&counters->files, 1);
}

void gate_wrote(const struct gate *gate, const struct assume_credentials *who, const struct node *node, uint64_t bytes)
{
    struct counters_written *counters = written(gate, node);
    if (policy_is_learned(node))
        counters_add(&gate->counters->learned_bytes, bytes);
    if (counters == NULL)
        return;
    counters_add(&counters->bytes, bytes);
    note_change(gate, who, node, counters);
}

void gate_grew(const struct gate *gate, const struct node *node, uint64_t bytes)
{
    struct counters_written *counters = written(gate, node);
    if (counters != NULL)
        counters_add(&counters->grown, bytes);
}

int gate_apply(const struct gate *gate, const struct assume_credentials *who, const struct change *change,
               struct policy_verdict verdict)
{
    const struct node_identity *id = &change->node->id;
    struct counters_written *counters = written(gate, change->node);
    if (verdict.error == EROFS) {
        gate_record(gate, who, change, verdict.error, verdict.why);
    } else if (verdict.error == 0 && counters != NULL) {
        counters_add(&gate->counters->changes[id->route->index], 1);
        note_change(gate, who, change->node, counters);
    }
    return verdict.error;
}

int gate_check(const struct gate *gate, const struct assume_credentials *who, const struct change *change)
{
    return gate_apply(gate, who, change, policy_change(change->node));
}

int gate_failed(const struct gate *gate, const struct assume_credentials *who, const struct change *change, int status)
{
    note_copy(gate, change);
    switch (-status) {
    case EACCES:
    case EPERM:
        return gate_record(gate, who, change, -status, DENIAL_PERMISSION);
    case ENOSPC:
    case EDQUOT:
        return gate_record(gate, who, change, -status, DENIAL_NO_SPACE);
    case EROFS:
        return gate_record(gate, who, change, -status, DENIAL_DECLARED_READ_ONLY);
    default:
        return -status;
    }
}
