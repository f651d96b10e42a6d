#include "image_view.h"

#include "path.h"
#include "union.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <string.h>

#define MOST_DEPTH 64 /* of a directory whose size is asked for */
#define N_FDS 64

struct image_view {
    struct union_stack *stack;
};

/* Where a look-up has come to. */
struct walk {
    const struct union_stack *stack;
    GString *path;    /* without leading slash, "" = the root */
    GArray *entries;  /* of struct union_entry: the root, then one for each component of the path */
    GQueue rest;      /* components that are still to be walked; owned */
    unsigned n_links; /* followed */
};

int image_view_open(const char *const *layers, size_t n_layers, struct image_view **ret, char **ret_why)
{
    struct union_stack *stack;
    int status = union_open(layers, n_layers, N_FDS, &stack, ret_why);
    if (status < 0)
        return status;
    *ret = g_new(struct image_view, 1);
    (*ret)->stack = stack;
    return 0;
}

void image_view_free(struct image_view *view)
{
    if (view == NULL)
        return;
    union_free(view->stack);
    g_free(view);
}

static void clear_entry(void *entry)
{
    union_entry_clear(entry);
}

/* Puts the components of a path before those that are left. */
static void push_components(struct walk *walk, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (guint i = g_strv_length(parts); i > 0; i--)
        g_queue_push_head(&walk->rest, g_strdup(parts[i - 1]));
}

static int walk_begin(struct walk *walk, const struct image_view *view, const char *path)
{
    struct union_entry root;
    *walk = (struct walk){.stack = view->stack, .path = g_string_new(NULL)};
    walk->entries = g_array_new(FALSE, FALSE, sizeof(struct union_entry));
    g_array_set_clear_func(walk->entries, clear_entry);
    g_queue_init(&walk->rest);
    if (strlen(path) >= PATH_MAX)
        return -ENAMETOOLONG;
    push_components(walk, path);
    int status = union_root(view->stack, &root);
    if (status == 0)
        g_array_append_val(walk->entries, root);
    return status;
}

static void walk_end(struct walk *walk)
{
    g_queue_clear_full(&walk->rest, g_free);
    g_array_unref(walk->entries);
    g_string_free(walk->path, TRUE);
}

static const struct union_entry *walk_top(const struct walk *walk)
{
    return &g_array_index(walk->entries, struct union_entry, walk->entries->len - 1);
}

static struct union_dir walk_dir(const struct walk *walk)
{
    const struct union_entry *top = walk_top(walk);
    return (struct union_dir){.path = walk->path->str, .layers = top->layers, .n_layers = top->n_layers};
}

static void walk_up(struct walk *walk)
{
    if (walk->entries->len == 1)
        return;
    g_array_set_size(walk->entries, walk->entries->len - 1);
    const char *slash = strrchr(walk->path->str, '/');
    g_string_truncate(walk->path, slash != NULL ? (gsize)(slash - walk->path->str) : 0);
}

static int follow_link(struct walk *walk, const struct union_entry *link, const char *name)
{
    g_autofree char *path = walk->path->len > 0 ? g_strconcat(walk->path->str, "/", name, NULL) : g_strdup(name);
    g_autofree char *target = NULL;
    if (++walk->n_links > PATH_LINKS_MAX)
        return -ELOOP;
    int status = union_readlink(walk->stack, path, link->layers[0], &target);
    if (status < 0)
        return status;
    while (*target == '/' && walk->entries->len > 1)
        walk_up(walk);
    push_components(walk, target);
    return 0;
}

/* One component. */
static int walk_step(struct walk *walk, const char *name)
{
    if (*name == '\0' || strcmp(name, ".") == 0)
        return 0;
    if (!S_ISDIR(walk_top(walk)->st.st_mode))
        return -ENOTDIR;
    if (strcmp(name, "..") == 0) {
        walk_up(walk);
        return 0;
    }
    struct union_entry entry;
    const struct union_dir dir = walk_dir(walk);
    int status = union_lookup(walk->stack, &dir, name, &entry);
    if (status < 0)
        return status;
    if (S_ISLNK(entry.st.st_mode)) {
        status = follow_link(walk, &entry, name);
        union_entry_clear(&entry);
        return status;
    }
    g_string_append_printf(walk->path, "%s%s", walk->path->len > 0 ? "/" : "", name);
    g_array_append_val(walk->entries, entry);
    return 0;
}

