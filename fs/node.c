#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct node_table {
    pthread_mutex_t lock;
    GHashTable *nodes; /* [lock] by (space, ino), not owned: a node removes itself with its last ref */
    GHashTable *stale; /* [lock] the nodes whose number is another file's by now, by address */
    size_t n_alive;    /* [lock] */
};

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
    return table;
}

static void node_destroy(struct node *node)
{
    if (node->held_fd >= 0)
        close(node->held_fd);
    g_free((uint16_t *)node->id.layers);
    g_free(node->name);
    g_free(node->grafts);
    g_free(node);
}

/*
 * Drops a ref; the nodes that die with it (the node, then perhaps its parents) are chained by their parent pointers, for
 * the caller to destroy when the lock is gone. The chain ends with the first node that lives on.
 */
static struct node *drop_locked(struct node_table *table, struct node *node)
{
    struct node *dead = NULL, **tail = &dead;
    while (node != NULL && --node->refs == 0) {
        g_hash_table_remove(node->in_table ? table->nodes : table->stale, node);
        table->n_alive--;
        struct node *parent = node->parent;
        node->parent = NULL;
        *tail = node;
        tail = &node->parent;
        node = parent;
    }
    return dead;
}

static void destroy_chain(struct node *dead)
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
    pthread_mutex_destroy(&table->lock);
    g_free(table);
}

/* Gives up the node's place. Returns the dead as drop_locked() does. */
static struct node *clear_place_locked(struct node_table *table, struct node *node)
{
    struct node *parent = node->parent;
    node->parent = NULL;
    g_free(node->name);
    node->name = NULL;
    return drop_locked(table, parent);
}

/* Somebody who moves directories of a backing directory from outside while they are looked at can make a directory appear
 * below itself. A chain of parents must end, so such a node goes without a place until it is found again. */
static bool is_below(const struct node *node, const struct node *parent)
{
    for (const struct node *at = parent; at != NULL; at = at->parent)
        if (at == node)
            return true;
    return false;
}

static struct node *set_place_locked(struct node_table *table, struct node *node, struct node *parent, const char *name)
{
    if (node->parent == parent && strcmp(node->name, name) == 0)
        return NULL;
    if (S_ISDIR(node->id.type) && is_below(node, parent))
        return clear_place_locked(table, node);
    parent->refs++;
    struct node *dead = clear_place_locked(table, node);
    node->parent = parent;
    node->name = g_strdup(name);
    return dead;
}

static bool same_file(const struct node *node, const struct node_identity *identity)
{
    return node->id.type == identity->type && node->id.birth.tv_sec == identity->birth.tv_sec &&
           node->id.birth.tv_nsec == identity->birth.tv_nsec;
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
        node = g_new0(struct node, 1);
        node->id = *identity;
        node->id.layers = g_memdup2(identity->layers, identity->n_layers * sizeof identity->layers[0]);
        node->held_fd = -1;
        node->in_table = true;
        g_hash_table_add(table->nodes, node);
        table->n_alive++;
    }
    node->refs++;
    /* Who looked a file up just before its last name was removed comes too late to give it that name back. */
    if (parent != NULL && !node->gone && (node->parent == NULL || identity->kind == NODE_ROUTE)) {
        dead = set_place_locked(table, node, parent, name);
        /* It can be reached by a name (again). */
        stale_fd = node->held_fd;
        node->held_fd = -1;
    }
    pthread_mutex_unlock(&table->lock);
    if (stale_fd >= 0)
        close(stale_fd);
    destroy_chain(dead);
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
    struct node *dead = drop_locked(table, node);
    pthread_mutex_unlock(&table->lock);
    destroy_chain(dead);
}

void node_looked_up(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    if (node->nlookup++ == 0)
        node->refs++;
    pthread_mutex_unlock(&table->lock);
}

void node_forget(struct node_table *table, struct node *node, uint64_t nlookup)
{
    struct node *dead = NULL;
    pthread_mutex_lock(&table->lock);
    if (node->nlookup > 0) {
        node->nlookup -= MIN(nlookup, node->nlookup);
        if (node->nlookup == 0)
            dead = drop_locked(table, node);
    }
    pthread_mutex_unlock(&table->lock);
    destroy_chain(dead);
}

static bool is_route_root(const struct node *node)
{
    return node->id.kind == NODE_ROUTE && (node->parent == NULL || node->parent->id.route != node->id.route);
}

