#include "turns.h"

#include <glib.h>
#include <pthread.h>

static void nothing_under_way(void)
{
    struct turns turns = {0};
    for (int i = 0; i < 5; i++)
        g_assert_true(turns_wait(&turns, 0));
}

static void what_is_under_way_is_waited_for(void)
{
    struct turns turns = {0};
    unsigned first = turns_begin(&turns);
    g_assert_false(turns_wait(&turns, 1));
    /* One that began later is of another turn. */
    unsigned second = turns_begin(&turns);
    turns_end(&turns, first);
    g_assert_false(turns_wait(&turns, 1));
    turns_end(&turns, second);
    g_assert_true(turns_wait(&turns, 0));
}

/* A value that readers use without a lock, and that is poisoned when nobody can use it any more. */
struct shared {
    struct turns turns;
    int *_Atomic value;
    atomic_bool ended;
};

static void *read_it(void *data)
{
    struct shared *shared = data;
    while (!atomic_load(&shared->ended)) {
        unsigned turn = turns_begin(&shared->turns);
        const int *value = atomic_load(&shared->value);
        for (int i = 0; i < 50; i++)
            g_assert_cmpint(*(const volatile int *)value, ==, 1);
        turns_end(&shared->turns, turn);
    }
    return NULL;
}

static void readers_are_never_overtaken(void)
{
    struct shared shared = {.value = NULL};
    pthread_t threads[3];
    int values[2] = {1, 1};
    atomic_store(&shared.value, &values[0]);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, read_it, &shared), ==, 0);
    for (int i = 1; i <= 300; i++) {
        int *before = atomic_load(&shared.value), *now = &values[i % 2];
        atomic_store(&shared.value, now);
        g_assert_true(turns_wait(&shared.turns, 60000));
        *before = 2;
        *before = 1;
    }
    atomic_store(&shared.ended, true);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/turns/nothing", nothing_under_way);
    g_test_add_func("/turns/waits", what_is_under_way_is_waited_for);
    g_test_add_func("/turns/readers", readers_are_never_overtaken);
    return g_test_run();
}
