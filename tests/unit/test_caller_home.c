/*
 * Real processes with root directories of their own.
 */
#include "caller_home.h"

#include "caller.h"

#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process, and the one that it started, which sits there. NULL = the root directory that it has anyway. */
struct line {
    const char *parent, *child;
    bool is_unshared; /* the child has mounts of its own */
};

static bool enter(const char *root)
{
    return root == NULL || (chroot(root) == 0 && chdir("/") == 0);
}

/* Writes the number of the child into @fd when it sits there. */
G_NORETURN static void run_line(const struct line *line, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!enter(line->parent))
        _exit(77);
    pid_t pid = fork();
    if (pid == 0) {
        /* Where this test fails nobody else ends it, and whoever reads our output would wait for that. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool is_there = enter(line->child) && (!line->is_unshared || unshare(CLONE_NEWNS) == 0);
        pid = getpid();
        if (!is_there || write(fd, &pid, sizeof pid) != (ssize_t)sizeof pid)
            _exit(77);
        pause();
    }
    waitpid(pid, NULL, 0);
    _exit(0);
}

/* The homes of the child's parents: the one that started it, and this process. False where that cannot be made here. */
static bool find(const struct line *line, dev_t mount, enum caller_home ret[2])
{
    int fds[2];
    pid_t pid = -1;
    g_assert_cmpint(pipe(fds), ==, 0);
    pid_t started = fork();
    if (started == 0)
        run_line(line, fds[1]);
    close(fds[1]);
    bool is_there = read(fds[0], &pid, sizeof pid) == (ssize_t)sizeof pid && pid > 0;
    if (is_there) {
        struct caller *caller = caller_read(pid, 0, 0, NULL, mount);
        g_assert_cmpuint(caller->n_parents, >=, 2);
        g_assert_cmpint(caller->parents[0].pid, ==, started);
        g_assert_cmpint(caller->parents[1].pid, ==, getpid());
        for (int i = 0; i < 2; i++)
            ret[i] = caller->parents[i].home;
        caller_free(caller);
        kill(pid, SIGKILL);
    }
    close(fds[0]);
    kill(started, SIGKILL);
    waitpid(started, NULL, 0);
    return is_there;
}

static dev_t device_of(const char *path)
{
    struct stat st;
    g_assert_cmpint(stat(path, &st), ==, 0);
    return st.st_dev;
}

/* /proc has a device of its own and stands for the mount. */
static void test_homes(void)
{
#define IN CALLER_HOME_INSIDE
#define OUT CALLER_HOME_OUTSIDE
    /* Found from within /proc; not by way of process 1, which may be for others. */
    g_autofree char *ours = g_strdup_printf("/%d/root/dev", (int)getpid());
    const struct {
        const char *name;
        struct line line;
        bool knows_mount;
        enum caller_home homes[2];
    } table[] = {
        {"no container", {NULL, NULL, false}, true, {IN, IN}},
        {"a container's first process", {NULL, "/proc", false}, true, {OUT, OUT}},
        {"the next one", {"/proc", NULL, false}, true, {IN, OUT}},
        {"a root in the container", {"/proc", "/sys", false}, true, {IN, OUT}},
        {"a root that a session has outside of the mount", {"/proc", ours, false}, true, {IN, OUT}},
        {"the same where the mount is not known", {"/proc", "/sys", false}, false, {OUT, OUT}},
        {"the next one where it is not known", {"/proc", NULL, false}, false, {IN, OUT}},
        {"mounts of its own in the container", {"/proc", NULL, true}, true, {IN, OUT}},
        {"a root elsewhere, the next one", {"/dev", NULL, false}, true, {IN, OUT}},
        {"a sandbox that shows the host's root", {NULL, NULL, true}, true, {OUT, OUT}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        enum caller_home homes[2];
        g_test_message("%s", table[i].name);
        if (!find(&table[i].line, table[i].knows_mount ? device_of("/proc") : 0, homes)) {
            g_test_skip("chroot(2) and unshare(2) are for root");
            continue;
        }
        g_assert_cmpint(homes[0], ==, table[i].homes[0]);
        g_assert_cmpint(homes[1], ==, table[i].homes[1]);
    }
}

/* Of whom nothing is known, of him it is not said that he is another. */
static void test_unknown(void)
{
    struct caller_root root, same;
    g_assert_false(caller_root_read(G_MAXINT, &root)); /* no process has this number */
    g_assert_true(caller_root_read(getpid(), &root));
    g_assert_true(caller_root_read(gettid(), &same));
    g_assert_true(caller_root_is_same(&root, &same) || root.mount == 0);
    same.mount = root.mount = 0;
    g_assert_false(caller_root_is_same(&root, &same));
    g_assert_cmpint(caller_root_home(&root, &same, 0), ==, CALLER_HOME_INSIDE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/caller-home/homes", test_homes);
    g_test_add_func("/caller-home/unknown", test_unknown);
    return g_test_run();
}
