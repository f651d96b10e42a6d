#include "run_user.h"

#include "app_error.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# a comment\n"
                             "broken:x:12\n"
                             "letters:x:1a:5::/:\n"
                             "huge:x:4294967296:0::/:\n"
                             "web:x:33:34:gecos: /no:/bin/sh\n"
                             "app:x:1000:1001::/home/app:/bin/sh\n"
                             "twin:x:1000:5::/twin:\n"
                             "1001:x:7:7::/seven:\n"
                             ":x:9:9::/:\n"
                             "short:x:8:8";
static const char group[] = "root:x:0:\n"
                            "web:x:34:\n"
                            "app:x:1001:app\n"
                            "wheel:x:10:root,app\n"
                            "video:x:44:app,root,web\n"
                            "again:x:44:app\n"
                            "bad:x:z:app\n"
                            "mapp:x:50:happy,apple";

struct expected {
    const char *text;
    uid_t uid;
    gid_t gid;
    const char *home, *name;
    gid_t groups[4];
    size_t n_groups;
};

static void test_found(void)
{
    static const struct expected table[] = {
        {NULL, 0, 0, "/root", "root", {0, 10, 44}, 3},
        {"", 0, 0, "/root", "root", {0, 10, 44}, 3},
        {"app", 1000, 1001, "/home/app", "app", {1001, 10, 44}, 3},
        {"1000", 1000, 1001, "/home/app", "app", {1001, 10, 44}, 3},
        {"twin", 1000, 5, "/twin", "twin", {5}, 1},
        {"web", 33, 34, "/", "web", {34, 44}, 2}, /* its home is no absolute path */
        {"app:wheel", 1000, 10, "/home/app", "app", {10}, 1},
        {"app:10", 1000, 10, "/home/app", "app", {10}, 1},
        {"app:4242", 1000, 4242, "/home/app", "app", {4242}, 1},
        {"app:", 1000, 1001, "/home/app", "app", {1001, 10, 44}, 3},
        {":wheel", 0, 10, "/root", "root", {10}, 1},
        {"4242", 4242, 0, "/", NULL, {0}, 1},
        {"2147483647:2147483647", 2147483647, 2147483647, "/", NULL, {2147483647}, 1},
        {"1001", 7, 7, "/seven", "1001", {7}, 1}, /* a name, before a number */
        {"short", 8, 8, "/", "short", {8}, 1},
        {"9", 9, 0, "/", NULL, {0}, 1}, /* an entry without a name is none */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct run_user user;
        GError *error = NULL;
        gboolean is_found = run_user_find_in(passwd, group, table[i].text, &user, &error);
        g_assert_no_error(error);
        g_assert_true(is_found);
        g_test_message("%s", table[i].text != NULL ? table[i].text : "(null)");
        g_assert_cmpuint(user.uid, ==, table[i].uid);
        g_assert_cmpuint(user.gid, ==, table[i].gid);
        g_assert_cmpstr(user.home, ==, table[i].home);
        g_assert_cmpstr(user.name, ==, table[i].name);
        g_assert_cmpmem(user.groups, user.n_groups * sizeof(gid_t), table[i].groups, table[i].n_groups * sizeof(gid_t));
        run_user_clear(&user);
    }
}

static void test_not_found(void)
{
    static const char *const wrong[] = {
        "nobody",         "broken", "letters", "huge", "app:nobody", "-1",          "4294967295", "2147483648",
        "app:2147483648", "app:-1", "0x10",    "1 ",   "App",        "app:wheel:x", "\xff\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct run_user user;
        g_autoptr(GError) error = NULL;
        g_test_message("%s", wrong[i]);
        g_assert_false(run_user_find_in(passwd, group, wrong[i], &user, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
        g_assert_null(strchr(error->message, '\n'));
        run_user_clear(&user);
    }
}

/* Without the two files numbers are enough. */
static void test_no_files(void)
{
    struct run_user user;
    GError *error = NULL;
    g_assert_true(run_user_find_in(NULL, NULL, "5:6", &user, &error));
    g_assert_cmpuint(user.uid + user.gid, ==, 11);
    run_user_clear(&user);
    g_assert_true(run_user_find_in(NULL, NULL, NULL, &user, &error));
    g_assert_cmpuint(user.uid + user.gid, ==, 0);
    run_user_clear(&user);
    g_assert_false(run_user_find_in(NULL, NULL, "root", &user, &error));
    g_clear_error(&error);
}

/* What an image has for a file: a link out of it, a fifo, one without end. */
static void test_hostile_files(void)
{
    g_autofree char *root = g_dir_make_tmp("rofuse-user-XXXXXX", NULL);
    g_autofree char *etc = g_build_filename(root, "etc", NULL), *path = g_build_filename(etc, "passwd", NULL);
    g_assert_cmpint(g_mkdir(etc, 0755), ==, 0);
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct run_user user;
    g_assert_cmpint(symlink("/../../../../../../etc/passwd", path), ==, 0); /* itself, inside */
    g_assert_true(run_user_find(fd, "0", &user, NULL));
    g_assert_null(user.name);
    run_user_clear(&user);
    g_assert_cmpint(unlink(path) | mkfifo(path, 0644), ==, 0);
    g_assert_true(run_user_find(fd, "0", &user, NULL));
    g_assert_null(user.name);
    run_user_clear(&user);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_true(g_file_set_contents(path, "app:x:5:6::/a:\n", -1, NULL));
    g_assert_cmpint(truncate(path, 1LL << 40), ==, 0);
    g_assert_true(run_user_find(fd, "app", &user, NULL));
    g_assert_cmpuint(user.uid, ==, 5);
    run_user_clear(&user);
    close(fd);
    g_assert_cmpint(unlink(path) | rmdir(etc) | rmdir(root), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_user/found", test_found);
    g_test_add_func("/run_user/not_found", test_not_found);
    g_test_add_func("/run_user/no_files", test_no_files);
    g_test_add_func("/run_user/hostile_files", test_hostile_files);
    return g_test_run();
}
