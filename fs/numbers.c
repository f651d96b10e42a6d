#include "numbers.h"

#include <glib.h>
#include <pthread.h>

#define OWN_BITS 48
#define OWN_MASK ((UINT64_C(1) << OWN_BITS) - 1)
/* Spaces whose number fits above the own bits; the last one is for numbers from the table. The two uppermost bits are left to
 * an overlayfs over the mount, which tells its layers apart by them (xino). */
#define SPACE_MAX 0x3ffeu
#define TABLE_BASE (UINT64_C(0x3fff) << OWN_BITS)

struct space {
    uint32_t owner;
    dev_t dev;
};

struct large {
    uint32_t space;
    uint64_t ino;
    uint64_t shown;
};

struct numbers {
    pthread_mutex_t lock;
    GArray *spaces;     /* [lock] struct space, only ever appended to */
    GHashTable *larges; /* [lock] struct large by (space, ino); owned */
};

static guint large_hash(gconstpointer data)
{
    const struct large *large = data;
    uint64_t mixed = (large->ino ^ large->space) * UINT64_C(0x9e3779b97f4a7c15);
    return (guint)(mixed >> 32);
}

static gboolean large_equal(gconstpointer a, gconstpointer b)
{
    const struct large *left = a, *right = b;
    return left->space == right->space && left->ino == right->ino;
}

struct numbers *numbers_new(void)
{
    struct numbers *numbers = g_new0(struct numbers, 1);
    pthread_mutex_init(&numbers->lock, NULL);
    numbers->spaces = g_array_new(FALSE, FALSE, sizeof(struct space));
    numbers->larges = g_hash_table_new_full(large_hash, large_equal, NULL, g_free);
    return numbers;
}

void numbers_free(struct numbers *numbers)
{
    if (numbers == NULL)
        return;
    g_hash_table_destroy(numbers->larges);
    g_array_free(numbers->spaces, TRUE);
    pthread_mutex_destroy(&numbers->lock);
    g_free(numbers);
}

uint32_t numbers_space(struct numbers *numbers, uint32_t owner, dev_t dev)
{
    pthread_mutex_lock(&numbers->lock);
    uint32_t space = 0;
    /* From the end: layers on one file system share the newest spaces, and there are few in any case. */
    for (guint i = numbers->spaces->len; i-- > 0 && space == 0;) {
        const struct space *known = &g_array_index(numbers->spaces, struct space, i);
        if (known->owner == owner && known->dev == dev)
            space = i + 1;
    }
    if (space == 0) {
        struct space made = {.owner = owner, .dev = dev};
        g_array_append_val(numbers->spaces, made);
        space = numbers->spaces->len;
    }
    pthread_mutex_unlock(&numbers->lock);
    return space;
}

uint64_t numbers_shown(struct numbers *numbers, uint32_t space, uint64_t ino)
{
    if (ino <= OWN_MASK && space <= SPACE_MAX)
        return (uint64_t)space << OWN_BITS | ino;
    struct large wanted = {.space = space, .ino = ino};
    pthread_mutex_lock(&numbers->lock);
    struct large *large = g_hash_table_lookup(numbers->larges, &wanted);
    if (large == NULL) {
        large = g_memdup2(&wanted, sizeof wanted);
        large->shown = TABLE_BASE | (g_hash_table_size(numbers->larges) + 1);
        g_hash_table_add(numbers->larges, large);
    }
    uint64_t shown = large->shown;
    pthread_mutex_unlock(&numbers->lock);
    return shown;
}

static gboolean has_shown(gpointer key, gpointer value, gpointer data)
{
    (void)value;
    return ((const struct large *)key)->shown == *(const uint64_t *)data;
}

uint32_t numbers_owner(struct numbers *numbers, uint64_t shown)
{
    uint64_t space = shown >> OWN_BITS;
    uint32_t owner = UINT32_MAX;
    pthread_mutex_lock(&numbers->lock);
    const struct large *large = shown >= TABLE_BASE ? g_hash_table_find(numbers->larges, has_shown, &shown) : NULL;
    if (large != NULL)
        space = large->space;
    if (space > 0 && space <= numbers->spaces->len)
        owner = g_array_index(numbers->spaces, struct space, space - 1).owner;
    pthread_mutex_unlock(&numbers->lock);
    return owner;
}
