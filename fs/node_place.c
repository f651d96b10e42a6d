/*
 * Where nodes are found: their names, and the paths that these spell.
 */
#include "node_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that are remembered of one file beside the one it goes by; with more, some are found again by looking. */
#define MOST_OTHERS 16

int node_name_compare(const void *a, const void *b, void *data)
{
    (void)data;
    const struct node_name *left = a, *right = b;
    if (left->parent != right->parent)
        return (uintptr_t)left->parent < (uintptr_t)right->parent ? -1 : 1;
    return strcmp(left->name, right->name);
}

void node_name_add_locked(struct node_table *table, struct node *node, const struct node *parent, const char *name)
{
    if (!node->id.by_place)
        return;
    size_t size = strlen(name) + 1;
    struct node_name *entry = g_malloc(sizeof *entry + size);
    *entry = (struct node_name){.parent = parent, .node = node, .name = entry->text};
    memcpy(entry->text, name, size);
    g_tree_replace(table->names, entry, entry);
}

void node_name_remove_locked(struct node_table *table, const struct node *node, const struct node *parent,
                             const char *name)
{
    if (!node->id.by_place || parent == NULL)
        return;
    const struct node_name wanted = {.parent = parent, .name = name};
    const struct node_name *entry = g_tree_lookup(table->names, &wanted);
    if (entry != NULL && entry->node == node)
        g_tree_remove(table->names, &wanted);
}

struct node *node_at(struct node_table *table, const struct node *parent, const char *name)
{
    const struct node_name wanted = {.parent = parent, .name = name};
    pthread_mutex_lock(&table->lock);
    const struct node_name *entry = g_tree_lookup(table->names, &wanted);
    struct node *node = entry != NULL ? entry->node : NULL;
    if (node != NULL)
        node->refs++;
    pthread_mutex_unlock(&table->lock);
    return node;
}

/* Gives up the node's place. Takes and returns the dead as node_drop_locked() does. */
static struct node *node_clear_place_locked(struct node_table *table, struct node *node, struct node *dead)
{
    struct node *parent = node->parent;
    node_name_remove_locked(table, node, parent, node->name);
    node->parent = NULL;
    node_free_name(node);
    return node_drop_locked(table, parent, dead);
}

struct node *node_clear_other_locked(struct node_table *table, struct node *node, size_t at, struct node *dead)
{
    struct node_more *more = node->more;
    struct node *parent = more->others[at].parent;
    node_name_remove_locked(table, node, parent, more->others[at].name);
    g_free(more->others[at].name);
    more->n_others--;
    memmove(&more->others[at], &more->others[at + 1], (more->n_others - at) * sizeof more->others[0]);
    return node_drop_locked(table, parent, dead);
}

static struct node *forget_other_locked(struct node_table *table, struct node *node, const struct node *parent,
                                        const char *name, struct node *dead)
{
    for (size_t i = 0; i < node_count_others(node); i++)
        if (node->more->others[i].parent == parent && strcmp(node->more->others[i].name, name) == 0)
            return node_clear_other_locked(table, node, i, dead);
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

struct node *node_set_place_locked(struct node_table *table, struct node *node, struct node *parent, const char *name,
                                   bool keep, struct node *dead)
{
    if (has_place(node, parent, name) || (S_ISDIR(node->id.type) && is_below(node, parent)))
        return dead;
    parent->refs++;
    dead = forget_other_locked(table, node, parent, name, dead);
    if (keep && node->parent != NULL) {
        struct node_more *more = node_more_locked(node);
        if (more->n_others == MOST_OTHERS)
            dead = node_clear_other_locked(table, node, 0, dead);
        more->others = g_renew(struct node_place, more->others, more->n_others + 1);
        more->others[more->n_others++] = take_place(node);
    } else {
        dead = node_clear_place_locked(table, node, dead);
    }
    node->parent = parent;
    node->name = strcmp(node->first_name, name) == 0 ? node->first_name : g_strdup(name);
    node_name_add_locked(table, node, parent, name);
    return dead;
}

/* Goes by another of its names; false when none is known. */
static bool take_other_locked(struct node *node)
{
    if (node_count_others(node) == 0)
        return false;
    const struct node_place *place = &node->more->others[--node->more->n_others];
    node->parent = place->parent;
    node->name = place->name;
    return true;
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
    bool nameless = at->parent == NULL && at->id.kind == NODE_ROUTE && !at->is_root;
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
    dead = node_set_place_locked(table, node, parent, name, another, dead);
    pthread_mutex_unlock(&table->lock);
    node_destroy_chain(dead);
}

void node_linked(struct node_table *table, struct node *node, struct node *parent, const char *name)
{
    if (!node->id.by_place)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *dead = node_set_place_locked(table, node, parent, name, true, NULL);
    if (!node->is_pinned && !node->gone) {
        node->is_pinned = true;
        node->refs++;
    }
    pthread_mutex_unlock(&table->lock);
    node_destroy_chain(dead);
}

size_t node_next_place(struct node_table *table, struct node *node)
{
    pthread_mutex_lock(&table->lock);
    size_t n_others = node_count_others(node), n_places = n_others + (node->parent != NULL);
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
    struct node *face = node_face_locked(node);
    if (last && S_ISDIR(node->id.type) && face->nlookup > 0)
        face->is_dead = true;
    while (last && node_count_others(node) > 0)
        dead = node_clear_other_locked(table, node, 0, dead);
    if (last || has_place(node, parent, name)) {
        dead = node_clear_place_locked(table, node, dead);
        if (!take_other_locked(node) && node_held_fd(node) < 0) {
            node_more_locked(node)->held_fd = fd;
            fd = -1;
        }
    } else {
        dead = forget_other_locked(table, node, parent, name, dead);
    }
    if (node->gone && node->is_pinned) {
        node->is_pinned = false;
        dead = node_drop_locked(table, node, dead);
    }
    pthread_mutex_unlock(&table->lock);
    if (fd >= 0)
        close(fd);
    node_destroy_chain(dead);
}
