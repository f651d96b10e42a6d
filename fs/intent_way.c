#include "intent_way.h"

#include "node_face.h"
#include "path.h"

#include <glib.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Beyond that it is left unknown: the path is the caller's, and must not cost more than it is worth. */
#define LOOKUPS_MAX 256

struct way {
    struct tree *tree;
    const struct node *asked;
    bool is_itself; /* the last name is no change of its directory, but what is asked about itself */
    unsigned n_lookups;
    enum intent_way met; /* the most that @asked was so far */
    bool is_whole;       /* the last walk came to the last name, and to what it is of where that is asked about */
};

static bool is_last(const char *rest)
{
    return rest[strspn(rest, "/")] == '\0';
}

/* The directory above, or the same at the root; takes over the ref. */
static struct node *go_up(struct tree *tree, struct node *dir)
{
    struct node *above = node_above(tree->table, dir);
    if (above == NULL)
        return dir;
    node_unref(tree->table, dir);
    return above;
}

/* What is to be walked where a link was met, or NULL; *dir: the root where the link is absolute. Owned. */
static char *follow(struct tree *tree, struct node *link, const char *rest, struct node **dir)
{
    g_autofree char *target = NULL;
    if (tree_readlink(tree, link, &target) < 0 || strlen(target) + strlen(rest) >= PATH_MAX)
        return NULL;
    if (target[0] == '/') {
        node_unref(tree->table, *dir);
        *dir = node_ref(tree->table, tree_root(tree));
    }
    return g_strconcat(target, "/", rest, NULL);
}

static void meet(struct way *way, enum intent_way as)
{
    way->met = MAX(way->met, as);
}

static void walk(struct way *way, struct node *start, const char *path)
{
    struct tree *tree = way->tree;
    struct node *dir = node_ref(tree->table, start);
    g_autofree char *todo = g_strdup(path);
    const char *rest = todo, *at;
    unsigned n_links = 0;
    size_t length;
    way->is_whole = false;
    while ((length = path_next(&rest, &at)) > 0 && length <= NAME_MAX && way->n_lookups++ < LOOKUPS_MAX) {
        char name[NAME_MAX + 1] = "";
        memcpy(name, at, length);
        bool last = is_last(rest);
        if (dir == way->asked)
            meet(way, last && !way->is_itself ? INTENT_WAY_PLACE : INTENT_WAY_THROUGH);
        way->is_whole |= last && !way->is_itself;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            dir = name[1] == '.' ? go_up(tree, dir) : dir;
            way->is_whole |= last;
            if (dir == way->asked && last && way->is_itself)
                meet(way, INTENT_WAY_PLACE);
            continue;
        }
        struct node *child;
        struct stat st;
        if (tree_lookup(tree, dir, name, &child, &st) < 0)
            break;
        way->is_whole |= last;
        if (child == way->asked && last && way->is_itself)
            meet(way, INTENT_WAY_PLACE);
        char *next = S_ISLNK(child->id.type) && n_links++ < PATH_LINKS_MAX ? follow(tree, child, rest, &dir) : NULL;
        if (next != NULL) {
            g_free(todo);
            rest = todo = next;
        } else if (!last && S_ISDIR(child->id.type)) {
            node_unref(tree->table, dir);
            dir = g_steal_pointer(&child);
            continue;
        }
        node_unref(tree->table, child);
        if (next == NULL)
            break;
    }
    node_unref(tree->table, dir);
}

/* The names of a path, those before the last ".." left out; owned by the array, that by the caller. */
static GPtrArray *names_of(const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *at;
    for (size_t length; (length = path_next(&path, &at)) > 0;) {
        g_autofree char *name = g_strndup(at, length);
        if (strcmp(name, "..") == 0)
            g_ptr_array_set_size(names, 0);
        else if (strcmp(name, ".") != 0)
            g_ptr_array_add(names, g_steal_pointer(&name));
    }
    return names;
}

/* Whether the first @n_tail names of @tail are the last ones of the first @n names. */
static bool ends_in(const GPtrArray *names, guint n, const GPtrArray *tail, guint n_tail)
{
    if (n < n_tail)
        return false;
    for (guint i = 0; i < n_tail; i++)
        if (strcmp(names->pdata[n - n_tail + i], tail->pdata[i]) != 0)
            return false;
    return true;
}

/* Whether names lead to their end from a directory; way->met: what was met. */
static bool leads_on(struct way *way, struct node *dir, const char *names)
{
    way->met = INTENT_WAY_ELSEWHERE;
    walk(way, dir, names);
    return way->is_whole;
}

/* Where it is not known what a path begins at: inside, or outside of the mount. */
static enum intent_way by_names(struct way *way, struct node *dir, const char *path)
{
    g_autofree char *own_path = node_path(way->tree->table, dir);
    g_autoptr(GPtrArray) own = names_of(own_path);
    g_autoptr(GPtrArray) names = names_of(path);
    guint n_dirs = names->len - (way->is_itself || names->len == 0 ? 0 : 1);
    if (n_dirs == 0)
        return INTENT_WAY_PERHAPS;
    if (ends_in(own, own->len, names, n_dirs))
        return INTENT_WAY_PLACE;
    g_ptr_array_add(names, NULL);
    g_autofree char *joined = g_strjoinv("/", (char **)names->pdata);
    const char *rest = joined;
    for (guint i = 0; i < n_dirs && way->n_lookups < LOOKUPS_MAX; rest += strlen(names->pdata[i++]) + 1)
        if (leads_on(way, dir, rest))
            return i == 0 && path[0] != '/' ? INTENT_WAY_BEGINS : INTENT_WAY_THROUGH;
    /* By a link that stands elsewhere. */
    rest = joined;
    for (guint i = 0; i < n_dirs && way->n_lookups < LOOKUPS_MAX; rest += strlen(names->pdata[i++]) + 1)
        if (leads_on(way, tree_root(way->tree), rest) && way->met != INTENT_WAY_ELSEWHERE)
            return way->met;
    return ends_in(names, n_dirs, own, own->len) ? INTENT_WAY_PLACE : INTENT_WAY_ELSEWHERE;
}

enum intent_way intent_way(struct tree *tree, struct node *dir, const char *path, bool itself)
{
    struct way way = {.tree = tree, .asked = dir, .is_itself = itself};
    if (path[0] == '/')
        walk(&way, tree_root(tree), path);
    enum intent_way met = way.met;
    /* A path that leads all the way from our root can still begin at another one, and have its place here. */
    if (met == INTENT_WAY_PLACE || (met == INTENT_WAY_THROUGH && way.is_whole))
        return met;
    return MAX(met, by_names(&way, dir, path));
}
