#include "explain_private.h"

#include "node_face.h"
#include "path.h"
#include "policy.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

#define ACL_MOST 256 /* entries; a file system's own limit is about 30 to 8,000 */

/* Whether a directory may be searched; the first that may not is remembered. */
static void search(struct explain_walk *walk)
{
    struct stat st;
    struct explain_access access;
    if (walk->is_blocked || tree_stat(walk->tree, walk->dir, &st) < 0)
        return;
    walk->is_blocked = !explain_allows(walk, walk->dir, &st, ACCESS_EXECUTE, &access);
    if (walk->is_blocked)
        walk->blocker = access;
    else
        explain_access_clear(&access);
}

/* The directory is @node from now on; takes over the ref. */
static void enter(struct explain_walk *walk, struct node *node)
{
    node_unref(walk->tree->table, walk->dir);
    walk->dir = node;
}

static void go_up(struct explain_walk *walk)
{
    search(walk);
    struct node *above = node_above(walk->tree->table, walk->dir);
    if (above != NULL)
        enter(walk, above);
}

/* The last component, before a link is followed; @node: borrowed, NULL = missing. */
static void note_name(struct explain_walk *walk, const char *name, struct node *node, const struct stat *st)
{
    struct explain_name *out = &walk->name;
    if (out->dir != NULL)
        return;
    out->dir = node_ref(walk->tree->table, walk->dir);
    out->name = g_strdup(name);
    out->node = node != NULL ? node_ref(walk->tree->table, node) : NULL;
    if (node != NULL)
        out->st = *st;
    out->is_blocked = walk->is_blocked;
}

/* Follows a link; takes over *todo and gives back what is to be done now. Returns 0 or -errno. */
static int follow(struct explain_walk *walk, struct node *link, const char *name, char **todo, const char **rest)
{
    struct explanation *out = walk->out;
    g_autofree char *target = NULL;
    int status = out->n_links >= PATH_LINKS_MAX ? -ELOOP : tree_readlink(walk->tree, link, &target);
    if (status < 0)
        return status;
    if (strlen(target) + strlen(*rest) >= PATH_MAX)
        return -ENAMETOOLONG;
    out->links = g_renew(struct explain_link, out->links, out->n_links + 1);
    out->links[out->n_links++] =
        (struct explain_link){.path = explain_text(walk->tree, walk->dir, name), .target = g_strdup(target)};
    if (target[0] == '/')
        enter(walk, node_ref(walk->tree->table, tree_root(walk->tree)));
    char *joined = g_strconcat(target, "/", *rest, NULL);
    g_free(*todo);
    *rest = *todo = joined;
    return 0;
}

static bool is_last(const char *rest)
{
    return rest[strspn(rest, "/")] == '\0';
}

