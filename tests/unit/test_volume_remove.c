#include "volume_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

static char *make_volume(const char *store, const char *name)
{
    char *data = g_build_filename(store, name, "_data", "deep", NULL);
    g_assert_cmpint(g_mkdir_with_parents(data, 0700), ==, 0);
    g_autofree char *lock = g_build_filename(store, name, "lock", NULL);
    g_assert_true(g_file_set_contents(lock, "", 0, NULL));
    return data;
}

static void test_removed_unless_used(void)
{
    g_autofree char *store = g_dir_make_tmp("rofuse-volumes-XXXXXX", NULL);
    g_autofree char *data = make_volume(store, "one"), *other = make_volume(store, "other");
    g_autofree char *lock = g_build_filename(store, "one", "lock", NULL);
    int fd = open(lock, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(flock(fd, LOCK_SH), ==, 0);
    g_assert_cmpint(volume_remove(store, "one"), ==, -EBUSY);
    g_assert_true(g_file_test(data, G_FILE_TEST_IS_DIR));
    close(fd);
    g_assert_cmpint(volume_remove(store, "one"), ==, 0);
    g_assert_false(g_file_test(lock, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(other, G_FILE_TEST_IS_DIR));
    g_assert_cmpint(volume_remove(store, "one"), ==, 0);
    g_assert_cmpint(volume_remove(store, "other"), ==, 0);
    g_assert_cmpint(g_rmdir(store), ==, 0);
}

static void test_names(void)
{
    static const char *const names[] = {"", ".", "..", "../x", "a/b", "/etc"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpint(volume_remove("/nonexistent", names[i]), ==, -EINVAL);
    g_assert_cmpint(volume_remove("/nonexistent", "fine"), ==, 0);
}

/* A link is no volume: what it leads to stays. */
static void test_link(void)
{
    g_autofree char *store = g_dir_make_tmp("rofuse-volumes-XXXXXX", NULL);
    g_autofree char *data = make_volume(store, "one"), *link = g_build_filename(store, "link", NULL);
    g_assert_cmpint(symlink("one", link), ==, 0);
    g_assert_cmpint(volume_remove(store, "link"), ==, -ENOTDIR);
    g_assert_true(g_file_test(data, G_FILE_TEST_IS_DIR));
    g_assert_cmpint(unlink(link), ==, 0);
    g_assert_cmpint(volume_remove(store, "one"), ==, 0);
    g_assert_cmpint(g_rmdir(store), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/volume_remove/removed_unless_used", test_removed_unless_used);
    g_test_add_func("/volume_remove/names", test_names);
    g_test_add_func("/volume_remove/link", test_link);
    return g_test_run();
}
