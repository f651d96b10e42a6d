#include "watch_changes.h"

#include <stdbool.h>
#include <string.h>

struct seen {
    uint64_t count;
    enum fact_class class;
    enum fact_because because;
};

struct watch_changes {
    GTree *seen; /* id -> struct seen, both owned */
};

static int compare_ids(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

struct watch_changes *watch_changes_new(void)
{
    struct watch_changes *changes = g_new0(struct watch_changes, 1);
    changes->seen = g_tree_new_full(compare_ids, NULL, g_free, g_free);
    return changes;
}

void watch_changes_free(struct watch_changes *changes)
{
    if (changes == NULL)
        return;
    g_tree_unref(changes->seen);
    g_free(changes);
}

static bool is_changed(const struct seen *seen, const struct fact *fact)
{
    return seen == NULL || seen->count != fact->count || seen->class != fact->class || seen->because != fact->because;
}

GPtrArray *watch_changes_find(struct watch_changes *changes, const GPtrArray *facts)
{
    GPtrArray *found = g_ptr_array_new();
    GTree *seen = g_tree_new_full(compare_ids, NULL, g_free, g_free);
    for (guint i = 0; i < facts->len; i++) {
        struct fact *fact = g_ptr_array_index(facts, i);
        if (is_changed(g_tree_lookup(changes->seen, fact->id), fact))
            g_ptr_array_add(found, fact);
        struct seen *now = g_new(struct seen, 1);
        *now = (struct seen){fact->count, fact->class, fact->because};
        g_tree_insert(seen, g_strdup(fact->id), now);
    }
    g_tree_unref(changes->seen);
    changes->seen = seen;
    return found;
}
