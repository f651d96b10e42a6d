#include "union.h"

#include "cache.h"
#include "layer.h"
#include "path.h"
#include "whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

struct union_stack {
    struct cache *dirs; /* descriptors of the layers' directories */
    size_t n_layers;
    struct layer layers[]; /* bottom first, as given; immutable */
};

int union_open(const char *const *layers, size_t n_layers, size_t n_fds, struct union_stack **ret, char **ret_why)
{
    if (n_layers > UNION_MAX_LAYERS) {
        *ret_why = g_strdup_printf("%zu layers: more than %d cannot be stacked", n_layers, UNION_MAX_LAYERS);
        return -E2BIG;
    }
    struct union_stack *stack = g_malloc0(sizeof *stack + n_layers * sizeof stack->layers[0]);
    stack->dirs = cache_new_fds(n_fds);
    for (size_t i = 0; i < n_layers; i++) {
        int status = layer_open(&stack->layers[i], layers[i], (uint32_t)i + 1, stack->dirs, ret_why);
        if (status < 0) {
            union_free(stack);
            return status;
        }
        stack->n_layers++;
    }
    *ret = stack;
    return 0;
}

void union_free(struct union_stack *stack)
{
    if (stack == NULL)
        return;
    for (size_t i = 0; i < stack->n_layers; i++)
        layer_close(&stack->layers[i]);
    cache_free(stack->dirs);
    g_free(stack);
}

size_t union_n_layers(const struct union_stack *stack)
{
    return stack->n_layers;
}

const char *union_layer_dir(const struct union_stack *stack, uint16_t layer)
{
    return stack->layers[layer].dir;
}

const struct layer *union_layer(const struct union_stack *stack, uint16_t layer)
{
    return &stack->layers[layer];
}

void union_entry_clear(struct union_entry *entry)
{
    g_free(entry->layers);
    *entry = (struct union_entry){0};
}

/* An entry of the union while the layers are gone through, topmost first. */
struct gathering {
    struct union_entry entry;
    GArray *layers; /* of uint16_t */
};

/* A directory has to be looked into, for what says that it hides what is below. */
static int has_opaque_file(const struct layer *layer, const char *dir, const char *name)
{
    g_autofree char *path = path_join(dir, name);
    return layer_has_file(layer, &(struct layer_dir){.path = path}, WHITEOUT_OPAQUE);
}

/*
 * Takes what one layer has of a name ("": of the directory itself). @below: whether there are layers below to hide.
 * Returns 1 when the layers below do not matter any more, 0 to go on, or -errno.
 */
static int gather(const struct layer *layer, uint16_t number, const struct layer_dir *dir, const char *name, bool below,
                  struct gathering *gathering)
{
    struct layer_entry found;
    int status = layer_find(layer, dir, name, &found);
    if (status == -ENOENT)
        return 0;
    if (status < 0)
        return status;
    if (found.whiteout)
        return 1;
    bool is_dir = S_ISDIR(found.st.st_mode);
    if (gathering->layers->len == 0) {
        gathering->entry.st = found.st;
        gathering->entry.has_xattrs = found.has_xattrs;
    } else if (!is_dir) {
        return 1; /* a directory over something else: the lower one is gone, and so is all that is below it */
    }
    g_array_append_val(gathering->layers, number);
    if (!is_dir || found.opaque)
        return 1;
    return below ? has_opaque_file(layer, dir->path, name) : 0;
}

static int gathered(struct gathering *gathering, int status, struct union_entry *ret)
{
    if (status >= 0 && gathering->layers->len == 0)
        status = -ENOENT;
    if (status < 0) {
        g_array_free(gathering->layers, TRUE);
        return status;
    }
    gathering->entry.n_layers = gathering->layers->len;
    gathering->entry.layers = (uint16_t *)(void *)g_array_free(gathering->layers, FALSE);
    /* overlayfs: a merged directory has one link, as counting would mean reading it (ovl_getattr). */
    if (gathering->entry.n_layers > 1)
        gathering->entry.st.st_nlink = 1;
    *ret = gathering->entry;
    return 0;
}

