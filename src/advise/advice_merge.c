#include "advice_merge.h"

#include "place.h"

#include <string.h>

/* Every wish is compared with all others. */
#define MOST_WISHES 512

struct advice_wish *advice_wish_new(const char *target, bool is_new, const struct fact *fact)
{
    struct advice_wish *wish = g_new0(struct advice_wish, 1);
    wish->target = g_strdup(target);
    wish->is_new = is_new;
    wish->facts = g_ptr_array_new();
    wish->more = g_ptr_array_new();
    g_ptr_array_add(wish->facts, (gpointer)fact);
    return wish;
}

void advice_wish_free(struct advice_wish *wish)
{
    g_free(wish->target);
    g_ptr_array_unref(wish->facts);
    g_ptr_array_unref(wish->more);
    g_free(wish);
}

static void take_facts(struct advice_wish *wish, const struct advice_wish *from)
{
    for (guint i = 0; i < from->facts->len; i++)
        g_ptr_array_add(wish->facts, g_ptr_array_index(from->facts, i));
    for (guint i = 0; i < from->more->len; i++)
        g_ptr_array_add(wish->more, g_ptr_array_index(from->more, i));
    if (from->fix != NULL)
        g_ptr_array_add(wish->more, (gpointer)from->fix);
    wish->need = MIN(wish->need, from->need);
}

static struct advice_wish *find_target(const GPtrArray *wishes, const char *target)
{
    for (guint i = 0; i < wishes->len; i++) {
        struct advice_wish *wish = g_ptr_array_index(wishes, i);
        if (strcmp(wish->target, target) == 0)
            return wish;
    }
    return NULL;
}

void advice_merge_add(GPtrArray *wishes, struct advice_wish *wish)
{
    struct advice_wish *same = find_target(wishes, wish->target);
    if (same == NULL && wishes->len < MOST_WISHES) {
        g_ptr_array_add(wishes, wish);
        return;
    }
    if (same != NULL) {
        take_facts(same, wish);
        same->is_new &= wish->is_new;
        if (same->fix == NULL) {
            same->fix = wish->fix;
            same->note = wish->note;
        }
    }
    advice_wish_free(wish);
}

struct advice_wish *advice_merge_find(const GPtrArray *wishes, const char *path)
{
    struct advice_wish *found = NULL;
    for (guint i = 0; i < wishes->len; i++) {
        struct advice_wish *other = g_ptr_array_index(wishes, i);
        if (place_is_below(path, other->target) && (found == NULL || strlen(other->target) > strlen(found->target)))
            found = other;
    }
    return found;
}

/* The nearest of a list that a wish lies in, itself not. */
static struct advice_wish *find_above(const GPtrArray *wishes, const struct advice_wish *wish)
{
    g_autofree char *parent = place_parent(wish->target);
    return strcmp(wish->target, "/") != 0 ? advice_merge_find(wishes, parent) : NULL;
}

/* Of what a path is below a directory; owned. */
static char *first_component(const char *path, const char *directory)
{
    const char *rest = path + strlen(directory);
    rest += *rest == '/';
    return g_strndup(rest, strcspn(rest, "/"));
}

static bool has_writer(const struct advice_wish *wish, uid_t uid)
{
    for (guint i = 0; i < wish->facts->len; i++) {
        if (((const struct fact *)g_ptr_array_index(wish->facts, i))->uid == uid)
            return true;
    }
    return false;
}

/* Whether all of a wide place would have to be given to somebody who only wants a part of it. */
static bool opens_to_others(const struct advice_wish *wish, const struct advice_wish *above)
{
    for (guint i = 0; advice_is_wide(above) && i < wish->facts->len; i++) {
        uid_t uid = ((const struct fact *)g_ptr_array_index(wish->facts, i))->uid;
        if (uid != 0 && uid != (uid_t)-1 && !has_writer(above, uid))
            return true;
    }
    return false;
}

/*
 * Whether a place needs no declaration of its own below another one. It does where the other one hides it, and would be
 * spared a copy of the image's content by it.
 */
