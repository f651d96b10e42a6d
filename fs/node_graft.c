/*
 * Grafts: changed by one at a time, read by all who serve, without a lock.
 */
#include "node_private.h"

#include <string.h>

#define ROOM_FIRST 4

/* Room for @n and some more, with what is there but @except. */
static struct node_grafts *copy(struct node_grafts *grafts, size_t n, const struct node_graft *except)
{
    size_t room = MAX(2 * n, ROOM_FIRST), kept = 0;
    struct node_grafts *made = g_malloc0(sizeof *made + room * sizeof made->at[0]);
    made->room = room;
    made->older = grafts;
    for (size_t i = 0; i < node_n_grafts(grafts); i++)
        if (&grafts->at[i] != except)
            made->at[kept++] = grafts->at[i];
    atomic_init(&made->n, kept);
    return made;
}

void node_graft(struct node_table *table, struct node *parent, const char *name, struct node *child)
{
    pthread_mutex_lock(&table->lock);
    struct node_more *more = node_more_locked(parent);
    struct node_grafts *grafts = more->grafts, *now = grafts;
    size_t n = node_n_grafts(grafts);
    child->refs++;
    if (more->graft_names == NULL) {
        more->graft_names = g_string_chunk_new(64);
        parent->refs++;
    }
    if (now == NULL || now->room == n)
        now = copy(grafts, n + 1, NULL);
    now->at[n] = (struct node_graft){child, g_string_chunk_insert(more->graft_names, name)};
    atomic_store_explicit(&now->n, n + 1, memory_order_release);
    atomic_store_explicit(&more->grafts, now, memory_order_release);
    pthread_mutex_unlock(&table->lock);
}

bool node_ungraft(struct node_table *table, struct node *parent, const struct node *child)
{
    pthread_mutex_lock(&table->lock);
    struct node_more *more = node_more_locked(parent);
    struct node_grafts *grafts = more->grafts;
    size_t n = node_n_grafts(grafts), at = n;
    while (at > 0 && grafts->at[at - 1].node != child)
        at--;
    if (at > 0)
        atomic_store_explicit(&more->grafts, copy(grafts, n, &grafts->at[at - 1]), memory_order_release);
    pthread_mutex_unlock(&table->lock);
    return at > 0;
}

struct node *node_find_graft_but(const struct node *parent, const char *name, const struct node *except)
{
    const struct node_grafts *grafts = node_grafts(parent);
    for (size_t i = node_n_grafts(grafts); i > 0; i--)
        if (grafts->at[i - 1].node != except && strcmp(grafts->at[i - 1].name, name) == 0)
            return grafts->at[i - 1].node;
    return NULL;
}

struct node *node_find_graft(const struct node *parent, const char *name)
{
    return node_find_graft_but(parent, name, NULL);
}
