#include "run_place.h"

#include "app_error.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, ROUNDS = 200 };

/* 0: each place was made, and was ours until we removed it. */
static int make_and_remove(const struct paths *paths)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct stat by_name, by_fd;
        g_autoptr(GError) error = NULL;
        struct run_place *place = run_place_new(paths, &error);
        if (place == NULL) {
            g_printerr("%s\n", error->message);
            return 1;
        }
        if (stat(place->log, &by_name) != 0 || fstat(place->log_fd, &by_fd) != 0 || by_name.st_ino != by_fd.st_ino)
            return 2;
        run_place_remove(place);
    }
    return 0;
}

/* Each run clears away what others have left, and nothing else. */
static void test_many_at_once(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("rofuse-run-place-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *run = g_build_filename(directory, "run", NULL), *roots = g_build_filename(run, "roots", NULL);
    const struct paths paths = {.run = run};
    g_assert_true(paths_make(run, NULL) && paths_make(roots, NULL));
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0)
            _exit(make_and_remove(&paths));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        g_assert_cmpint(wait(&status), >, 0);
        g_assert_cmpint(status, ==, 0);
    }
    g_assert_cmpint(g_rmdir(roots), ==, 0);
    g_assert_cmpint(g_rmdir(run), ==, 0);
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_place/many_at_once", test_many_at_once);
    return g_test_run();
}
