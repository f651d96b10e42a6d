/*
 * The end of a route that was removed, when nothing of it is open any more: what is kept of it for speed would hold the file
 * system, and with it a tmpfs' memory.
 */
#include "ops_private.h"

#include "dir_streams.h"

void ops_route_unused(const struct ops *ops, struct route *route)
{
    if (!atomic_load(&route->is_removed) || atomic_load(&route->n_open) > 0 ||
        atomic_exchange(&route->is_given_up, true))
        return;
    struct node_table *table = ops->tree->table;
    tree_end_route(ops->tree, route);
    GPtrArray *nodes = node_directories(table, route);
    for (guint i = 0; i < nodes->len; i++) {
        dir_streams_drop(ops->streams, nodes->pdata[i]);
        node_unref(table, nodes->pdata[i]);
    }
    g_ptr_array_free(nodes, TRUE);
}
