#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that are remembered of one file beside the one it goes by; with more, some are found again by looking. */
#define MOST_OTHERS 16

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
    for (size_t i = 0; i < node->n_others; i++)
        g_free(node->others[i].name);
    g_free(node->others);
    g_free(node->grafts);
    while (node->opens != NULL) {
        struct node_open *open = node->opens;
        node->opens = open->next;
        open->release(open);
    }
    g_free(node);
}

/*
 * Drops a ref; the nodes that die with it (the node, then perhaps its parents) are put before @dead, chained by their parent
 * pointers, for the caller to destroy when the lock is gone. Returns the chain.
 */
static struct node *drop_locked(struct node_table *table, struct node *node, struct node *dead)
{
    while (node != NULL && --node->refs == 0) {
        g_hash_table_remove(node->in_table ? table->nodes : table->stale, node);
        table->n_alive--;
        /* Only a file has other names, and no file is a parent: this goes no deeper. */
        for (size_t i = 0; i < node->n_others; i++)
            dead = drop_locked(table, node->others[i].parent, dead);
        struct node *parent = node->parent;
        node->parent = dead;
        dead = node;
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

/* Gives up the node's place. Takes and returns the dead as drop_locked() does. */
static struct node *clear_place_locked(struct node_table *table, struct node *node, struct node *dead)
{
    struct node *parent = node->parent;
    node->parent = NULL;
    g_clear_pointer(&node->name, g_free);
    return drop_locked(table, parent, dead);
}

/* Forgets one of the other names. */
static struct node *clear_other_locked(struct node_table *table, struct node *node, size_t at, struct node *dead)
{
    struct node *parent = node->others[at].parent;
    g_free(node->others[at].name);
    node->n_others--;
    memmove(&node->others[at], &node->others[at + 1], (node->n_others - at) * sizeof node->others[0]);
    return drop_locked(table, parent, dead);
}

static struct node *forget_other_locked(struct node_table *table, struct node *node, const struct node *parent,
                                        const char *name, struct node *dead)
{
    for (size_t i = 0; i < node->n_others; i++)
        if (node->others[i].parent == parent && strcmp(node->others[i].name, name) == 0)
            return clear_other_locked(table, node, i, dead);
    return dead;
}

static bool has_place(const struct node *node, const struct node *parent, const char *name)
{
    return node->parent == parent && node->parent != NULL && strcmp(node->name, name) == 0;
}

/* Somebody who moves directories of a backing directory from outside while they are looked at, or binds one below itself,
 * can make a directory appear below itself. A chain of parents must end, so the place that it has is kept. */
static bool is_below(const struct node *node, const struct node *parent)
{
    for (const struct node *at = parent; at != NULL; at = at->parent)
        if (at == node)
            return true;
    return false;
}

/* Gives the node a place; the one that it had is kept as another name (@keep) or given up. */
static struct node *set_place_locked(struct node_table *table, struct node *node, struct node *parent, const char *name,
                                     bool keep, struct node *dead)
{
    if (has_place(node, parent, name) || (S_ISDIR(node->id.type) && is_below(node, parent)))
        return dead;
    parent->refs++;
    dead = forget_other_locked(table, node, parent, name, dead);
    if (keep && node->parent != NULL) {
        if (node->n_others == MOST_OTHERS)
            dead = clear_other_locked(table, node, 0, dead);
        node->others = g_renew(struct node_place, node->others, node->n_others + 1);
        node->others[node->n_others++] = (struct node_place){node->parent, node->name};
    } else {
        dead = clear_place_locked(table, node, dead);
    }
    node->parent = parent;
    node->name = g_strdup(name);
    return dead;
}

/* Goes by another of its names; false when none is known. */
static bool take_other_locked(struct node *node)
{
    if (node->n_others == 0)
        return false;
    node->n_others--;
    node->parent = node->others[node->n_others].parent;
    node->name = node->others[node->n_others].name;
    return true;
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
        while (!identity->has_links && node->n_others > 0) /* removed from outside */
            dead = clear_other_locked(table, node, 0, dead);
        dead = set_place_locked(table, node, parent, name, identity->has_links, dead);
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
    struct node *dead = drop_locked(table, node, NULL);
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
            dead = drop_locked(table, node, NULL);
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

bool node_place(struct node_table *table, const struct node *node, struct node **ret_parent, char name[NODE_NAME_SIZE])
{
    pthread_mutex_lock(&table->lock);
    bool has = node->parent != NULL && strlen(node->name) < NODE_NAME_SIZE;
    if (has) {
        node->parent->refs++;
        *ret_parent = node->parent;
        strcpy(name, node->name);
    }
    pthread_mutex_unlock(&table->lock);
    return has;
}

uint64_t node_parent_number(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    uint64_t number = node->parent != NULL ? node->parent->id.shown : node->id.shown;
    pthread_mutex_unlock(&table->lock);
    return number;
}

void node_moved(struct node_table *table, struct node *node, const struct node *old_parent, const char *old_name,
                struct node *parent, const char *name)
{
    pthread_mutex_lock(&table->lock);
    bool another = !has_place(node, old_parent, old_name);
    struct node *dead = another ? forget_other_locked(table, node, old_parent, old_name, NULL) : NULL;
    dead = set_place_locked(table, node, parent, name, another, dead);
    pthread_mutex_unlock(&table->lock);
    destroy_chain(dead);
}

size_t node_next_place(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    size_t n_places = node->n_others + (node->parent != NULL);
    if (n_places > 1) {
        struct node_place first = node->others[0], now = {node->parent, node->name};
        memmove(&node->others[0], &node->others[1], (node->n_others - 1) * sizeof first);
        node->others[node->n_others - 1] = now;
        node->parent = first.parent;
        node->name = first.name;
    }
    pthread_mutex_unlock(&table->lock);
    return n_places;
}

void node_lost_name(struct node_table *table, struct node *node, struct node *parent, const char *name, bool last,
                    int fd)
{
    struct node *dead = NULL;
    pthread_mutex_lock(&table->lock);
    node->gone = node->gone || last;
    while (last && node->n_others > 0)
        dead = clear_other_locked(table, node, 0, dead);
    if (last || has_place(node, parent, name)) {
        dead = clear_place_locked(table, node, dead);
        if (!take_other_locked(node) && node->held_fd < 0) {
            node->held_fd = fd;
            fd = -1;
        }
    } else {
        dead = forget_other_locked(table, node, parent, name, dead);
    }
    pthread_mutex_unlock(&table->lock);
    if (fd >= 0)
        close(fd);
    destroy_chain(dead);
}

bool node_is_gone(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    bool gone = node->gone;
    pthread_mutex_unlock(&table->lock);
    return gone;
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

void node_opened(struct node_table *table, struct node *node, struct node_open *open)
{
    pthread_mutex_lock(&table->lock);
    open->next = node->opens;
    node->opens = open;
    pthread_mutex_unlock(&table->lock);
}

void node_closed(struct node_table *table, struct node *node, const struct node_open *open)
{
    pthread_mutex_lock(&table->lock);
    struct node_open **at = &node->opens;
    while (*at != open)
        at = &(*at)->next;
    *at = open->next;
    pthread_mutex_unlock(&table->lock);
}

int node_open_copy(struct node_table *table, const struct node *node)
{
    pthread_mutex_lock(&table->lock);
    int fd = node->opens == NULL || node->opens->fd < 0 ? -ENOENT : fcntl(node->opens->fd, F_DUPFD_CLOEXEC, 0);
    if (fd == -1)
        fd = -errno;
    pthread_mutex_unlock(&table->lock);
    return fd;
}

struct node_shared *node_shared_get(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    struct node_shared *shared = node->shared;
    if (shared != NULL)
        shared->refs++;
    pthread_mutex_unlock(&table->lock);
    return shared;
}

struct node_shared *node_shared_set(struct node_table *table, struct node *node, struct node_shared *mine)
{
    pthread_mutex_lock(&table->lock);
    if (node->shared == NULL)
        node->shared = mine;
    else
        node->shared->refs++;
    struct node_shared *shared = node->shared;
    pthread_mutex_unlock(&table->lock);
    return shared;
}

bool node_shared_put(struct node_table *table, struct node *node, struct node_shared *shared)
{
    pthread_mutex_lock(&table->lock);
    bool last = --shared->refs == 0;
    if (last)
        node->shared = NULL;
    pthread_mutex_unlock(&table->lock);
    return last;
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
