#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

/* An object that knows whether it is alive, and what it was made for. */
struct thing {
    uint64_t number;
    atomic_bool alive;
};

static atomic_int n_destroyed;

static void destroy(void *object)
{
    struct thing *thing = object;
    g_assert_true(atomic_exchange(&thing->alive, false));
    atomic_fetch_add(&n_destroyed, 1);
    g_free(thing);
}

static struct thing *thing_new(uint64_t number)
{
    struct thing *thing = g_new0(struct thing, 1);
    thing->number = number;
    atomic_store(&thing->alive, true);
    return thing;
}

static struct cache_key key(uint64_t number)
{
    return (struct cache_key){.number = number};
}

static struct cache *new_cache(size_t capacity)
{
    atomic_store(&n_destroyed, 0);
    return cache_new(capacity, 4, destroy);
}

/* Puts a thing in and gives it up at once. */
static void put_idle(struct cache *cache, uint64_t number, size_t weight)
{
    cache_release(cache, cache_put(cache, key(number), thing_new(number), weight));
}

/* Whether it is kept; looking makes it the newest. */
static bool is_kept(struct cache *cache, uint64_t number)
{
    struct cache_entry *entry = cache_get(cache, key(number));
    if (entry != NULL)
        g_assert_cmpuint(((struct thing *)cache_object(entry))->number, ==, number);
    cache_release(cache, entry);
    return entry != NULL;
}

static void finding(void)
{
    struct cache *cache = new_cache(10);
    g_assert_null(cache_get(cache, key(1)));
    struct thing *thing = thing_new(1);
    struct cache_entry *entry = cache_put(cache, key(1), thing, 1);
    g_assert_true(cache_object(entry) == thing);
    struct cache_entry *again = cache_get(cache, key(1));
    g_assert_true(again == entry);
    g_assert_null(cache_get(cache, (struct cache_key){.number = 1, .part = 1}));
    g_assert_null(cache_get(cache, key(2)));
    cache_release(cache, again);
    cache_release(cache, entry);
    cache_release(cache, NULL);
    g_assert_true(is_kept(cache, 1));
    g_assert_cmpint(n_destroyed, ==, 0);
    cache_free(cache);
    g_assert_cmpint(n_destroyed, ==, 1);
    cache_free(NULL);
}

static void parts_differ(void)
{
    struct cache *cache = new_cache(100);
    for (uint32_t part = 0; part < 20; part++) {
        struct cache_key place = {.number = 7, .part = part};
        cache_release(cache, cache_put(cache, place, thing_new(part), 1));
    }
    for (uint32_t part = 0; part < 20; part++) {
        struct cache_entry *entry = cache_get(cache, (struct cache_key){.number = 7, .part = part});
        g_assert_cmpuint(((struct thing *)cache_object(entry))->number, ==, part);
        cache_release(cache, entry);
    }
    cache_free(cache);
}

/* Two that find nothing and make the same: the first one's is everybody's, and the other is destroyed. */
static void second_put(void)
{
    struct cache *cache = new_cache(10);
    struct thing *first = thing_new(1);
    struct cache_entry *one = cache_put(cache, key(1), first, 1);
    struct cache_entry *two = cache_put(cache, key(1), thing_new(1), 1);
    g_assert_true(one == two);
    g_assert_true(cache_object(two) == first);
    g_assert_cmpint(n_destroyed, ==, 1);
    cache_release(cache, one);
    g_assert_true(atomic_load(&first->alive));
    cache_release(cache, two);
    /* The same where the first one's is idle by now. */
    two = cache_put(cache, key(1), thing_new(1), 1);
    g_assert_true(cache_object(two) == first);
    g_assert_cmpint(n_destroyed, ==, 2);
    cache_release(cache, two);
    cache_free(cache);
    g_assert_cmpint(n_destroyed, ==, 3);
}

static void oldest_go_first(void)
{
    struct cache *cache = new_cache(10);
    for (uint64_t i = 0; i < 10; i++)
        put_idle(cache, i, 1);
    g_assert_cmpint(n_destroyed, ==, 0);
    g_assert_true(is_kept(cache, 0)); /* used again: 1 is the oldest now */
    put_idle(cache, 10, 1);
    g_assert_cmpint(n_destroyed, ==, 1);
    g_assert_false(is_kept(cache, 1));
    g_assert_true(is_kept(cache, 0));
    put_idle(cache, 11, 3); /* 2, 3 and 4 make room */
    g_assert_cmpint(n_destroyed, ==, 4);
    g_assert_false(is_kept(cache, 4));
    g_assert_true(is_kept(cache, 5));
    cache_free(cache);
    g_assert_cmpint(n_destroyed, ==, 12);
}

/* Whoever reads a large directory asks for its listing again and again. */
static void a_few_stay_however_heavy(void)
{
    struct cache *cache = new_cache(10);
    for (uint64_t i = 0; i < 6; i++)
        put_idle(cache, i, 1000);
    g_assert_cmpint(n_destroyed, ==, 2);
    for (uint64_t i = 0; i < 6; i++)
        g_assert_cmpint(is_kept(cache, i), ==, i >= 2);
    /* One that is light does not push more of them out than are too many. */
    put_idle(cache, 6, 1);
    g_assert_cmpint(n_destroyed, ==, 3);
    cache_free(cache);
}

