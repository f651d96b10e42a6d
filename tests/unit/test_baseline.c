/* The gate's file: stable, readable, and refused where it is none. */
#include "app_error.h"
#include "baseline.h"
#include "fact.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void free_fact(void *fact)
{
    fact_free(fact);
}

static void add_fact(GPtrArray *facts, const char *executable, const char *place, bool learned)
{
    struct fact *fact = fact_new();
    fact->executable = g_strdup(executable);
    g_free(fact->place);
    fact->place = g_strdup(place);
    fact->why = DENIAL_NOT_DECLARED;
    fact->learned = learned;
    g_ptr_array_add(facts, fact);
}

static GPtrArray *some_facts(void)
{
    GPtrArray *facts = g_ptr_array_new_with_free_func(free_fact);
    add_fact(facts, "/usr/bin/sed", "/etc/sed*", false);
    add_fact(facts, "/usr/bin/node", "/tmp/*.sh", false);
    add_fact(facts, "/usr/bin/node", "/tmp/\xff", false);
    return facts;
}

static char *path_in(const char *directory, const char *name)
{
    return g_build_filename(directory, name, NULL);
}

static void test_order_and_learned(void)
{
    g_autoptr(GPtrArray) facts = some_facts();
    g_autoptr(GPtrArray) places = baseline_from_facts(facts);
    g_autofree char *text = baseline_text(places);
    add_fact(facts, "/usr/bin/sed", "/etc/sed*", true);
    struct fact *first = g_ptr_array_index(facts, 0);
    first->pid = 77;
    first->count = 1000;
    g_ptr_array_set_free_func(facts, NULL);
    g_autoptr(GPtrArray) other = g_ptr_array_new_with_free_func(free_fact);
    for (guint i = facts->len; i > 0; i--)
        g_ptr_array_add(other, facts->pdata[i - 1]);
    g_autoptr(GPtrArray) again = baseline_from_facts(other);
    g_autofree char *same = baseline_text(again);
    g_assert_cmpstr(text, ==, same);
    g_assert_cmpuint(places->len, ==, 3);
}

static void test_file(void)
{
    g_autofree char *directory = g_dir_make_tmp("baseline-XXXXXX", NULL);
    g_autofree char *path = path_in(directory, "b.json");
    g_autofree char *link = path_in(directory, "link");
    g_autoptr(GPtrArray) facts = some_facts();
    g_autoptr(GPtrArray) places = baseline_from_facts(facts);
    GError *error = NULL;
    g_assert_null(baseline_read(path, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "--update"));
    g_clear_error(&error);
    g_assert_true(baseline_write(path, places, &error));
    /* The link stays one. */
    g_assert_cmpint(symlink("b.json", link), ==, 0);
    g_assert_true(baseline_write(link, places, &error));
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    g_autoptr(GPtrArray) read = baseline_read(path, &error);
    g_assert_no_error(error);
    g_autofree char *before = baseline_text(places), *after = baseline_text(read);
    g_assert_cmpstr(before, ==, after);
    g_autofree char *nowhere = path_in(directory, "none/b.json");
    g_assert_false(baseline_write(nowhere, places, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_clear_error(&error);
    g_unlink(link);
    g_unlink(path);
    g_rmdir(directory);
}

static void test_no_baseline(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"schema\": \"rofuse.baseline/2\", \"places\": []}",
        "{\"schema\": \"rofuse.baseline/1\", \"places\": {}}",
        "{\"schema\": \"rofuse.baseline/1\", \"places\": [1]}",
        "{\"schema\": \"rofuse.baseline/1\", \"places\": [{\"place\": \"/x\", \"program\": \"y\"}]}",
        "{\"schema\": \"rofuse.baseline/1\", \"places\": [], \"places\": []}",
    };
    g_autofree char *directory = g_dir_make_tmp("baseline-XXXXXX", NULL);
    g_autofree char *path = path_in(directory, "b.json");
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        GError *error = NULL;
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        g_assert_null(baseline_read(path, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, path));
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
    }
    g_unlink(path);
    g_rmdir(directory);
}

/* What --baseline names by a slip of the hand is not lost; an empty file and a baseline of another version are written. */
static void test_written_over(void)
{
    static const struct {
        const char *text;
        bool is_written;
    } cases[] = {
        {"", true},
        {"{\"schema\": \"rofuse.baseline/2\", \"places\": {}}", true},
        {"services: {}\n", false},
        {"{\"schema\": \"rofuse.facts/1\", \"facts\": []}", false},
        {"[]", false},
    };
    g_autofree char *directory = g_dir_make_tmp("baseline-XXXXXX", NULL);
    g_autofree char *path = path_in(directory, "b.json");
    g_autoptr(GPtrArray) facts = some_facts();
    g_autoptr(GPtrArray) places = baseline_from_facts(facts);
    g_autofree char *written = baseline_text(places);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *now = NULL;
        g_assert_true(g_file_set_contents(path, cases[i].text, -1, NULL));
        g_assert_cmpint(baseline_write(path, places, &error), ==, cases[i].is_written);
        if (!cases[i].is_written)
            g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        g_assert_true(g_file_get_contents(path, &now, NULL, NULL));
        g_assert_cmpstr(now, ==, cases[i].is_written ? written : cases[i].text);
    }
    g_unlink(path);
    g_rmdir(directory);
}