/*
 * Spells the names from below @stop_at_route's root (or the mount's) down to the node. The root of a route is told from a
 * file without a name by its being a graft: its parent is never NULL.
 */
static int spell_locked(const struct node *node, bool inner, char **ret)
{
    size_t length = 0;
    const struct node *at;
    for (at = node; at->parent != NULL && !(inner && is_route_root(at)); at = at->parent)
        length += strlen(at->name) + 1;
    bool nameless = at->parent == NULL && at->id.kind == NODE_ROUTE;
    char *text = g_malloc(length + 1);
    char *end = text + length;
    *end = '\0';
    for (at = node; at->parent != NULL && !(inner && is_route_root(at)); at = at->parent) {
        size_t name_length = strlen(at->name);
        if (*end != '\0' || at != node)
            *--end = '/';
        end -= name_length;
        memcpy(end, at->name, name_length);
    }
    /* One byte more than needed was counted: the first name has no slash before it. */
    memmove(text, end, strlen(end) + 1);
    *ret = text;
    return nameless ? -ESTALE : 0;
}

char *node_path(struct node_table *table, const struct node *node)
{
    char *path;
    pthread_mutex_lock(&table->lock);
    spell_locked(node, false, &path);
    pthread_mutex_unlock(&table->lock);
    return path;
}

int node_inner_path(struct node_table *table, const struct node *node, char **ret)
{
    pthread_mutex_lock(&table->lock);
    int status = spell_locked(node, true, ret);
    pthread_mutex_unlock(&table->lock);
    if (status < 0)
        g_clear_pointer(ret, g_free);
    return status;
}

uint64_t node_parent_number(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    uint64_t number = node->parent != NULL ? node->parent->id.shown : node->id.shown;
    pthread_mutex_unlock(&table->lock);
    return number;
}

void node_moved(struct node_table *table, struct node *node, struct node *parent, const char *name)
{
    pthread_mutex_lock(&table->lock);
    struct node *dead = set_place_locked(table, node, parent, name);
    pthread_mutex_unlock(&table->lock);
    destroy_chain(dead);
}

void node_lost_name(struct node_table *table, struct node *node, struct node *parent, const char *name, bool last,
                    int fd)
{
    struct node *dead = NULL;
    pthread_mutex_lock(&table->lock);
    node->gone = node->gone || last;
    if (last || (node->parent == parent && strcmp(node->name, name) == 0)) {
        dead = clear_place_locked(table, node);
        if (node->held_fd < 0) {
            node->held_fd = fd;
            fd = -1;
        }
    }
    pthread_mutex_unlock(&table->lock);
    if (fd >= 0)
        close(fd);
    destroy_chain(dead);
}

void node_hold(struct node_table *table, struct node *node, int fd)
{
    pthread_mutex_lock(&table->lock);
    if (node->held_fd < 0) {
        node->held_fd = fd;
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
    int fd = node->held_fd < 0 ? -ENOENT : fcntl(node->held_fd, F_DUPFD_CLOEXEC, 0);
    if (fd == -1)
        fd = -errno;
    pthread_mutex_unlock(&table->lock);
    return fd;
}

void node_graft(struct node_table *table, struct node *parent, struct node *child)
{
    pthread_mutex_lock(&table->lock);
    size_t at = 0;
    while (at < parent->n_grafts && strcmp(parent->grafts[at]->name, child->name) != 0)
        at++;
    child->refs++;
    if (at == parent->n_grafts) {
        if (at == 0)
            parent->refs++;
        parent->grafts = g_renew(struct node *, parent->grafts, at + 1);
        parent->n_grafts = at + 1;
    }
    parent->grafts[at] =
        child; /* a route root takes the place of a made directory, whose refs are kept with the table */
    pthread_mutex_unlock(&table->lock);
}

struct node *node_find_graft(const struct node *parent, const char *name)
{
    for (size_t i = 0; i < parent->n_grafts; i++)
        if (strcmp(parent->grafts[i]->name, name) == 0)
            return parent->grafts[i];
    return NULL;
}

size_t node_table_size(struct node_table *table)
{
    pthread_mutex_lock(&table->lock);
    size_t n_alive = table->n_alive;
    pthread_mutex_unlock(&table->lock);
    return n_alive;
}