static bool is_held(const struct advice_input *input, const GPtrArray *wishes, const struct advice_wish *wish,
                    const struct advice_wish *above)
{
    bool has_others = false;
    if (opens_to_others(wish, above))
        return false;
    if (wish->is_new || advice_is_lasting(input, above))
        return advice_is_lasting(input, above) == advice_is_lasting(input, wish) || !advice_is_lasting(input, wish);
    if (advice_is_lasting(input, wish))
        return false;
    g_autofree char *name = first_component(wish->target, above->target);
    if (place_is_dispensable(above->target, name))
        return true;
    bool has_content = advice_has_content(input, above, wishes, &has_others);
    return has_content || !has_others;
}

static void merge_below(const struct advice_input *input, GPtrArray *wishes)
{
    for (guint i = wishes->len; i > 0; i--) {
        struct advice_wish *wish = g_ptr_array_index(wishes, i - 1), *above = find_above(wishes, wish);
        if (above == NULL || !is_held(input, wishes, wish, above))
            continue;
        take_facts(above, wish);
        g_ptr_array_remove_index(wishes, i - 1);
    }
}

static bool is_brother(const struct advice_wish *wish, const char *parent)
{
    g_autofree char *own = place_parent(wish->target);
    return wish->fix == NULL && strcmp(own, parent) == 0;
}

/* The directory that a wish and another one of its kind lie in, if it can take their place; owned. */
static char *find_common(const struct advice_input *input, const GPtrArray *wishes, const struct advice_wish *wish)
{
    g_autofree char *parent = place_parent(wish->target);
    enum place_sort sort = place_sort_of(parent);
    bool is_lasting = advice_is_lasting(input, wish), has_others = false, is_any_new = false;
    unsigned n = 0;
    if (wish->fix != NULL || find_target(wishes, parent) != NULL || (sort != PLACE_PASSING && sort != PLACE_LASTING))
        return NULL;
    for (guint i = 0; i < wishes->len; i++) {
        const struct advice_wish *other = g_ptr_array_index(wishes, i);
        if (!is_brother(other, parent))
            continue;
        if (advice_is_lasting(input, other) != is_lasting)
            return NULL;
        is_any_new |= other->is_new;
        n++;
    }
    g_autoptr(GPtrArray) nobody = g_ptr_array_new();
    struct advice_wish common = {.target = parent, .passes = !is_lasting, .facts = nobody};
    if (n < 2 || advice_is_lasting(input, &common) != is_lasting)
        return NULL;
    /* What else the image has there is not to be opened; nor is one of theirs to be copied for another that it lacks. */
    bool has_content = advice_has_content(input, &common, wishes, &has_others);
    return has_content || (has_others && is_any_new) ? NULL : g_steal_pointer(&parent);
}

static bool merge_brothers(const struct advice_input *input, GPtrArray *wishes)
{
    for (guint i = 0; i < wishes->len; i++) {
        g_autofree char *common = find_common(input, wishes, g_ptr_array_index(wishes, i));
        if (common == NULL)
            continue;
        struct advice_wish *first = g_ptr_array_index(wishes, i);
        for (guint j = wishes->len; j > i + 1; j--) {
            struct advice_wish *other = g_ptr_array_index(wishes, j - 1);
            if (!is_brother(other, common))
                continue;
            take_facts(first, other);
            g_ptr_array_remove_index(wishes, j - 1);
        }
        first->passes = !advice_is_lasting(input, first);
        g_free(first->target);
        first->target = g_steal_pointer(&common);
        first->is_new = false;
        return true;
    }
    return false;
}

void advice_merge(const struct advice_input *input, GPtrArray *wishes)
{
    do {
        merge_below(input, wishes);
    } while (merge_brothers(input, wishes));
}

void advice_merge_covered(GPtrArray *wishes, const GPtrArray *above)
{
    for (guint i = wishes->len; i > 0; i--) {
        struct advice_wish *wish = g_ptr_array_index(wishes, i - 1);
        struct advice_wish *other = find_target(above, wish->target);
        if (other == NULL)
            other = find_above(above, wish);
        if (other == NULL || opens_to_others(wish, other))
            continue;
        take_facts(other, wish);
        g_ptr_array_remove_index(wishes, i - 1);
    }
}
