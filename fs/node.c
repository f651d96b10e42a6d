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

/* The part that few nodes need, made when it is first. */
static struct node_more *more_locked(struct node *node)
{
    if (node->more == NULL) {
        node->more = g_new0(struct node_more, 1);
        node->more->held_fd = -1;
    }
    return node->more;
}

static size_t count_others(const struct node *node)
{
    return node->more != NULL ? node->more->n_others : 0;
}

static int held_fd(const struct node *node)
{
    return node->more != NULL ? node->more->held_fd : -1;
}

static void free_name(struct node *node)
{
    if (node->name != node->first_name)
        g_free(node->name);
    node->name = NULL;
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
        g_free(more->grafts);
        while (more->opens != NULL) {
            struct node_open *open = more->opens;
            more->opens = open->next;
            open->release(open);
        }
        g_free(more);
    }
    if (node->id.kind == NODE_IMAGE && node->id.layers != &node->own_layer)
        g_free((uint16_t *)node->id.layers);
    free_name(node);
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
        for (size_t i = 0; i < count_others(node); i++)
            dead = drop_locked(table, node->more->others[i].parent, dead);
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
    free_name(node);
    return drop_locked(table, parent, dead);
}

/* Forgets one of the other names. */
static struct node *clear_other_locked(struct node_table *table, struct node *node, size_t at, struct node *dead)
{
    struct node_more *more = node->more;
    struct node *parent = more->others[at].parent;
    g_free(more->others[at].name);
    more->n_others--;
    memmove(&more->others[at], &more->others[at + 1], (more->n_others - at) * sizeof more->others[0]);
    return drop_locked(table, parent, dead);
}

static struct node *forget_other_locked(struct node_table *table, struct node *node, const struct node *parent,
                                        const char *name, struct node *dead)
{
    for (size_t i = 0; i < count_others(node); i++)
        if (node->more->others[i].parent == parent && strcmp(node->more->others[i].name, name) == 0)
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

/* The place that the node has, whose ref and name are the caller's now. */
static struct node_place take_place(struct node *node)
{
    struct node_place place = {node->parent, node->name != node->first_name ? node->name : g_strdup(node->first_name)};
    node->parent = NULL;
    node->name = NULL;
    return place;
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
        struct node_more *more = more_locked(node);
        if (more->n_others == MOST_OTHERS)
            dead = clear_other_locked(table, node, 0, dead);
        more->others = g_renew(struct node_place, more->others, more->n_others + 1);
        more->others[more->n_others++] = take_place(node);
    } else {
        dead = clear_place_locked(table, node, dead);
    }
    node->parent = parent;
    node->name = strcmp(node->first_name, name) == 0 ? node->first_name : g_strdup(name);
    return dead;
}

/* Goes by another of its names; false when none is known. */
static bool take_other_locked(struct node *node)
{
    if (count_others(node) == 0)
        return false;
    const struct node_place *place = &node->more->others[--node->more->n_others];
    node->parent = place->parent;
    node->name = place->name;
    return true;
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
        while (!identity->has_links && count_others(node) > 0) /* removed from outside */
            dead = clear_other_locked(table, node, 0, dead);
        dead = set_place_locked(table, node, parent, name, identity->has_links, dead);
        /* It can be reached by a name (again). */
        if (node->more != NULL) {
            stale_fd = node->more->held_fd;
            node->more->held_fd = -1;
        }
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
    return node->id.kind == NODE_ROUTE &&
           (node->parent == NULL || node->parent->id.kind != NODE_ROUTE || node->parent->id.route != node->id.route);
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
    size_t n_others = count_others(node), n_places = n_others + (node->parent != NULL);
    if (n_places > 1) {
        struct node_place *others = node->more->others, first = others[0], now = take_place(node);
        memmove(&others[0], &others[1], (n_others - 1) * sizeof first);
        others[n_others - 1] = now;
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
    while (last && count_others(node) > 0)
        dead = clear_other_locked(table, node, 0, dead);
    if (last || has_place(node, parent, name)) {
        dead = clear_place_locked(table, node, dead);
        if (!take_other_locked(node) && held_fd(node) < 0) {
            more_locked(node)->held_fd = fd;
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
    if (held_fd(node) < 0) {
        more_locked(node)->held_fd = fd;
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
    int fd = held_fd(node) < 0 ? -ENOENT : fcntl(held_fd(node), F_DUPFD_CLOEXEC, 0);
    if (fd == -1)
        fd = -errno;
    pthread_mutex_unlock(&table->lock);
    return fd;
}

void node_opened(struct node_table *table, struct node *node, struct node_open *open)
{
    pthread_mutex_lock(&table->lock);
    struct node_more *more = more_locked(node);
    open->next = more->opens;
    more->opens = open;
    pthread_mutex_unlock(&table->lock);
}

void node_closed(struct node_table *table, struct node *node, const struct node_open *open)
{
    pthread_mutex_lock(&table->lock);
    struct node_open **at = &node->more->opens;
    while (*at != open)
        at = &(*at)->next;
    *at = open->next;
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

void node_graft(struct node_table *table, struct node *parent, struct node *child)
{
    pthread_mutex_lock(&table->lock);
    struct node_more *more = more_locked(parent);
    size_t at = 0;
    while (at < more->n_grafts && strcmp(more->grafts[at]->name, child->name) != 0)
        at++;
    child->refs++;
    if (at == more->n_grafts) {
        if (at == 0)
            parent->refs++;
        more->grafts = g_renew(struct node *, more->grafts, at + 1);
        more->n_grafts = at + 1;
    }
    /* A route root takes the place of a made directory, whose refs are kept with the table. */
    more->grafts[at] = child;
    pthread_mutex_unlock(&table->lock);
}

size_t node_n_grafts(const struct node *node)
{
    return node->more != NULL ? node->more->n_grafts : 0;
}

struct node *node_graft_at(const struct node *node, size_t at)
{
    return node->more->grafts[at];
}

struct node *node_find_graft(const struct node *parent, const char *name)
{
    for (size_t i = 0; i < node_n_grafts(parent); i++)
        if (strcmp(node_graft_at(parent, i)->name, name) == 0)
            return node_graft_at(parent, i);
    return NULL;
}

size_t node_table_size(struct node_table *table)
{
    pthread_mutex_lock(&table->lock);
    size_t n_alive = table->n_alive;
    pthread_mutex_unlock(&table->lock);
    return n_alive;
}
