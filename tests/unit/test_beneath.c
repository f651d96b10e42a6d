#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char *dir;
    int root_fd;
};

static void touch_at(int fd, const char *path)
{
    int file = openat(fd, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    g_assert_cmpint(file, >=, 0);
    close(file);
}

static void setup(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->dir = g_dir_make_tmp("rofuse-beneath-XXXXXX", NULL);
    fixture->root_fd = open(fixture->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fixture->root_fd, >=, 0);
    g_assert_cmpint(mkdirat(fixture->root_fd, "a", 0755), ==, 0);
    touch_at(fixture->root_fd, "a/file");
    g_assert_cmpint(symlinkat("/etc", fixture->root_fd, "out"), ==, 0);
    g_assert_cmpint(symlinkat("file", fixture->root_fd, "a/link"), ==, 0);
    g_assert_cmpint(symlinkat("..", fixture->root_fd, "up"), ==, 0);
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    const char *argv[] = {"rm", "-rf", "--", fixture->dir, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    close(fixture->root_fd);
    g_free(fixture->dir);
}

static int try(const struct fixture *fixture, const char *path, int flags)
{
    int fd = beneath_open(fixture->root_fd, path, flags, true);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static void rules(const struct fixture *fixture)
{
    g_assert_cmpint(try(fixture, "", O_PATH), ==, 0);
    g_assert_cmpint(try(fixture, "", O_RDONLY | O_DIRECTORY), ==, 0);
    g_assert_cmpint(try(fixture, "a/file", O_RDONLY), ==, 0);
    g_assert_cmpint(try(fixture, "a/none", O_PATH), ==, -ENOENT);
    g_assert_cmpint(try(fixture, "a/file/x", O_PATH), ==, -ENOTDIR);
    /* A link can be looked at, never followed: neither as the last part nor on the way, neither inside nor out. */
    g_assert_cmpint(try(fixture, "a/link", O_PATH), ==, 0);
    g_assert_cmpint(try(fixture, "a/link", O_RDONLY), ==, -ELOOP);
    g_assert_cmpint(try(fixture, "out/passwd", O_PATH), <, 0);
    g_assert_cmpint(try(fixture, "up/etc", O_PATH), <, 0);
    g_assert_cmpint(try(fixture, "..", O_PATH), <, 0);
    g_assert_cmpint(try(fixture, "a/../../etc", O_PATH), <, 0);
}

static void with_openat2(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    rules(fixture);
}

/* A seccomp filter that forbids openat2, as container runtimes of before 2020 installed it. */
static int forbid_openat2(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = G_N_ELEMENTS(filter), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static void without_openat2(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        if (forbid_openat2() < 0)
            _exit(77);
        struct open_how how = {.flags = O_PATH};
        g_assert_cmpint(syscall(SYS_openat2, fixture->root_fd, "a", &how, sizeof how), ==, -1);
        rules(fixture);
        _exit(0);
    }
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        g_test_skip("no seccomp here");
    else
        g_assert_cmpint(status, ==, 0);
}

static void long_paths(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    GString *path = g_string_new(NULL);
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    int at = dup(fixture->root_fd);
    while (path->len < 3 * PATH_MAX) {
        g_assert_cmpint(mkdirat(at, name, 0755), ==, 0);
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(next, >=, 0);
        close(at);
        at = next;
        g_string_append_printf(path, "%s%s", path->len > 0 ? "/" : "", name);
    }
    touch_at(at, "end");
    close(at);
    g_string_append(path, "/end");
    g_assert_cmpint(try(fixture, path->str, O_RDONLY), ==, 0);
    g_string_append(path, "x");
    g_assert_cmpint(try(fixture, path->str, O_RDONLY), ==, -ENOENT);
    g_string_free(path, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/beneath/openat2", struct fixture, NULL, setup, with_openat2, teardown);
    g_test_add("/beneath/own-walk", struct fixture, NULL, setup, without_openat2, teardown);
    g_test_add("/beneath/long-paths", struct fixture, NULL, setup, long_paths, teardown);
    return g_test_run();
}
