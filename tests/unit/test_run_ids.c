#include "run_ids.h"

#include <glib.h>
#include <unistd.h>

static void assert_range(const struct run_id_range *range, uint32_t inside, uint32_t outside, uint32_t count)
{
    g_assert_cmpuint(range->inside, ==, inside);
    g_assert_cmpuint(range->outside, ==, outside);
    g_assert_cmpuint(range->count, ==, count);
}

static void test_parse(void)
{
    static const char text[] = "other:100000:65536\n"
                               "app:200000:65536\n"
                               "1000:400000:10\n"
                               "app:500000\n"
                               "app:500000:0\n"
                               "app:x:5\n"
                               "app:4294967000:4000\n"
                               "app:1:2:3\n";
    struct run_id_range ranges[RUN_MOST_RANGES] = {{0, 1000, 1}};
    g_assert_cmpuint(run_ids_parse(text, "app", 1000, ranges, 1), ==, 3);
    assert_range(&ranges[1], 1, 200000, 65536);
    assert_range(&ranges[2], 65537, 400000, 10);
    g_assert_cmpuint(run_ids_parse(text, NULL, 1000, ranges, 1), ==, 2);
    assert_range(&ranges[1], 1, 400000, 10);
    g_assert_cmpuint(run_ids_parse(text, "nobody", 5, ranges, 1), ==, 1);
}

/* More lines than are taken. */
static void test_parse_many(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 100; i++)
        g_string_append_printf(text, "app:%d:1\n", 1000 + i);
    struct run_id_range ranges[RUN_MOST_RANGES];
    g_assert_cmpuint(run_ids_parse(text->str, "app", 1, ranges, 0), ==, RUN_MOST_RANGES);
    assert_range(&ranges[RUN_MOST_RANGES - 1], RUN_MOST_RANGES - 1, 1000 + RUN_MOST_RANGES - 1, 1);
}

static void test_exist(void)
{
    g_assert_true(run_ids_exist(geteuid(), getegid()));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_ids/parse", test_parse);
    g_test_add_func("/run_ids/parse_many", test_parse_many);
    g_test_add_func("/run_ids/exist", test_exist);
    return g_test_run();
}