static int walk_all(struct walk *walk)
{
    while (!g_queue_is_empty(&walk->rest)) {
        g_autofree char *name = g_queue_pop_head(&walk->rest);
        int status = walk_step(walk, name);
        if (status < 0) {
            /* It belongs to what is left: of a missing path the name that is missing. */
            g_queue_push_head(&walk->rest, g_steal_pointer(&name));
            return status;
        }
    }
    return 0;
}

/* The path that was reached, and what is left behind it. */
static char *walk_text(const struct walk *walk)
{
    GString *text = g_string_new("/");
    g_string_append(text, walk->path->str);
    for (const GList *i = walk->rest.head; i != NULL; i = i->next) {
        const char *name = i->data;
        if (*name != '\0' && strcmp(name, ".") != 0)
            g_string_append_printf(text, "%s%s", text->len > 1 ? "/" : "", name);
    }
    return g_string_free(text, FALSE);
}

int image_view_look(const struct image_view *view, const char *path, struct stat *ret, char **ret_canonical)
{
    struct walk walk;
    *ret_canonical = NULL;
    int status = walk_begin(&walk, view, path);
    if (status == 0)
        status = walk_all(&walk);
    if (status == 0)
        *ret = walk_top(&walk)->st;
    if (status == 0 || status == -ENOENT)
        *ret_canonical = walk_text(&walk);
    walk_end(&walk);
    return status;
}

int image_view_list(const struct image_view *view, const char *path, size_t most, char ***ret)
{
    struct walk walk;
    struct union_listing *listing = NULL;
    int status = walk_begin(&walk, view, path);
    if (status == 0)
        status = walk_all(&walk);
    if (status == 0 && !S_ISDIR(walk_top(&walk)->st.st_mode))
        status = -ENOTDIR;
    if (status == 0) {
        const struct union_dir dir = walk_dir(&walk);
        status = union_list(view->stack, &dir, &listing);
    }
    if (status == 0) {
        size_t n = MIN(most, listing->n_names);
        *ret = g_new0(char *, n + 1);
        for (size_t i = 0; i < n; i++)
            (*ret)[i] = g_strdup(listing->names[i].name);
        union_listing_free(listing);
    }
    walk_end(&walk);
    return status;
}

struct count {
    const struct union_stack *stack;
    size_t left;
    uint64_t bytes;
};

static int count_below(struct count *count, const struct union_dir *dir, unsigned depth);

static int count_name(struct count *count, const struct union_dir *dir, const struct union_listing *listing,
                      const struct union_name *name, unsigned depth)
{
    struct union_entry entry;
    int status = union_lookup_listed(count->stack, dir, listing, name, &entry);
    if (status < 0)
        return status;
    count->bytes += S_ISREG(entry.st.st_mode) ? (uint64_t)entry.st.st_size : 0;
    if (S_ISDIR(entry.st.st_mode) && depth < MOST_DEPTH) {
        g_autofree char *path =
            *dir->path != '\0' ? g_strconcat(dir->path, "/", name->name, NULL) : g_strdup(name->name);
        const struct union_dir below = {.path = path, .layers = entry.layers, .n_layers = entry.n_layers};
        status = count_below(count, &below, depth + 1);
    }
    union_entry_clear(&entry);
    return status;
}

static int count_below(struct count *count, const struct union_dir *dir, unsigned depth)
{
    struct union_listing *listing;
    int status = union_list(count->stack, dir, &listing);
    if (status < 0)
        return status;
    for (size_t i = 0; status == 0 && i < listing->n_names && count->left > 0; i++) {
        count->left--;
        status = count_name(count, dir, listing, &listing->names[i], depth);
    }
    union_listing_free(listing);
    return status;
}

int image_view_size(const struct image_view *view, const char *path, size_t most, uint64_t *ret_bytes)
{
    struct walk walk;
    struct count count = {.stack = view->stack, .left = most};
    int status = walk_begin(&walk, view, path);
    if (status == 0)
        status = walk_all(&walk);
    if (status == 0 && !S_ISDIR(walk_top(&walk)->st.st_mode))
        status = -ENOTDIR;
    if (status == 0) {
        const struct union_dir dir = walk_dir(&walk);
        status = count_below(&count, &dir, 0);
    }
    *ret_bytes = count.bytes;
    walk_end(&walk);
    return status;
}
