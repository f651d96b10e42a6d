/*
 * The nodes: which there are, who holds on to them, and what of them is open.
 */
#include "node_private.h"

#include "route.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static guint identity_hash(gconstpointer data)
{
    const struct node *node = data;
    uint64_t mixed = (node->id.ino ^ ((uint64_t)node->id.space << 40)) * UINT64_C(0x9e3779b97f4a7c15);
    return (guint)(mixed >> 32);
}

static gboolean identity_equal(gconstpointer a, gconstpointer b)
{
    const struct node *left = a, *right = b;
    return left->id.ino == right->id.ino && left->id.space == right->id.space;
}

struct node_table *node_table_new(void)
{
    struct node_table *table = g_new0(struct node_table, 1);
    pthread_mutex_init(&table->lock, NULL);
    table->nodes = g_hash_table_new(identity_hash, identity_equal);
    table->stale = g_hash_table_new(NULL, NULL);
    table->names = g_tree_new_full(node_name_compare, NULL, NULL, g_free);
    return table;
}

static void node_destroy(struct node *node)
{
    struct node_more *more = node->more;
    if (more != NULL) {
        if (more->held_fd >= 0)
            close(more->held_fd);
        for (size_t i = 0; i < more->n_others; i++)
            g_free(more->others[i].name);
        g_free(more->others);
        for (struct node_grafts *grafts = more->grafts, *older; grafts != NULL; grafts = older) {
            older = grafts->older;
            g_free(grafts);
        }
        if (more->graft_names != NULL)
            g_string_chunk_free(more->graft_names);
        while (more->opens != NULL) {
            struct node_open *open = more->opens;
            more->opens = open->next;
            open->release(open);
        }
        g_free(more);
    }
    if (node->id.kind == NODE_IMAGE && node->id.layers != &node->own_layer)
        g_free((uint16_t *)node->id.layers);
    node_free_name(node);
    g_free(node);
}

struct node *node_drop_locked(struct node_table *table, struct node *node, struct node *dead)
{
    while (node != NULL && --node->refs == 0) {
        g_hash_table_remove(node->in_table ? table->nodes : table->stale, node);
        table->n_alive--;
        /* Only a file has other names, and no file is a parent; a shadow has none itself: this goes no deeper. */
        for (size_t i = 0; i < node_count_others(node); i++) {
            node_name_remove_locked(table, node, node->more->others[i].parent, node->more->others[i].name);
            dead = node_drop_locked(table, node->more->others[i].parent, dead);
        }
        dead = node_drop_shadow_locked(table, node, dead);
        struct node *parent = node->parent;
        node_name_remove_locked(table, node, parent, node->name);
        node->parent = dead;
        dead = node;
        node = parent;
    }
    return dead;
}

void node_destroy_chain(struct node *dead)
{
    while (dead != NULL) {
        struct node *next = dead->parent;
        node_destroy(dead);
        dead = next;
    }
}

void node_table_free(struct node_table *table)
{
    if (table == NULL)
        return;
    /* The kernel's claims, grafts and parents refer to each other in any order, so no count is followed here. */
    GHashTable *const all[] = {table->nodes, table->stale};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        GHashTableIter iter;
        gpointer node;
        g_hash_table_iter_init(&iter, all[i]);
        while (g_hash_table_iter_next(&iter, &node, NULL))
            node_destroy(node);
        g_hash_table_destroy(all[i]);
    }
    g_tree_destroy(table->names);
    pthread_mutex_destroy(&table->lock);
    g_free(table);
}

static bool same_file(const struct node *node, const struct node_identity *identity)
{
    if (node->id.kind != identity->kind || node->id.type != identity->type)
        return false;
    return node->id.kind != NODE_ROUTE ||
           (node->id.birth.tv_sec == identity->birth.tv_sec && node->id.birth.tv_nsec == identity->birth.tv_nsec);
}

/* The node of an identity, without a ref. One whose number is used by another file now leaves the table. */
static struct node *find_locked(struct node_table *table, const struct node_identity *identity)
{
    struct node wanted = {.id = *identity};
    struct node *node = g_hash_table_lookup(table->nodes, &wanted);
    if (node != NULL && !same_file(node, identity)) {
        g_hash_table_remove(table->nodes, node);
        g_hash_table_add(table->stale, node);
        node->in_table = false;
        node = NULL;
    }
    return node;
}

void node_changes_begin(struct node_changes *changes)
{
    atomic_fetch_add(&changes->begun, 1);
}

void node_changes_end(struct node_changes *changes)
{
    atomic_fetch_add(&changes->ended, 1);
}

bool node_changes_quiet(const struct node_changes *changes, unsigned *ret_mark)
{
    /* In this order: what has ended by then has begun by then. */
    unsigned ended = atomic_load(&changes->ended);
    *ret_mark = atomic_load(&changes->begun);
    return *ret_mark == ended;
}

bool node_changes_none_since(const struct node_changes *changes, unsigned mark)
{
    return atomic_load(&changes->begun) == mark;
}

/* @name: that it will be given first. */
static struct node *new_node(const struct node_identity *identity, const char *name)
{
    size_t name_size = strlen(name) + 1;
    struct node *node = g_malloc0(sizeof *node + name_size);
    node->id = *identity;
    node->in_table = true;
    memcpy(node->first_name, name, name_size);
    if (identity->kind == NODE_IMAGE && identity->n_layers == 1) {
        node->own_layer = identity->layers[0];
        node->id.layers = &node->own_layer;
    } else if (identity->kind == NODE_IMAGE) {
        node->id.layers = g_memdup2(identity->layers, identity->n_layers * sizeof identity->layers[0]);
    }
    return node;
}

