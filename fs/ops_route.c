/*
 * The end of a route that was removed: what was open in it is closed.
 */
#include "ops_private.h"

#include "dir_streams.h"

#include <fcntl.h>
#include <unistd.h>

/* What is kept of its directories for speed holds the file system, and a tmpfs' memory with it. */
static void drop_kept(const struct ops *ops, const struct route *route)
{
    GPtrArray *nodes = node_directories(ops->tree->table, route);
    for (guint i = 0; i < nodes->len; i++) {
        struct node *node = nodes->pdata[i];
        tree_removed(ops->tree, node);
        dir_streams_drop(ops->streams, node);
        node_unref(ops->tree->table, node);
    }
    g_ptr_array_free(nodes, TRUE);
}

void ops_route_unused(const struct ops *ops, struct route *route)
{
    if (!atomic_load(&route->is_removed) || atomic_load(&route->n_open) > 0 ||
        atomic_exchange(&route->is_given_up, true))
        return;
    /* Whoever still comes by an old number, a process that stands in a directory of it, finds that it is not there: ESTALE. The
     * descriptor's number stays taken, as somebody may be using it just now. */
    int nothing = open("/dev/null", O_PATH | O_CLOEXEC);
    if (nothing >= 0) {
        (void)dup3(nothing, route->root_fd, O_CLOEXEC);
        close(nothing);
    }
    drop_kept(ops, route);
    if (route->lock_fd >= 0)
        close(route->lock_fd);
    route->lock_fd = -1;
}