static struct gathering gathering_new(void)
{
    return (struct gathering){.layers = g_array_sized_new(FALSE, FALSE, sizeof(uint16_t), 1)};
}

int union_root(const struct union_stack *stack, struct union_entry *ret)
{
    struct gathering gathering = gathering_new();
    int status = 0;
    for (size_t i = stack->n_layers; i-- > 0 && status == 0;)
        status = gather(&stack->layers[i], (uint16_t)i, &(struct layer_dir){.path = ""}, "", i > 0, &gathering);
    return gathered(&gathering, status, ret);
}

int union_lookup(const struct union_stack *stack, const struct union_dir *dir, const char *name,
                 struct union_entry *ret)
{
    if (whiteout_is_metadata_name(name))
        return -ENOENT;
    struct layer_dir place = {.path = dir->path, .number = dir->number};
    g_autofree char *whiteout = dir->n_layers > 1 ? g_strconcat(WHITEOUT_PREFIX, name, NULL) : NULL;
    struct gathering gathering = gathering_new();
    int status = 0;
    for (size_t i = 0; i < dir->n_layers && status == 0; i++) {
        const struct layer *layer = &stack->layers[dir->layers[i]];
        bool below = i + 1 < dir->n_layers;
        status = gather(layer, dir->layers[i], &place, name, below, &gathering);
        /* ".wh.NAME" speaks of the layers below only: a NAME beside it is there. */
        if (status == 0 && below)
            status = layer_has_file(layer, &place, whiteout);
    }
    return gathered(&gathering, status, ret);
}

int union_lookup_listed(const struct union_stack *stack, const struct union_dir *dir,
                        const struct union_listing *listing, const struct union_name *name, struct union_entry *ret)
{
    struct layer_dir place = {.path = dir->path, .number = dir->number};
    struct gathering gathering = gathering_new();
    int status = 0;
    for (size_t i = 0; i < name->n_layers && status == 0; i++) {
        uint16_t layer = listing->layers[name->layers + i];
        bool below = i + 1 < name->n_layers;
        status = gather(&stack->layers[layer], layer, &place, name->name, below, &gathering);
    }
    return gathered(&gathering, status, ret);
}

bool union_is_stacked(const struct union_stack *stack)
{
    for (size_t i = 0; i < stack->n_layers; i++)
        if (stack->layers[i].is_stacked)
            return true;
    return false;
}

int union_stat(const struct union_stack *stack, const struct union_dir *dir, const char *name, uint16_t layer,
               size_t n_layers, struct stat *ret)
{
    struct layer_entry found;
    struct layer_dir place = {.path = dir->path, .number = dir->number};
    int status = layer_find(&stack->layers[layer], &place, name, &found);
    if (status < 0)
        return status;
    *ret = found.st;
    if (n_layers > 1)
        ret->st_nlink = 1;
    return 0;
}

/* A name as some layer of the directory has it, while they are merged. */
struct candidate {
    struct layer_name name; /* owns the text */
    uint32_t order;         /* 0 = topmost layer of the directory */
};

struct merging {
    GArray *candidates;
    uint32_t order;
};

static int add_candidate(void *data, struct layer_name *name)
{
    struct merging *merging = data;
    struct candidate candidate = {.name = *name, .order = merging->order};
    g_array_append_val(merging->candidates, candidate);
    return 0;
}

/* By name; then topmost first; then, in one layer, the entry before the ".wh." file that speaks of the layers below. */
static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    int difference = strcmp(left->name.name, right->name.name);
    if (difference != 0)
        return difference;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return (int)left->name.whiteout - (int)right->name.whiteout;
}

/*
 * Of the candidates of one name those layers that make it up: the topmost, and, where that is a directory, the directories
 * below it down to whatever hides the rest. None where the topmost is a whiteout.
 */
static size_t count_layers(const struct candidate *candidates, size_t n)
{
    if (candidates[0].name.whiteout)
        return 0;
    size_t n_layers = 1;
    if (candidates[0].name.type != DT_DIR)
        return n_layers;
    while (n_layers < n && !candidates[n_layers].name.whiteout && candidates[n_layers].name.type == DT_DIR)
        n_layers++;
    return n_layers;
}

