/*
 * What a directory is for, by its path alone.
 */
#include "place.h"

static void test_sorts(void)
{
    static const struct {
        const char *directory;
        enum place_sort sort;
    } table[] = {
        {"/", PLACE_SYSTEM},
        {"/etc", PLACE_SYSTEM},
        {"/usr", PLACE_SYSTEM},
        {"/usr/lib/x", PLACE_SYSTEM},
        {"/usr/lib/x/cache", PLACE_PASSING},
        {"/usr/share/x", PLACE_COSTLY},
        {"/usr/src", PLACE_SYSTEM},
        {"/usr/src/app", PLACE_COSTLY},
        {"/usr/local/src/app", PLACE_COSTLY},
        {"/usr/src/app/uploads", PLACE_LASTING},
        {"/usr/local/src/app/db", PLACE_LASTING},
        {"/usr/src/data", PLACE_LASTING},
        {"/usr/src/app/store", PLACE_OTHER},
        {"/usr/src/app/tmp", PLACE_PASSING},
        {"/usr/share/x/data", PLACE_COSTLY},
        {"/etc/x", PLACE_COSTLY},
        {"/etc/ssl/x", PLACE_SYSTEM},
        {"/etc/x/run", PLACE_COSTLY},
        {"/dev", PLACE_RUNTIME},
        {"/dev/shm", PLACE_PASSING},
        {"/dev/shm/x", PLACE_PASSING},
        {"/proc/1", PLACE_RUNTIME},
        {"/etc/hosts", PLACE_RUNTIME},
        {"/var", PLACE_SHARED},
        {"/var/lib", PLACE_SHARED},
        {"/var/lib/x", PLACE_LASTING},
        {"/var/lib/x/tmp", PLACE_PASSING},
        {"/tmp", PLACE_PASSING},
        {"/tmpfoo", PLACE_COSTLY},
        {"/app", PLACE_COSTLY},
        {"/app/data", PLACE_LASTING},
        {"/app/x", PLACE_OTHER},
        {"/data", PLACE_LASTING},
        {"/opt/x", PLACE_COSTLY},
        {"/home/me", PLACE_PASSING},
        {"/home/me/x", PLACE_LASTING},
        {"/root/.npm/x", PLACE_PASSING},
        {"/usr/local/apache2/logs", PLACE_PASSING},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("%s", table[i].directory);
        g_assert_cmpint(place_sort_of(table[i].directory), ==, table[i].sort);
    }
}

/* For those who look at what is declared. */
static void test_declared(void)
{
    static const struct {
        const char *directory;
        bool is_program, is_config, is_wide, is_temporary;
    } table[] = {
        {"/", false, false, true, false},
        {"/usr", true, false, false, false},
        {"/usr/share/x", true, false, false, false},
        {"/usr/src", true, false, false, false},
        {"/usr/src/app", false, false, false, false},
        {"/usr/src/app/store", false, false, false, false},
        {"/usr/local/src/app", false, false, false, false},
        {"/usr/local/apache2/logs", false, false, false, false},
        {"/usr/local/etc/x", false, true, false, false},
        {"/bin", true, false, false, false},
        {"/etc", false, true, false, false},
        {"/etc/ssl/x", false, true, false, false},
        {"/var", false, false, true, false},
        {"/var/www", false, false, true, false},
        {"/var/cache", false, false, true, true},
        {"/var/log", false, false, true, false},
        {"/var/log/x", false, false, false, false},
        {"/var/lib/x", false, false, false, false},
        {"/root", false, false, true, false},
        {"/home/me", false, false, true, false},
        {"/home/me/x", false, false, false, false},
        {"/dev", false, false, true, false},
        {"/dev/shm", false, false, false, true},
        {"/tmp/x", false, false, false, true},
        {"/tmpx", false, false, false, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const char *directory = table[i].directory;
        g_test_message("%s", directory);
        g_assert_cmpint(place_is_program(directory), ==, table[i].is_program);
        g_assert_cmpint(place_is_config(directory), ==, table[i].is_config);
        g_assert_cmpint(place_is_wide(directory), ==, table[i].is_wide);
        g_assert_cmpint(place_is_temporary(directory), ==, table[i].is_temporary);
    }
}

/* As docker takes them: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
static void test_volume_names(void)
{
    static const char *const table[][2] = {
        {"/var/lib/postgresql/data", "postgresql-data"},
        {"/data", "data"},
        {"/data", "data-2"},
        {"/srv/uploads", "uploads"},
        {"/var/spool/uploads", "spool-uploads"},
        {"/var/spool/uploads", "uploads-2"},
        {"/var/spool/q", "spool-q"},
        {"/q", "q-data"},
        {"/srv/-", "srv--"},
        {"/-", "data-3"},
        {"/a/\xc3\xa9t", "t-data"},
    };
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GRegex) dockers =
        g_regex_new("^[a-zA-Z0-9][a-zA-Z0-9_.-]+$", G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const char *name = place_volume_name(table[i][0], taken);
        g_assert_cmpstr(name, ==, table[i][1]);
        g_assert_true(g_regex_match(dockers, name, G_REGEX_MATCH_DEFAULT, NULL));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/place/sorts", test_sorts);
    g_test_add_func("/place/declared", test_declared);
    g_test_add_func("/place/volume-names", test_volume_names);
    return g_test_run();
}
