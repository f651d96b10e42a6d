/*
 * What each layer has of a path, and what hides it. The union (union.c, gather()) stops where the layers below do not matter
 * any more; here it is them that are of interest, so the same rules are followed to the bottom.
 */
#include "explain_private.h"

#include "layer.h"
#include "path.h"
#include "whiteout.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#define NOBODY (-1)

struct search {
    const struct union_stack *stack;
    GArray *hiders; /* of struct explain_hider, all that were met */
    bool *is_there; /* by layer: whether it has the directory that is looked into, hidden or not */
    int *hider;     /* by layer: what hides it, or NOBODY */
    char *dir;      /* the directory that is looked into; owned */
};

static int add_hider(struct search *search, enum explain_form form, uint16_t layer, const char *path)
{
    const struct layer *at = union_layer(search->stack, layer);
    struct explain_hider hider = {.form = form, .layer = layer, .path = g_strconcat("/", path, NULL)};
    if (form == EXPLAIN_OPAQUE_ATTRIBUTE)
        hider.attribute = layer_mark(at, path, WHITEOUT_ATTRIBUTE_OPAQUE);
    else if (form == EXPLAIN_WHITEOUT_ATTRIBUTE)
        hider.attribute = layer_mark(at, path, WHITEOUT_ATTRIBUTE_WHITEOUT);
    g_array_append_val(search->hiders, hider);
    return (int)search->hiders->len - 1;
}

static bool has_file(const struct layer *layer, const char *dir, const char *name)
{
    return layer_has_file(layer, &(struct layer_dir){.path = dir}, name) == 1;
}

/* The mark of a layer that hides what layers below it have of a name ("": of the root), or NOBODY. @found: what it has
 * itself, NULL: nothing. */
static int find_mark(struct search *search, uint16_t number, const char *name, const char *path,
                     const struct layer_entry *found)
{
    const struct layer *layer = union_layer(search->stack, number);
    if (found != NULL && found->whiteout)
        return add_hider(search, S_ISCHR(found->st.st_mode) ? EXPLAIN_WHITEOUT_DEVICE : EXPLAIN_WHITEOUT_ATTRIBUTE,
                         number, path);
    if (found != NULL && S_ISDIR(found->st.st_mode)) {
        if (found->opaque)
            return add_hider(search, EXPLAIN_OPAQUE_ATTRIBUTE, number, path);
        if (has_file(layer, path, WHITEOUT_OPAQUE))
            return add_hider(search, EXPLAIN_OPAQUE_FILE, number, path);
    }
    /* It speaks of the layers below only: a name beside it is there. */
    g_autofree char *whiteout = g_strconcat(WHITEOUT_PREFIX, name, NULL);
    return *name != '\0' && has_file(layer, search->dir, whiteout)
               ? add_hider(search, EXPLAIN_WHITEOUT_FILE, number, path)
               : NOBODY;
}

/*
 * Takes what one layer has of a name ("": of the root), as gather() in union.c does; of a layer that is hidden itself its
 * marks alone. @above: the topmost layer that has it as a directory, or NOBODY; updated. Returns what hides the layers
 * below, or NOBODY.
 */
static int take(struct search *search, uint16_t number, const char *name, int *above)
{
    g_autofree char *path = *name != '\0' ? path_join(search->dir, name) : g_strdup("");
    struct layer_entry found;
    bool has =
        layer_find(union_layer(search->stack, number), &(struct layer_dir){.path = search->dir}, name, &found) == 0;
    bool is_hidden = search->hider[number] != NOBODY, is_dir = has && !found.whiteout && S_ISDIR(found.st.st_mode);
    search->is_there[number] = has && !found.whiteout && (is_dir || !is_hidden);
    if (search->is_there[number] && !is_dir) {
        /* A directory over something else: the lower one is gone, and so is all that is below it. */
        if (*above != NOBODY)
            return search->hider[number] = add_hider(search, EXPLAIN_REPLACED, (uint16_t)*above, path);
        return add_hider(search, EXPLAIN_REPLACED, number, path);
    }
    if (is_dir && !is_hidden && *above == NOBODY)
        *above = number;
    return find_mark(search, number, name, path, has ? &found : NULL);
}

