/*
 * Who uses a mount, where the number of its device is another file system's by now.
 */
#include "users.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process whose working directory is /proc. */
static pid_t start_user(void)
{
    int ends[2];
    char byte;
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir("/proc") != 0 || write(ends[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(1);
    }
    close(ends[1]);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    close(ends[0]);
    return pid;
}

/* The number of a mount that has ended is free, and the next one gets it: his users are none of ours. */
static void test_number_of_others(void)
{
    struct stat st;
    pid_t pid = start_user();
    g_assert_cmpint(stat("/proc", &st), ==, 0);
    g_autoptr(GPtrArray) users = users_find(st.st_dev, "web", "/srv/web", 0, 10);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (guint i = 0; i < users->len; i++)
        g_test_message("%s", (const char *)g_ptr_array_index(users, i));
    g_assert_cmpuint(users->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/users/number of others", test_number_of_others);
    return g_test_run();
}