/* Names that follow, up to the first ".."; NULL: none. Owned by the caller. */
static char *plain_names(const char *rest)
{
    GString *names = g_string_new(NULL);
    const char *start;
    for (size_t length; (length = path_next(&rest, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        if (strcmp(name, "..") == 0)
            break;
        if (path_is_name(name))
            g_string_append_printf(names, "%s%s", names->len > 0 ? "/" : "", name);
    }
    return g_string_free(names, names->len == 0);
}

/* Where the way ends before its end. */
static void stop(struct explain_walk *walk, const char *name, const char *rest, int status)
{
    walk->out->status = status;
    walk->out->stopped = explain_text(walk->tree, walk->dir, name);
    walk->rest = plain_names(rest);
}

/* One component. @todo, @rest: as in follow(). Returns false at the end of the way. */
static bool step(struct explain_walk *walk, const char *name, char **todo, const char **rest)
{
    struct node *child = NULL;
    struct stat st;
    search(walk);
    int status = tree_lookup(walk->tree, walk->dir, name, &child, &st);
    if (is_last(*rest))
        note_name(walk, name, child, &st);
    if (child != NULL && S_ISLNK(child->id.type)) {
        status = follow(walk, child, name, todo, rest);
        node_unref(walk->tree->table, child);
        if (status == 0)
            return true;
        child = NULL;
    }
    if (child != NULL && !S_ISDIR(child->id.type) && !is_last(*rest)) {
        node_unref(walk->tree->table, child);
        child = NULL;
        status = -ENOTDIR;
    }
    if (child == NULL) {
        stop(walk, name, *rest, status);
        return false;
    }
    if (S_ISDIR(child->id.type)) {
        enter(walk, child);
        return true;
    }
    walk->node = child;
    walk->st = st;
    return false;
}

static void walk_path(struct explain_walk *walk, const char *path)
{
    char *todo = g_strdup(path);
    const char *rest = todo, *start;
    bool goes_on = true;
    for (size_t length; goes_on && (length = path_next(&rest, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        if (strcmp(name, "..") == 0)
            go_up(walk);
        else if (strcmp(name, ".") != 0)
            goes_on = step(walk, name, &todo, &rest);
    }
    g_free(todo);
    /* What is done in a directory that is there needs it to be searched as well. */
    if (goes_on) {
        search(walk);
        walk->out->status = tree_stat(walk->tree, walk->dir, &walk->st);
        if (walk->out->status == 0)
            walk->node = node_ref(walk->tree->table, walk->dir);
        else
            walk->out->stopped = explain_text(walk->tree, walk->dir, NULL);
    }
}

/* The route's words, and what there is of its backing directory. */
static void tell_route(const struct route *route, struct explanation *out)
{
    struct statvfs fs;
    route_spec_copy(&out->route, &route->spec);
    out->route_target = g_strdup(route->target);
    out->route_native = route->native;
    out->route_backing_read_only = fstatvfs(route->root_fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

static void tell_place(const struct explain_walk *walk)
{
    struct explanation *out = walk->out;
    struct node *node = walk->node != NULL ? walk->node : walk->dir;
    if (walk->node != NULL)
        out->st = walk->st;
    else
        (void)tree_stat(walk->tree, node, &out->st);
    size_t size;
    g_autofree char *acl = explain_acl(walk->tree, node, &size);
    if (acl != NULL) {
        out->acl = g_new(struct access_entry, ACL_MOST);
        out->n_acl = access_entries(acl, size, out->acl, ACL_MOST);
    }
    out->is_learning = policy_is_learned(node);
    if (out->is_learning)
        return;
    switch (node->id.kind) {
    case NODE_IMAGE:
        out->place = EXPLAIN_IN_IMAGE;
        break;
    case NODE_ROUTE:
        out->place = EXPLAIN_IN_ROUTE;
        tell_route(node->id.route, out);
        break;
    case NODE_MADE:
        out->place = EXPLAIN_IN_MEMORY;
        break;
    }
}

static bool has_names(const struct explain_walk *walk)
{
    const struct union_listing *listing;
    struct cache_entry *entry;
    g_autofree char *path = node_path(walk->tree->table, walk->dir);
    /* Of learn mode's layer, what the image has there. */
    struct node *dir =
        policy_is_learned(walk->dir) ? tree_image_at(walk->tree, path, false) : node_ref(walk->tree->table, walk->dir);
    bool is_listed = dir != NULL && tree_list(walk->tree, dir, &listing, &entry) == 0;
    bool has = is_listed ? listing != NULL && listing->n_names > 0 : dir != NULL;
    if (is_listed && entry != NULL)
        tree_list_done(walk->tree, entry);
    node_unref(walk->tree->table, dir);
    return has;
}

/* The path without links: as far as it is there, and then as it is written. */
static char *resolved(const struct explain_walk *walk)
{
    if (walk->node != NULL)
        return explain_text(walk->tree, walk->node, NULL);
    return walk->rest != NULL ? g_strconcat(walk->out->stopped, "/", walk->rest, NULL) : g_strdup(walk->out->stopped);
}

struct explanation *explain_path(struct tree *tree, const char *path, const struct explain_who *who)
{
    struct explanation *out = g_new0(struct explanation, 1);
    struct explain_walk walk = {.tree = tree, .who = who, .out = out, .dir = node_ref(tree->table, tree_root(tree))};
    out->path = g_strdup(path);
    if (strlen(path) >= PATH_MAX) {
        out->status = -ENAMETOOLONG;
        out->stopped = g_strdup("/");
    } else {
        walk_path(&walk, path);
    }
    out->resolved = resolved(&walk);
    out->deepest = explain_text(tree, walk.dir, NULL);
    out->deepest_has_names = has_names(&walk);
    tell_place(&walk);
    explain_layers(tree->stack, out->resolved + 1, out->place == EXPLAIN_IN_ROUTE, out);
    explain_verdicts(&walk);
    explain_access_clear(&walk.blocker);
    node_unref(tree->table, walk.name.node);
    node_unref(tree->table, walk.name.dir);
    node_unref(tree->table, walk.node);
    node_unref(tree->table, walk.dir);
    g_free(walk.name.name);
    g_free(walk.rest);
    return out;
}

void explanation_free(struct explanation *explanation)
{
    if (explanation == NULL)
        return;
    for (size_t i = 0; i < explanation->n_links; i++) {
        g_free(explanation->links[i].path);
        g_free(explanation->links[i].target);
    }
    for (size_t i = 0; i < explanation->n_hiders; i++) {
        g_free(explanation->hiders[i].path);
        g_free(explanation->hiders[i].attribute);
    }
    for (size_t i = 0; i < explanation->n_verdicts; i++) {
        g_free(explanation->verdicts[i].path);
        explain_access_clear(&explanation->verdicts[i].access);
    }
    route_spec_clear(&explanation->route);
    g_free(explanation->route_target);
    g_free(explanation->links);
    g_free(explanation->hiders);
    g_free(explanation->layers);
    g_free(explanation->verdicts);
    g_free(explanation->acl);
    g_free(explanation->path);
    g_free(explanation->resolved);
    g_free(explanation->stopped);
    g_free(explanation->deepest);
    g_free(explanation);
}