/* Whether a layer that something hides already is hidden by a mark that is nearer: without what is above, it would still be
 * hidden. */
static bool is_nearer(const struct search *search, int by, int hider)
{
    const struct explain_hider *new = &g_array_index(search->hiders, struct explain_hider, by);
    return new->form !=
           EXPLAIN_REPLACED &&new->layer < g_array_index(search->hiders, struct explain_hider, hider).layer;
}

/* Looks for one component in all layers, topmost first. */
static void look(struct search *search, const char *name)
{
    int by = NOBODY, above = NOBODY;
    for (size_t i = union_n_layers(search->stack); i-- > 0;) {
        if (by != NOBODY && (search->hider[i] == NOBODY || is_nearer(search, by, search->hider[i])))
            search->hider[i] = by;
        int mine = search->is_there[i] ? take(search, (uint16_t)i, name, &above) : NOBODY;
        if (mine != NOBODY)
            by = mine;
    }
}

/* Moves those hiders that hide something of the path to the explanation. */
static void keep_hiders(const struct search *search, struct explanation *out)
{
    g_autofree int *index = g_new0(int, search->hiders->len + 1);
    out->hiders = g_new0(struct explain_hider, search->hiders->len + 1);
    for (guint i = 0; i < search->hiders->len; i++) {
        struct explain_hider *hider = &g_array_index(search->hiders, struct explain_hider, i);
        bool is_used = false;
        for (size_t j = 0; j < out->n_layers; j++)
            is_used = is_used || out->layers[j].hider == (int)i;
        index[i] = (int)out->n_hiders;
        if (is_used) {
            out->hiders[out->n_hiders++] = *hider;
        } else {
            g_free(hider->path);
            g_free(hider->attribute);
        }
    }
    for (size_t j = 0; j < out->n_layers; j++)
        if (out->layers[j].hider >= 0)
            out->layers[j].hider = index[out->layers[j].hider];
}

static void collect(const struct search *search, const char *path, bool is_routed, struct explanation *out)
{
    size_t n = union_n_layers(search->stack);
    out->layers = g_new0(struct explain_layer, n + 1);
    for (size_t i = n; i-- > 0;) {
        const struct layer *layer = union_layer(search->stack, (uint16_t)i);
        struct layer_entry entry;
        bool is_hidden = search->hider[i] != NOBODY;
        if ((!is_hidden && !search->is_there[i]) || layer_find_path(layer, path, &entry) < 0 || entry.whiteout)
            continue;
        out->layers[out->n_layers++] = (struct explain_layer){
            .number = (uint16_t)i,
            .dir = union_layer_dir(search->stack, (uint16_t)i),
            .st = entry.st,
            .hider = is_hidden   ? search->hider[i]
                     : is_routed ? EXPLAIN_UNDER_ROUTE
                                 : EXPLAIN_SEEN,
        };
    }
}

void explain_layers(const struct union_stack *stack, const char *path, bool is_routed, struct explanation *out)
{
    size_t n = union_n_layers(stack);
    struct search search = {
        .stack = stack,
        .hiders = g_array_new(FALSE, FALSE, sizeof(struct explain_hider)),
        .is_there = g_new(bool, n + 1),
        .hider = g_new(int, n + 1),
        .dir = g_strdup(""),
    };
    for (size_t i = 0; i < n; i++) {
        search.is_there[i] = true;
        search.hider[i] = NOBODY;
    }
    look(&search, "");
    const char *rest = path, *start;
    bool is_metadata = false;
    for (size_t length; !is_metadata && (length = path_next(&rest, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        is_metadata = whiteout_is_metadata_name(name);
        look(&search, name);
        char *inner = path_join(search.dir, name);
        g_free(search.dir);
        search.dir = inner;
    }
    if (!is_metadata)
        collect(&search, path, is_routed, out);
    keep_hiders(&search, out);
    g_array_free(search.hiders, TRUE);
    g_free(search.is_there);
    g_free(search.hider);
    g_free(search.dir);
}