struct node *node_get(struct node_table *table, const struct node_identity *identity, struct node *parent,
                      const char *name)
{
    return node_get_unless(table, identity, parent, name, NULL, 0);
}

struct node *node_get_unless(struct node_table *table, const struct node_identity *identity, struct node *parent,
                             const char *name, const struct node_changes *changes, unsigned mark)
{
    struct node *dead = NULL;
    int stale_fd = -1;
    pthread_mutex_lock(&table->lock);
    /* Asked under the lock, under which a rename moves the node once it is done: one that begins later has the last word. */
    if (changes != NULL && !node_changes_none_since(changes, mark)) {
        pthread_mutex_unlock(&table->lock);
        return NULL;
    }
    struct node *node = find_locked(table, identity);
    if (node == NULL) {
        node = new_node(identity, parent != NULL ? name : "");

        g_hash_table_add(table->nodes, node);
        table->n_alive++;
    }
    node->refs++;
    /* Who looked a file up just before its last name was removed comes too late to give it that name back. */
    if (parent != NULL && !node->gone && (node->parent == NULL || identity->kind == NODE_ROUTE)) {
        while (!identity->has_links && node_count_others(node) > 0) /* removed from outside */
            dead = node_clear_other_locked(table, node, 0, dead);
        dead = node_set_place_locked(table, node, parent, name, identity->has_links, dead);
        /* It can be reached by a name (again). */
        if (node->more != NULL) {
            stale_fd = node->more->held_fd;
            node->more->held_fd = -1;
        }
    }
    pthread_mutex_unlock(&table->lock);
    if (stale_fd >= 0)
        close(stale_fd);
    node_destroy_chain(dead);
    return node;
}

struct node *node_find(struct node_table *table, const struct node_identity *identity)
{
    pthread_mutex_lock(&table->lock);
    struct node *node = find_locked(table, identity);
    if (node != NULL)
        node->refs++;
    pthread_mutex_unlock(&table->lock);
    return node;
}

struct node *node_ref(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    node->refs++;
    pthread_mutex_unlock(&table->lock);
    return node;
}

void node_unref(struct node_table *table, struct node *node)
{
    if (node == NULL)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *dead = node_drop_locked(table, node, NULL);
    pthread_mutex_unlock(&table->lock);
    node_destroy_chain(dead);
}

/* A number for a directory whose own is dead. */
static struct node *new_face_locked(struct node_table *table, struct node *node)
{
    const struct node_identity identity = {.kind = NODE_MADE, .type = S_IFDIR, .shown = node->id.shown};
    struct node *face = new_node(&identity, "");
    face->in_table = false;
    g_hash_table_add(table->stale, face);
    table->n_alive++;
    node->refs++;
    atomic_store_explicit(&node_more_locked(face)->shadow, node, memory_order_release);
    node_more_locked(node)->face = face;
    return face;
}

struct node *node_looked_up(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    struct node *face = node_face_locked(node);
    if (face->is_dead && !node->gone)
        face = new_face_locked(table, node);
    if (face->nlookup++ == 0)
        face->refs++;
    pthread_mutex_unlock(&table->lock);
    return face;
}

void node_forget(struct node_table *table, struct node *node, uint64_t nlookup)
{
    struct node *dead = NULL;
    pthread_mutex_lock(&table->lock);
    if (node->nlookup > 0) {
        node->nlookup -= MIN(nlookup, node->nlookup);
        if (node->nlookup == 0) {
            node->is_dead = false;
            dead = node_drop_locked(table, node, NULL);
        }
    }
    pthread_mutex_unlock(&table->lock);
    node_destroy_chain(dead);
}

bool node_is_gone(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    bool gone = node->gone || (node->id.kind == NODE_ROUTE && atomic_load(&node->id.route->is_given_up));
    pthread_mutex_unlock(&table->lock);
    return gone;
}

void node_hold(struct node_table *table, struct node *node, int fd)
{
    pthread_mutex_lock(&table->lock);
    if (node_held_fd(node) < 0) {
        node_more_locked(node)->held_fd = fd;
        fd = -1;
    }
    pthread_mutex_unlock(&table->lock);
    if (fd >= 0)
        close(fd);
}

int node_held(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    /* dup under the lock: the descriptor may be given up as soon as the lock is. It waits for nothing. */
    int fd = node_held_fd(node) < 0 ? -ENOENT : fcntl(node_held_fd(node), F_DUPFD_CLOEXEC, 0);
    if (fd == -1)
        fd = -errno;
    pthread_mutex_unlock(&table->lock);
    return fd;
}

void node_opened(struct node_table *table, struct node *node, struct node_open *open)
{
    pthread_mutex_lock(&table->lock);
    struct node_open **first = &node_more_locked(node)->opens;
    open->next = *first;
    open->link = first;
    if (*first != NULL)
        (*first)->link = &open->next;
    *first = open;
    pthread_mutex_unlock(&table->lock);
}

void node_closed(struct node_table *table, struct node *node, const struct node_open *open)
{
    (void)node;
    pthread_mutex_lock(&table->lock);
    *open->link = open->next;
    if (open->next != NULL)
        open->next->link = open->link;
    pthread_mutex_unlock(&table->lock);
}

int node_open_copy(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    const struct node_open *open = node->more != NULL ? node->more->opens : NULL;
    int fd = open == NULL || open->fd < 0 ? -ENOENT : fcntl(open->fd, F_DUPFD_CLOEXEC, 0);
    if (fd == -1)
        fd = -errno;
    pthread_mutex_unlock(&table->lock);
    return fd;
}

size_t node_table_size(struct node_table *table)
{
    pthread_mutex_lock(&table->lock);
    size_t n_alive = table->n_alive;
    pthread_mutex_unlock(&table->lock);
    return n_alive;
}