static void used_ones_stay(void)
{
    struct cache *cache = new_cache(4);
    struct cache_entry *entries[20];
    for (uint64_t i = 0; i < G_N_ELEMENTS(entries); i++)
        entries[i] = cache_put(cache, key(i), thing_new(i), 1);
    g_assert_cmpint(n_destroyed, ==, 0);
    for (uint64_t i = 0; i < G_N_ELEMENTS(entries); i++)
        cache_release(cache, entries[i]);
    g_assert_cmpint(n_destroyed, ==, 16);
    cache_free(cache);
    g_assert_cmpint(n_destroyed, ==, 20);
}

static void dropping(void)
{
    struct cache *cache = new_cache(10);
    put_idle(cache, 1, 1);
    cache_drop(cache, key(1));
    g_assert_cmpint(n_destroyed, ==, 1);
    g_assert_null(cache_get(cache, key(1)));
    cache_drop(cache, key(1));
    cache_drop(cache, key(2));

    struct thing *thing = thing_new(2);
    struct cache_entry *entry = cache_put(cache, key(2), thing, 1);
    struct cache_entry *other = cache_get(cache, key(2));
    cache_drop(cache, key(2));
    g_assert_null(cache_get(cache, key(2)));
    /* Another file has the number by now; the first one's users do not see it. */
    struct thing *second = thing_new(2);
    struct cache_entry *later = cache_put(cache, key(2), second, 1);
    g_assert_true(cache_object(later) == second);
    g_assert_true(cache_object(entry) == thing);
    cache_release(cache, entry);
    g_assert_true(atomic_load(&thing->alive));
    cache_release(cache, other);
    g_assert_cmpint(n_destroyed, ==, 2);
    cache_release(cache, later);
    g_assert_true(is_kept(cache, 2));
    g_assert_cmpint(n_destroyed, ==, 2);
    cache_free(cache);
    g_assert_cmpint(n_destroyed, ==, 3);
}

/* What was dropped weighs nothing any more. */
static void weight_of_dropped_ones(void)
{
    struct cache *cache = new_cache(10);
    for (uint64_t i = 0; i < 1000; i++) {
        put_idle(cache, i, 1);
        cache_drop(cache, key(i));
    }
    g_assert_cmpint(n_destroyed, ==, 1000);
    for (uint64_t i = 0; i < 10; i++)
        put_idle(cache, 2000 + i, 1);
    g_assert_cmpint(n_destroyed, ==, 1000);
    cache_free(cache);
}

static void descriptors(void)
{
    struct cache *cache = cache_new_fds(8);
    int fds[20];
    for (uint64_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct cache_entry *entry = cache_put_fd(cache, key(i), fds[i]);
        g_assert_cmpint(cache_fd(entry), ==, fds[i]);
        cache_release(cache, entry);
    }
    int n_open = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        n_open += cache_get(cache, key(i)) != NULL; /* never given up: only what the cache says counts below */
    g_assert_cmpint(n_open, ==, 8);
    cache_free(cache);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        g_assert_true(fcntl(fds[i], F_GETFD) < 0 && errno == EBADF);
}

enum { THREADS = 8, ROUNDS = 40000, NUMBERS = 37 };

/* Uses, makes and drops entries of few numbers, always one that is alive and right. */
static void *hammer(void *data)
{
    struct cache *cache = data;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245 + 12345;
        uint64_t number = (seed >> 16) % NUMBERS;
        if ((seed >> 8) % 16 == 0) {
            cache_drop(cache, key(number));
            continue;
        }
        struct cache_entry *entry = cache_get(cache, key(number));
        if (entry == NULL)
            entry = cache_put(cache, key(number), thing_new(number), 1 + number % 3);
        const struct thing *thing = cache_object(entry);
        g_assert_true(atomic_load(&thing->alive));
        g_assert_cmpuint(thing->number, ==, number);
        if ((seed >> 4) % 8 == 0)
            g_thread_yield();
        g_assert_true(atomic_load(&thing->alive));
        cache_release(cache, entry);
    }
    return NULL;
}

static void threads(void)
{
    struct cache *cache = new_cache(12);
    pthread_t all[THREADS];
    for (int i = 0; i < THREADS; i++)
        g_assert_cmpint(pthread_create(&all[i], NULL, hammer, cache), ==, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
    int kept = 0, destroyed = atomic_load(&n_destroyed);
    for (uint64_t i = 0; i < NUMBERS; i++)
        kept += is_kept(cache, i);
    g_assert_cmpint(atomic_load(&n_destroyed), ==, destroyed);
    g_assert_cmpint(kept, >, 0);
    g_assert_cmpint(kept, <=, 12);
    cache_free(cache);
    g_assert_cmpint(atomic_load(&n_destroyed), ==, destroyed + kept);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cache/finding", finding);
    g_test_add_func("/cache/parts-differ", parts_differ);
    g_test_add_func("/cache/second-put", second_put);
    g_test_add_func("/cache/oldest-go-first", oldest_go_first);
    g_test_add_func("/cache/a-few-stay-however-heavy", a_few_stay_however_heavy);
    g_test_add_func("/cache/used-ones-stay", used_ones_stay);
    g_test_add_func("/cache/dropping", dropping);
    g_test_add_func("/cache/weight-of-dropped-ones", weight_of_dropped_ones);
    g_test_add_func("/cache/descriptors", descriptors);
    g_test_add_func("/cache/threads", threads);
    return g_test_run();
}