static void test_missing(void)
{
    g_autoptr(GPtrArray) facts = some_facts();
    g_autoptr(GPtrArray) known = baseline_from_facts(facts);
    add_fact(facts, "/usr/bin/node", "/aaa", false);
    add_fact(facts, "/usr/bin/other", "/etc/sed*", false);
    add_fact(facts, "/usr/bin/node", "/zzz", false);
    g_autoptr(GPtrArray) now = baseline_from_facts(facts);
    g_autoptr(GPtrArray) new = baseline_new(known, now);
    g_assert_cmpuint(new->len, ==, 3);
    g_assert_cmpstr(((struct baseline_place *)new->pdata[0])->place, ==, "/aaa");
    g_assert_cmpstr(((struct baseline_place *)new->pdata[1])->program, ==, "/usr/bin/other");
    g_assert_cmpstr(((struct baseline_place *)new->pdata[2])->place, ==, "/zzz");
    g_autoptr(GPtrArray) gone = baseline_gone(known, now);
    g_assert_cmpuint(gone->len, ==, 0);
}

/* Six names are one pattern, five are not: a run in which the program made fewer is no other program. */
static void test_patterns(void)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(free_fact);
    g_autoptr(GPtrArray) later = g_ptr_array_new_with_free_func(free_fact);
    add_fact(facts, "/usr/bin/node", "/data/*", false);
    add_fact(facts, "/usr/bin/node", "/srv/**", false);
    add_fact(later, "/usr/bin/node", "/data/one", false);
    add_fact(later, "/usr/bin/node", "/data/one/two", false);
    add_fact(later, "/usr/bin/other", "/data/one", false);
    g_autoptr(GPtrArray) known = baseline_from_facts(facts);
    g_autoptr(GPtrArray) now = baseline_from_facts(later);
    g_autoptr(GPtrArray) new = baseline_new(known, now);
    g_assert_cmpuint(new->len, ==, 2);
    g_assert_cmpstr(((struct baseline_place *)new->pdata[0])->program, ==, "/usr/bin/other");
    g_assert_cmpstr(((struct baseline_place *)new->pdata[1])->place, ==, "/data/one/two");
    g_autoptr(GPtrArray) gone = baseline_gone(known, now);
    g_assert_cmpuint(gone->len, ==, 1);
    g_assert_cmpstr(((struct baseline_place *)gone->pdata[0])->place, ==, "/srv/**");
}

/* Of the names that a pattern stands for, those that a run happened to have are no part of the file. */
static void test_covered(void)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(free_fact);
    add_fact(facts, "/usr/bin/node", "/tmp/abcdefgh", true);
    add_fact(facts, "/usr/bin/node", "/tmp/*", true);
    add_fact(facts, "/usr/bin/node", "/tmp/*", false);
    add_fact(facts, "/usr/bin/node", "/tmp/stuvwxyz", false);
    add_fact(facts, "/usr/bin/other", "/tmp/abcdefgh", true);
    g_autoptr(GPtrArray) places = baseline_from_facts(facts);
    g_assert_cmpuint(places->len, ==, 2);
    g_assert_cmpstr(((struct baseline_place *)places->pdata[0])->place, ==, "/tmp/*");
    g_assert_cmpstr(((struct baseline_place *)places->pdata[1])->program, ==, "/usr/bin/other");
    /* A name of an older file is not gone while there is a pattern for it. */
    g_ptr_array_remove_range(facts, 1, 2);
    g_autoptr(GPtrArray) older = baseline_from_facts(facts);
    g_autoptr(GPtrArray) gone = baseline_gone(older, places);
    g_assert_cmpuint(gone->len, ==, 0);
}

static void assert_left(const char *path, const char *word)
{
    g_autoptr(GPtrArray) facts = some_facts();
    g_autoptr(GPtrArray) places = baseline_from_facts(facts);
    g_autoptr(GError) error = NULL;
    g_assert_false(baseline_write(path, places, &error));
    g_assert_nonnull(strstr(error->message, word));
    g_assert_nonnull(strstr(error->message, path));
}

/* Root could put a regular file in the place of each: of a device like /dev/null, too. */
static void test_no_regular_file(void)
{
    g_autofree char *directory = g_dir_make_tmp("baseline-XXXXXX", NULL);
    g_autofree char *fifo = path_in(directory, "fifo"), *link = path_in(directory, "link");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_left(fifo, "is no regular file and is not written over");
    g_assert_false(g_file_test(fifo, G_FILE_TEST_IS_REGULAR));
    g_assert_cmpint(symlink("fifo", link), ==, 0);
    assert_left(link, "is no regular file");
    g_unlink(fifo);
    assert_left(link, "is a symbolic link to what is not there");
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    assert_left(directory, "is no regular file");
    /* A regular file that not even root can read from its beginning. */
    assert_left("/proc/self/mem", "is there, cannot be read (");
    g_unlink(link);
    g_rmdir(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/baseline/order-and-learned", test_order_and_learned);
    g_test_add_func("/baseline/file", test_file);
    g_test_add_func("/baseline/no-baseline", test_no_baseline);
    g_test_add_func("/baseline/written-over", test_written_over);
    g_test_add_func("/baseline/no-regular-file", test_no_regular_file);
    g_test_add_func("/baseline/missing", test_missing);
    g_test_add_func("/baseline/patterns", test_patterns);
    g_test_add_func("/baseline/covered", test_covered);
    return g_test_run();
}
