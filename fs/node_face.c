#include "node_face.h"

#include "node_private.h"

#include <sys/stat.h>

struct node *node_above(struct node_table *table, const struct node *node)
{
    struct node *parent;
    char name[NODE_NAME_SIZE];
    if (!node_place(table, node, &parent, name))
        return NULL;
    struct node *above = node_ref(table, node_shadow(parent));
    node_unref(table, parent);
    return above;
}

struct node *node_face(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    struct node *face = node_face_locked(node);
    face->refs++;
    pthread_mutex_unlock(&table->lock);
    return face;
}

void node_face_set(struct node_table *table, struct node *node, struct node *number)
{
    pthread_mutex_lock(&table->lock);
    node_more_locked(node)->face = number != node ? number : NULL;
    pthread_mutex_unlock(&table->lock);
    /* What the kernel was told of the number's attributes is not true of this one, and the other way round. */
    atomic_store(&node->attributes_until, 0);
}

struct node *node_show(struct node_table *table, struct node *number, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    struct node_more *more = node_more_locked(number);
    struct node *before = more->shadow, *shadow = node != number ? node : NULL;
    if (shadow != NULL)
        shadow->refs++;
    atomic_store_explicit(&more->shadow, shadow, memory_order_release);
    pthread_mutex_unlock(&table->lock);
    atomic_store(&node->attributes_until, 0);
    return before;
}

void node_face_end(struct node_table *table, struct node *node, const struct node *number)
{
    pthread_mutex_lock(&table->lock);
    struct node_more *more = node->more;
    if (more != NULL && more->face == number && node_shadow((struct node *)number) != node)
        more->face = NULL;
    pthread_mutex_unlock(&table->lock);
}

struct node *node_drop_shadow_locked(struct node_table *table, struct node *node, struct node *dead)
{
    struct node *shadow = node->more != NULL ? node->more->shadow : NULL;
    if (shadow == NULL)
        return dead;
    if (shadow->more != NULL && shadow->more->face == node)
        shadow->more->face = NULL;
    return node_drop_locked(table, shadow, dead);
}

/* Calls for every node, with the lock. */
static void each_locked(const struct node_table *table,
                        void (*visit)(GPtrArray *found, struct node *node, const void *what), GPtrArray *found,
                        const void *what)
{
    GHashTable *const all[] = {table->nodes, table->stale};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        GHashTableIter iter;
        gpointer node;
        g_hash_table_iter_init(&iter, all[i]);
        while (g_hash_table_iter_next(&iter, &node, NULL))
            visit(found, node, what);
    }
}

static void add_names(GPtrArray *found, struct node *node, const void *what)
{
    if (node->parent == what)
        g_ptr_array_add(found, g_strdup(node->name));
    for (size_t i = 0; i < node_count_others(node); i++)
        if (node->more->others[i].parent == what)
            g_ptr_array_add(found, g_strdup(node->more->others[i].name));
}

GPtrArray *node_known_names(struct node_table *table, const struct node *dir)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    pthread_mutex_lock(&table->lock);
    each_locked(table, add_names, names, dir);
    pthread_mutex_unlock(&table->lock);
    return names;
}

static bool is_of(const struct node *node, const struct route *route)
{
    return node->id.kind == NODE_ROUTE && node->id.route == route;
}

static void add_face(GPtrArray *found, struct node *node, const void *what)
{
    const struct node *shadow = node_shadow(node);
    if (shadow == node || !is_of(shadow, what))
        return;
    node->refs++;
    g_ptr_array_add(found, node);
}

GPtrArray *node_faces_into(struct node_table *table, const struct route *route)
{
    GPtrArray *faces = g_ptr_array_new();
    pthread_mutex_lock(&table->lock);
    each_locked(table, add_face, faces, route);
    pthread_mutex_unlock(&table->lock);
    return faces;
}

static void add_directory(GPtrArray *found, struct node *node, const void *what)
{
    if (!S_ISDIR(node->id.type) || !is_of(node, what))
        return;
    node->refs++;
    g_ptr_array_add(found, node);
}

GPtrArray *node_directories(struct node_table *table, const struct route *route)
{
    GPtrArray *nodes = g_ptr_array_new();
    pthread_mutex_lock(&table->lock);
    each_locked(table, add_directory, nodes, route);
    pthread_mutex_unlock(&table->lock);
    return nodes;
}

static void add_known(GPtrArray *found, struct node *node, const void *what)
{
    (void)what;
    if (node->nlookup == 0)
        return;
    node->refs++;
    g_ptr_array_add(found, node);
}

GPtrArray *node_known(struct node_table *table)
{
    GPtrArray *nodes = g_ptr_array_new();
    pthread_mutex_lock(&table->lock);
    each_locked(table, add_known, nodes, NULL);
    pthread_mutex_unlock(&table->lock);
    return nodes;
}

struct node_place *node_places(struct node_table *table, const struct node *node, size_t *ret_n)
{
    pthread_mutex_lock(&table->lock);
    size_t n_others = node_count_others(node), n = 0;
    struct node_place *places = g_new(struct node_place, n_others + 1);
    if (node->parent != NULL)
        places[n++] = (struct node_place){node->parent, g_strdup(node->name)};
    for (size_t i = 0; i < n_others; i++)
        places[n++] = (struct node_place){node->more->others[i].parent, g_strdup(node->more->others[i].name)};
    for (size_t i = 0; i < n; i++)
        places[i].parent->refs++;
    pthread_mutex_unlock(&table->lock);
    *ret_n = n;
    return places;
}

void node_places_free(struct node_table *table, struct node_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        node_unref(table, places[i].parent);
        g_free(places[i].name);
    }
    g_free(places);
}
