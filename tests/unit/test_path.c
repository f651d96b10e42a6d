#include "path.h"

#include <glib.h>

static void join(void)
{
    g_autofree char *below_root = path_join("", "etc");
    g_assert_cmpstr(below_root, ==, "etc");
    g_autofree char *below_dir = path_join("usr/lib", "x");
    g_assert_cmpstr(below_dir, ==, "usr/lib/x");
}

static void next(void)
{
    static const char *const expected[] = {"a", "..", "b c"};
    const char *rest = "//a/..///b c//", *start;
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        size_t length = path_next(&rest, &start);
        g_autofree char *name = g_strndup(start, length);
        g_assert_cmpstr(name, ==, expected[i]);
    }
    g_assert_cmpuint(path_next(&rest, &start), ==, 0);
    g_assert_cmpuint(path_next(&rest, &start), ==, 0);
}

static void is_name(void)
{
    g_assert_true(path_is_name("a"));
    g_assert_true(path_is_name("..."));
    g_assert_true(path_is_name(".wh.x"));
    g_assert_false(path_is_name(""));
    g_assert_false(path_is_name("."));
    g_assert_false(path_is_name(".."));
    g_assert_false(path_is_name("a/b"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/path/join", join);
    g_test_add_func("/path/next", next);
    g_test_add_func("/path/is-name", is_name);
    return g_test_run();
}
