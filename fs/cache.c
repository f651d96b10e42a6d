#include "cache.h"

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

struct cache_entry {
    struct cache_key key;
    void *object;
    size_t weight;
    unsigned users; /* [lock] */
    bool dropped;   /* [lock] not in the table any more; the last user destroys it */
    GList link;     /* [lock] in the queue while users is 0; .data is the entry */
};

struct cache {
    pthread_mutex_t lock;
    size_t capacity;               /* immutable */
    unsigned least;                /* immutable */
    void (*destroy)(void *object); /* immutable */
    GHashTable *table;             /* [lock] of struct cache_entry, by key */
    GQueue idle;                   /* [lock] the longest unused first */
    size_t idle_weight;            /* [lock] */
};

static guint key_hash(gconstpointer data)
{
    const struct cache_key *key = &((const struct cache_entry *)data)->key;
    return (guint)(((key->number ^ ((uint64_t)key->part << 40)) * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const struct cache_key *left = &((const struct cache_entry *)a)->key;
    const struct cache_key *right = &((const struct cache_entry *)b)->key;
    return left->number == right->number && left->part == right->part && left->birth == right->birth;
}

struct cache *cache_new(size_t capacity, unsigned least, void (*destroy)(void *object))
{
    struct cache *cache = g_new0(struct cache, 1);
    pthread_mutex_init(&cache->lock, NULL);
    cache->capacity = capacity;
    cache->least = least;
    cache->destroy = destroy;
    cache->table = g_hash_table_new(key_hash, key_equal);
    g_queue_init(&cache->idle);
    return cache;
}

static void entry_free(const struct cache *cache, struct cache_entry *entry)
{
    if (entry == NULL)
        return;
    cache->destroy(entry->object);
    g_free(entry);
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    GHashTableIter iter;
    gpointer entry;
    g_hash_table_iter_init(&iter, cache->table);
    while (g_hash_table_iter_next(&iter, &entry, NULL))
        entry_free(cache, entry);
    g_hash_table_destroy(cache->table);
    pthread_mutex_destroy(&cache->lock);
    g_free(cache);
}

static struct cache_entry *find_locked(struct cache *cache, struct cache_key key)
{
    struct cache_entry wanted = {.key = key};
    return g_hash_table_lookup(cache->table, &wanted);
}

static void unlink_locked(struct cache *cache, struct cache_entry *entry)
{
    g_queue_unlink(&cache->idle, &entry->link);
    cache->idle_weight -= entry->weight;
}

static struct cache_entry *use_locked(struct cache *cache, struct cache_entry *entry)
{
    if (entry->users++ == 0)
        unlink_locked(cache, entry);
    return entry;
}

struct cache_entry *cache_get(struct cache *cache, struct cache_key key)
{
    pthread_mutex_lock(&cache->lock);
    struct cache_entry *entry = find_locked(cache, key);
    if (entry != NULL)
        use_locked(cache, entry);
    pthread_mutex_unlock(&cache->lock);
    return entry;
}

struct cache_entry *cache_put(struct cache *cache, struct cache_key key, void *object, size_t weight)
{
    struct cache_entry *mine = g_new(struct cache_entry, 1);
    *mine = (struct cache_entry){.key = key, .object = object, .weight = weight, .users = 1, .link = {.data = mine}};
    pthread_mutex_lock(&cache->lock);
    struct cache_entry *entry = find_locked(cache, key);
    if (entry == NULL) {
        g_hash_table_add(cache->table, mine);
        entry = g_steal_pointer(&mine);
    } else {
        use_locked(cache, entry);
    }
    pthread_mutex_unlock(&cache->lock);
    entry_free(cache, mine);
    return entry;
}

void *cache_object(const struct cache_entry *entry)
{
    return entry->object;
}

int cache_fd(const struct cache_entry *entry)
{
    return GPOINTER_TO_INT(entry->object);
}

/* Takes the longest unused out of the cache when the idle ones weigh too much; NULL when they do not. */
static struct cache_entry *shrink_locked(struct cache *cache)
{
    if (cache->idle_weight <= cache->capacity || cache->idle.length <= cache->least)
        return NULL;
    struct cache_entry *entry = cache->idle.head->data;
    unlink_locked(cache, entry);
    g_hash_table_remove(cache->table, entry);
    return entry;
}

void cache_release(struct cache *cache, struct cache_entry *entry)
{
    if (entry == NULL)
        return;
    struct cache_entry *dead = NULL;
    pthread_mutex_lock(&cache->lock);
    if (--entry->users == 0) {
        if (entry->dropped) {
            dead = entry;
        } else {
            g_queue_push_tail_link(&cache->idle, &entry->link);
            cache->idle_weight += entry->weight;
            dead = shrink_locked(cache);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    while (dead != NULL) {
        entry_free(cache, dead);
        pthread_mutex_lock(&cache->lock);
        dead = shrink_locked(cache);
        pthread_mutex_unlock(&cache->lock);
    }
}

/* What has left the table. Returns it to be destroyed, or NULL where its last user does that. */
static struct cache_entry *dropped_locked(struct cache *cache, struct cache_entry *entry)
{
    entry->dropped = true;
    if (entry->users > 0)
        return NULL;
    unlink_locked(cache, entry);
    return entry;
}

void cache_drop(struct cache *cache, struct cache_key key)
{
    struct cache_entry *dead = NULL;
    pthread_mutex_lock(&cache->lock);
    struct cache_entry *entry = find_locked(cache, key);
    if (entry != NULL) {
        g_hash_table_remove(cache->table, entry);
        dead = dropped_locked(cache, entry);
    }
    pthread_mutex_unlock(&cache->lock);
    entry_free(cache, dead);
}

void cache_drop_part(struct cache *cache, uint32_t part)
{
    GQueue dead = G_QUEUE_INIT;
    GHashTableIter iter;
    gpointer data;
    pthread_mutex_lock(&cache->lock);
    g_hash_table_iter_init(&iter, cache->table);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        struct cache_entry *entry = data;
        if (entry->key.part != part)
            continue;
        g_hash_table_iter_remove(&iter);
        if (dropped_locked(cache, entry) != NULL)
            g_queue_push_tail_link(&dead, &entry->link);
    }
    pthread_mutex_unlock(&cache->lock);
    for (GList *link; (link = g_queue_pop_head_link(&dead)) != NULL;)
        entry_free(cache, link->data);
}

static void close_fd(void *object)
{
    close(GPOINTER_TO_INT(object));
}

struct cache *cache_new_fds(size_t capacity)
{
    return cache_new(capacity, 0, close_fd);
}

struct cache_entry *cache_put_fd(struct cache *cache, struct cache_key key, int fd)
{
    return cache_put(cache, key, GINT_TO_POINTER(fd), 1);
}
