#include "counters_file.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A new directory, for a test that removes it with leave(). */
static char *enter(void)
{
    char *directory = g_dir_make_tmp("rofuse-test-XXXXXX", NULL);
    g_assert_nonnull(directory);
    return directory;
}

static void leave(char *directory)
{
    counters_file_remove(directory, "one");
    g_assert_cmpint(g_rmdir(directory), ==, 0);
    g_free(directory);
}

static char *path_in(const char *directory)
{
    return g_build_filename(directory, "one.counters", NULL);
}

static void another_sees_them(void)
{
    char *directory = enter();
    struct counters *counters = counters_file_map(directory, "one"), seen;
    g_assert_true(counters_file_read(directory, "one", &seen));
    for (size_t i = 0; i < COUNTERS_N_REQUESTS; i++)
        g_assert_cmpuint(seen.requests[i], ==, 0);
    counters_add(&counters->requests[COUNTERS_lookup], 7);
    counters_add(&counters->requests[COUNTERS_tmpfile], 3);
    counters_add(&counters->files[COUNTERS_FILE_refused], 2);
    atomic_fetch_or(&counters->features, COUNTERS_FEATURE_KILLPRIV);
    g_strlcpy(counters->library, "3.18.2", sizeof counters->library);
    g_assert_true(counters_file_read(directory, "one", &seen));
    g_assert_cmpuint(seen.requests[COUNTERS_lookup], ==, 7);
    g_assert_cmpuint(seen.requests[COUNTERS_tmpfile], ==, 3);
    g_assert_cmpuint(seen.files[COUNTERS_FILE_refused], ==, 2);
    g_assert_cmpuint(seen.features, ==, COUNTERS_FEATURE_KILLPRIV);
    g_assert_cmpstr(seen.library, ==, "3.18.2");
    g_assert_false(counters_file_read(directory, "two", &seen));
    counters_file_unmap(counters);
    counters_file_unmap(NULL);

    g_autofree char *path = path_in(directory);
    struct stat st;
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
    /* The next mount of that name begins at zero. */
    counters = counters_file_map(directory, "one");
    g_assert_true(counters_file_read(directory, "one", &seen));
    g_assert_cmpuint(seen.requests[COUNTERS_lookup], ==, 0);
    g_assert_cmpuint(seen.features, ==, 0);
    counters_file_unmap(counters);
    leave(directory);
}

/* Everything that is no such file is not read, and nothing is written to the result. */
static void assert_not_read(const char *directory)
{
    struct counters seen;
    memset(&seen, 0x5a, sizeof seen);
    g_assert_false(counters_file_read(directory, "one", &seen));
    for (size_t i = 0; i < sizeof seen; i++)
        g_assert_cmpint(((const unsigned char *)&seen)[i], ==, 0x5a);
}

static void wrong_files(void)
{
    char *directory = enter();
    g_autofree char *path = path_in(directory), *good = NULL;
    size_t size;
    assert_not_read(directory);
    counters_file_unmap(counters_file_map(directory, "one"));
    g_assert_true(g_file_get_contents(path, &good, &size, NULL));

    for (size_t length = size - 1; length > 0; length /= 2) {
        g_assert_cmpint(truncate(path, (off_t)length), ==, 0);
        assert_not_read(directory);
    }
    /* The whole length again, and nothing in it. */
    g_assert_cmpint(truncate(path, 0) + truncate(path, (off_t)size), ==, 0);
    assert_not_read(directory);
    /* Of a version that has more, or fewer, counters. */
    for (int change = -8; change <= 8; change += 16) {
        g_autofree char *other = g_memdup2(good, size);
        uint64_t said = size + (uint64_t)change;
        memcpy(other + 8, &said, sizeof said);
        g_assert_true(g_file_set_contents(path, other, (gssize)size, NULL));
        assert_not_read(directory);
    }
    good[0] ^= 1;
    g_assert_true(g_file_set_contents(path, good, (gssize)size, NULL));
    assert_not_read(directory);
    good[0] ^= 1;
    struct counters seen;
    g_assert_true(g_file_set_contents(path, good, (gssize)size, NULL));
    g_assert_true(counters_file_read(directory, "one", &seen));
    leave(directory);
}

/* Counting goes on where nobody can be shown it. */
static void assert_counts(struct counters *counters)
{
    g_assert_nonnull(counters);
    for (size_t i = 0; i < COUNTERS_N_REQUESTS; i++)
        g_assert_cmpuint(counters->requests[i], ==, 0);
    counters_add(&counters->requests[COUNTERS_open], 5);
    g_assert_cmpuint(counters->requests[COUNTERS_open], ==, 5);
    counters_file_unmap(counters);
}

static void no_directory(void)
{
    assert_counts(counters_file_map("/nonexistent/directory", "one"));
    assert_counts(counters_file_map("/proc/self", "one")); /* where nobody can write, root neither */
    struct counters seen;
    g_assert_false(counters_file_read("/nonexistent/directory", "one", &seen));
    counters_file_remove("/nonexistent/directory", "one");
}

static void symbolic_link(void)
{
    char *directory = enter();
    g_autofree char *path = path_in(directory), *target = g_build_filename(directory, "target", NULL), *text = NULL;
    g_assert_true(g_file_set_contents(target, "kept", -1, NULL));
    g_assert_cmpint(symlink(target, path), ==, 0);
    assert_counts(counters_file_map(directory, "one"));
    g_assert_true(g_file_get_contents(target, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "kept");
    assert_not_read(directory);
    g_unlink(target);
    leave(directory);
}

/* Where the file cannot be as large as it must be there is none, and no daemon that ends when it counts. */
static void no_room(void)
{
    char *directory = enter();
    struct rlimit before, limit;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit = before;
    limit.rlim_cur = 64;
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    struct counters *counters = counters_file_map(directory, "one");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    g_autofree char *path = path_in(directory);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    assert_counts(counters);
    leave(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/counters-file/another-sees-them", another_sees_them);
    g_test_add_func("/counters-file/wrong-files", wrong_files);
    g_test_add_func("/counters-file/no-directory", no_directory);
    g_test_add_func("/counters-file/symbolic-link", symbolic_link);
    g_test_add_func("/counters-file/no-room", no_room);
    return g_test_run();
}