static size_t count_same(const struct candidate *candidates, size_t n)
{
    size_t n_same = 1;
    while (n_same < n && strcmp(candidates[0].name.name, candidates[n_same].name.name) == 0)
        n_same++;
    return n_same;
}

/* Makes the listing of sorted candidates; takes over the texts that it uses, and frees the others. */
static struct union_listing *merge(const struct union_dir *dir, struct candidate *all, size_t n_all)
{
    struct union_listing *listing = g_malloc(sizeof *listing + n_all * sizeof listing->names[0]);
    g_autoptr(GArray) layers = g_array_sized_new(FALSE, FALSE, sizeof(uint16_t), (guint)n_all);
    listing->n_names = 0;
    for (size_t i = 0, n_same; i < n_all; i += n_same) {
        n_same = count_same(&all[i], n_all - i);
        size_t n_layers = count_layers(&all[i], n_same);
        struct layer_name *name = &all[i].name;
        if (n_layers > 0)
            listing->names[listing->n_names++] = (struct union_name){
                .name = g_steal_pointer(&name->name),
                .ino = name->ino,
                .dev = name->dev,
                .layers = layers->len,
                .n_layers = (uint16_t)n_layers,
                .type = name->type,
            };
        for (size_t j = 0; j < n_layers; j++)
            g_array_append_val(layers, dir->layers[all[i + j].order]);
        for (size_t j = 0; j < n_same; j++)
            g_free(all[i + j].name.name);
    }
    listing->layers = (uint16_t *)(void *)g_array_free(g_steal_pointer(&layers), FALSE);
    return g_realloc(listing, sizeof *listing + listing->n_names * sizeof listing->names[0]);
}

int union_list(const struct union_stack *stack, const struct union_dir *dir, struct union_listing **ret)
{
    struct layer_dir place = {.path = dir->path, .number = dir->number};
    struct merging merging = {.candidates = g_array_new(FALSE, FALSE, sizeof(struct candidate))};
    int status = 0;
    for (size_t i = 0; i < dir->n_layers && status == 0; i++) {
        merging.order = (uint32_t)i;
        status = layer_list(&stack->layers[dir->layers[i]], &place, add_candidate, &merging);
    }
    struct candidate *all = (struct candidate *)(void *)merging.candidates->data;
    size_t n_all = merging.candidates->len;
    if (status == 0) {
        if (n_all > 1)
            qsort(all, n_all, sizeof all[0], compare_candidates);
        *ret = merge(dir, all, n_all);
    } else {
        for (size_t i = 0; i < n_all; i++)
            g_free(all[i].name.name);
    }
    g_array_free(merging.candidates, TRUE);
    return status;
}

static int compare_name(const void *key, const void *element)
{
    return strcmp(key, ((const struct union_name *)element)->name);
}

const struct union_name *union_listing_find(const struct union_listing *listing, const char *name)
{
    return bsearch(name, listing->names, listing->n_names, sizeof listing->names[0], compare_name);
}

void union_listing_free(struct union_listing *listing)
{
    if (listing == NULL)
        return;
    for (size_t i = 0; i < listing->n_names; i++)
        g_free(listing->names[i].name);
    g_free(listing->layers);
    g_free(listing);
}

int union_open_file(const struct union_stack *stack, const char *path, uint16_t layer, int flags)
{
    return layer_open_file(&stack->layers[layer], path, flags);
}

int union_readlink(const struct union_stack *stack, const char *path, uint16_t layer, char **ret)
{
    return layer_readlink(&stack->layers[layer], path, ret);
}

ssize_t union_getxattr(const struct union_stack *stack, const char *path, uint16_t layer, const char *name, void *value,
                       size_t size)
{
    return layer_getxattr(&stack->layers[layer], path, name, value, size);
}

ssize_t union_listxattr(const struct union_stack *stack, const char *path, uint16_t layer, char *names, size_t size)
{
    return layer_listxattr(&stack->layers[layer], path, names, size);
}

int union_statfs(const struct union_stack *stack, uint16_t layer, struct statvfs *ret)
{
    return fstatvfs(stack->layers[layer].root_fd, ret) < 0 ? -errno : 0;
}
