#include "app_error.h"
#include "compose.h"
#include "compose_files.h"
#include "compose_words.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *text;
    const char *words; /* each in <>; NULL: an error */
} commands[] = {
    {"", ""},
    {"  \t\n ", ""},
    {"a", "<a>"},
    {" a  b\tc\nd ", "<a><b><c><d>"},
    {"a 'b c' \"d e\"", "<a><b c><d e>"},
    {"a'b'\"c\"d", "<abcd>"},
    {"'' \"\"", "<><>"},
    {"a\\ b \\'c", "<a b><'c>"},
    {"\"a\\\"b\\\\c\\$d\\`e\\n\"", "<a\"b\\c$d`e\\n>"},
    {"'a\\b'", "<a\\b>"},
    {"a \\\n b", "<a><b>"},
    {"a\\\nb", "<ab>"},
    {"\"a\\\nb\"", "<ab>"},
    {"a #b $C *", "<a><#b><$C><*>"},
    {"sh -c 'exec \"$0\" | cat'", "<sh><-c><exec \"$0\" | cat>"},
    {"a 'b", NULL},
    {"a \"b\\\"", NULL},
    {"a\\", NULL},
};

static void test_words(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const char *message = NULL;
        g_auto(GStrv) words = compose_words_split(commands[i].text, &message);
        g_assert_true((words == NULL) == (commands[i].words == NULL));
        g_assert_true((words == NULL) == (message != NULL));
        if (words == NULL)
            continue;
        g_autoptr(GString) text = g_string_new(NULL);
        for (char **word = words; *word != NULL; word++)
            g_string_append_printf(text, "<%s>", *word);
        g_assert_cmpstr(text->str, ==, commands[i].words);
    }
}

static void test_projects(void)
{
    static const struct {
        const char *directory, *name;
    } all[] = {{"/srv/shop", "shop"},     {"/srv/My Shop.v2", "myshopv2"}, {"/srv/_-x_y-z", "x_y-z"},
               {"/srv/9lives", "9lives"}, {"/srv/\xc3\xa9t\xc3\xa9", "t"}, {"/", ""},
               {"/srv/...", ""}};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autofree char *name = compose_files_project_of(all[i].directory);
        g_assert_cmpstr(name, ==, all[i].name);
        g_assert_true(*name == '\0' || compose_files_is_project(name));
    }
    static const char *const bad[] = {"", "A", "_a", "-a", "a.b", "a b", "a/b"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(compose_files_is_project(bad[i]));
}

static void test_paths(void)
{
    static const struct {
        const char *base, *path, *absolute;
    } all[] = {{"/d", "x", "/d/x"},       {"/d", "./x/y", "/d/x/y"},  {"/d", ".//./x", "/d/x"},
               {"/d", "../x", "/d/../x"}, {"/d", "/x/./y", "/x/./y"}, {"/", "x", "/x"},
               {"/d", ".x", "/d/.x"},     {"/d", "./", "/d/"}};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autofree char *absolute = compose_files_absolute(all[i].base, all[i].path);
        g_assert_cmpstr(absolute, ==, all[i].absolute);
    }
    g_autofree char *below = compose_files_shown("/d", "/d/x/y"), *beside = compose_files_shown("/d", "/dx/y");
    g_autofree char *root = compose_files_shown("/", "/x");
    g_assert_cmpstr(below, ==, "x/y");
    g_assert_cmpstr(beside, ==, "/dx/y");
    g_assert_cmpstr(root, ==, "/x");
}

static void assert_found(const char *directory, const char *wanted)
{
    g_autofree char *found = compose_find_file(directory);
    g_assert_cmpstr(found, ==, wanted);
}

static void touch(const char *path)
{
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static void test_find(void)
{
    g_autofree char *top = g_dir_make_tmp("rofuse-compose-XXXXXX", NULL);
    g_autofree char *middle = g_build_filename(top, "a", NULL), *deep = g_build_filename(middle, "b", NULL);
    g_assert_cmpint(g_mkdir_with_parents(deep, 0700), ==, 0);
    assert_found(deep, NULL);
    static const char *const names[] = {"docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(top, names[i], NULL);
        touch(path);
        assert_found(deep, path);
    }
    g_autofree char *near = g_build_filename(deep, "docker-compose.yml", NULL);
    touch(near);
    assert_found(deep, near);
    g_autofree char *directory = g_build_filename(deep, "compose.yaml", NULL);
    g_assert_cmpint(mkdir(directory, 0700), ==, 0);
    assert_found(deep, near);
    g_assert_null(compose_files_find_override(near));
    g_autofree char *override = g_build_filename(deep, "compose.override.yml", NULL);
    touch(override);
    g_autofree char *found = compose_files_find_override(near);
    g_assert_cmpstr(found, ==, override);
    char *arguments[] = {(char *)"rm", (char *)"-rf", top, NULL};
    g_assert_true(g_spawn_sync(NULL, arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

static void test_read(void)
{
    g_autofree char *top = g_dir_make_tmp("rofuse-compose-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(top, "file", NULL), *pipe = g_build_filename(top, "pipe", NULL);
    GError *error = NULL;
    size_t length = 0;
    bool is_missing = false;
    g_assert_null(compose_files_read(path, path, 100, &is_missing, &length, &error));
    g_assert_no_error(error);
    g_assert_true(is_missing);
    g_assert_null(compose_files_read(path, "here: env_file", 100, NULL, &length, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_autofree char *line =
        g_strdup_printf("here: env_file: %s: No such file or directory; name a file that is there", path);
    g_assert_cmpstr(error->message, ==, line);
    g_clear_error(&error);

    g_assert_true(g_file_set_contents(path, "12345", 5, NULL));
    g_autofree char *text = compose_files_read(path, path, 5, NULL, &length, &error);
    g_assert_cmpstr(text, ==, "12345");
    g_assert_cmpuint(length, ==, 5);
    g_assert_null(compose_files_read(path, path, 4, NULL, &length, &error));
    g_assert_nonnull(strstr(error->message, "more than 4 bytes"));
    g_clear_error(&error);

    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    g_assert_null(compose_files_read(pipe, pipe, 100, NULL, &length, &error));
    g_assert_nonnull(strstr(error->message, "no regular file"));
    g_clear_error(&error);
    g_assert_null(compose_files_read(top, top, 100, NULL, &length, &error));
    g_assert_nonnull(strstr(error->message, "it is a directory"));
    g_clear_error(&error);
    g_assert_cmpint(unlink(path) + unlink(pipe) + rmdir(top), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose-files/words", test_words);
    g_test_add_func("/compose-files/projects", test_projects);
    g_test_add_func("/compose-files/paths", test_paths);
    g_test_add_func("/compose-files/find", test_find);
    g_test_add_func("/compose-files/read", test_read);
    return g_test_run();
}
