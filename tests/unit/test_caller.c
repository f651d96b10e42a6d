#include "caller.h"

#include "caller_memory.h"
#include "proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int own_argc;
static char **own_argv;

/* A child that does @prepare and then sits there; its pid. NULL when it could not prepare itself. */
static pid_t sitting_child(bool (*prepare)(void))
{
    int ready[2];
    char good = 0;
    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        good = prepare == NULL || prepare();
        (void)!write(ready[1], &good, 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &good, 1), ==, 1);
    close(ready[0]);
    if (good)
        return pid;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void self(void)
{
    struct caller_memory *memory = caller_memory_new();
    struct caller *caller = caller_read(gettid(), 12, 34, memory, 0);
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL), *cwd = g_get_current_dir();
    g_assert_cmpint(caller->tid, ==, gettid());
    g_assert_cmpint(caller->pid, ==, getpid());
    g_assert_cmpint(caller->pid_inside, >, 0);
    g_assert_cmpstr(caller->comm, ==, "test_caller");
    g_assert_cmpstr(caller->exe, ==, exe);
    g_assert_false(caller->exe_deleted);
    g_assert_cmpstr(caller->cwd, ==, cwd);
    /* Those of the request, which may differ from the process's. */
    g_assert_cmpuint(caller->uid, ==, 12);
    g_assert_cmpuint(caller->gid, ==, 34);
    g_assert_cmpuint(caller->real_uid, ==, getuid());
    g_assert_cmpuint(caller->real_gid, ==, getgid());
    g_assert_true(caller->groups_known);
    g_assert_cmpint((int)caller->n_groups, ==, MIN(getgroups(0, NULL), CALLER_MAX_GROUPS));
    g_assert_cmpuint(caller->n_args, ==, (size_t)own_argc);
    for (int i = 0; i < own_argc; i++)
        g_assert_cmpstr(caller->args[i], ==, own_argv[i]);
    g_assert_null(caller->args[own_argc]);
    g_assert_false(caller->args_truncated);
    g_assert_nonnull(caller->cgroup);
    g_assert_true(caller->has_start_time);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    g_assert_cmpint(caller->start_time.tv_sec, <=, now.tv_sec);
    g_assert_cmpuint(caller->n_parents, >, 0);
    g_assert_cmpint(caller->parents[0].pid, ==, getppid());
    g_assert_nonnull(caller->parents[0].comm);
    caller_free(caller);
    caller_memory_free(memory);
}

static bool odd_name(void)
{
    return prctl(PR_SET_NAME, "a) R 1 1\n(") == 0;
}

/* A name that looks like the rest of /proc/PID/stat. */
static void odd_comm(void)
{
    pid_t pid = sitting_child(odd_name);
    struct caller *caller = caller_read(pid, 0, 0, NULL, 0);
    g_assert_cmpstr(caller->comm, ==, "a) R 1 1\n(");
    g_assert_cmpint(caller->parents[0].pid, ==, getpid());
    struct caller *self_caller = caller_read(gettid(), 0, 0, NULL, 0);
    g_assert_true(caller->has_start_time);
    g_assert_cmpint(caller->start_time.tv_sec, >=, self_caller->start_time.tv_sec);
    g_assert_null(caller->args); /* without a reader of memory they are unknown */
    g_assert_cmpuint(caller->n_args, ==, 0);
    caller_free(self_caller);
    caller_free(caller);
    end_child(pid);
}

static void *in_thread(void *data)
{
    (void)data;
    prctl(PR_SET_NAME, "a thread");
    return caller_read(gettid(), 0, 0, NULL, 0);
}

static void thread(void)
{
    pthread_t id;
    void *result;
    g_assert_cmpint(pthread_create(&id, NULL, in_thread, NULL), ==, 0);
    pthread_join(id, &result);
    struct caller *caller = result;
    g_assert_cmpint(caller->pid, ==, getpid());
    g_assert_cmpint(caller->tid, !=, caller->pid);
    g_assert_cmpstr(caller->comm, ==, "a thread");
    caller_free(caller);
}

static void assert_unknown(pid_t tid)
{
    struct caller *caller = caller_read(tid, 12, 34, NULL, 0);
    g_assert_cmpint(caller->tid, ==, tid);
    g_assert_cmpint(caller->pid, ==, -1);
    g_assert_cmpint(caller->pid_inside, ==, -1);
    g_assert_null(caller->comm);
    g_assert_null(caller->exe);
    g_assert_null(caller->cwd);
    g_assert_null(caller->args);
    g_assert_null(caller->cgroup);
    g_assert_null(caller->container_id);
    g_assert_false(caller->groups_known);
    g_assert_false(caller->has_start_time);
    g_assert_cmpuint(caller->n_parents, ==, 0);
    g_assert_cmpuint(caller->uid, ==, 12);
    g_assert_cmpuint(caller->gid, ==, 34);
    g_assert_cmpuint(caller->real_uid, ==, (uid_t)-1);
    caller_free(caller);
    g_autofree char *executable = caller_executable(tid);
    g_assert_cmpstr(executable, ==, "");
}

static void unknown(void)
{
    assert_unknown(0);
    pid_t gone = sitting_child(NULL);
    end_child(gone);
    assert_unknown(gone);
    gid_t *groups = NULL;
    size_t n = 0;
    uint64_t capabilities;
    char buffer[16];
    g_assert_cmpint(caller_groups(gone, &groups, &n), <, 0);
    g_assert_cmpint(caller_capabilities_over(gone, 0, 0, &capabilities), <, 0);
    g_assert_cmpint((int)proc_file_read(gone, "comm", buffer, sizeof buffer), ==, -ENOENT);
    caller_free(NULL);
}

static void read_file(void)
{
    char buffer[8];
    memset(buffer, 'x', sizeof buffer);
    g_assert_cmpint((int)proc_file_read(gettid(), "status", buffer, sizeof buffer), ==, 7);
    g_assert_cmpstr(buffer, ==, "Name:\tt");
}

static bool many_groups(void)
{
    gid_t groups[CALLER_MAX_GROUPS + 50];
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
        groups[i] = 1000 + (gid_t)i;
    return setgroups(G_N_ELEMENTS(groups), groups) == 0;
}

static void groups(void)
{
    pid_t pid = sitting_child(many_groups);
    if (pid == 0) {
        g_test_skip("setting groups takes privilege");
        return;
    }
    struct caller *caller = caller_read(pid, 0, 0, NULL, 0);
    g_assert_cmpuint(caller->n_groups, ==, CALLER_MAX_GROUPS);
    g_assert_true(caller->groups_truncated);
    for (size_t i = 0; i < caller->n_groups; i++)
        g_assert_cmpuint(caller->groups[i], ==, 1000 + i);
    caller_free(caller);
    end_child(pid);
}

static bool user_namespace(void)
{
    return unshare(CLONE_NEWUSER) == 0;
}

static void capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    g_assert_cmpint((int)syscall(SYS_capget, &header, data), ==, 0);
    uint64_t mine = data[0].effective | (uint64_t)data[1].effective << 32, got = 0;
    g_assert_cmpint(caller_capabilities(gettid(), &got), ==, 0);
    g_assert_cmphex(got, ==, mine);
    pid_t pid = sitting_child(user_namespace);
    if (pid == 0) {
        g_test_skip("no user namespaces here");
        return;
    }
    /* Almighty in there, nobody out here; and with no ids mapped not over any file. */
    g_assert_cmpint(caller_capabilities(pid, &got), ==, 0);
    g_assert_cmphex(got, ==, 0);
    got = 1;
    g_assert_cmpint(caller_capabilities_over(pid, getuid(), getgid(), &got), ==, 0);
    g_assert_cmphex(got, ==, 0);
    end_child(pid);
}

#define ID "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define OTHER "1111111111111111111111111111111111111111111111111111111111111111"

static void container_id(void)
{
    static const struct {
        const char *cgroup, *id;
    } cases[] = {
        {"/docker/" ID, ID},
        {"/system.slice/docker-" ID ".scope", ID},
        {"/machine.slice/libpod-" ID ".scope/container", ID},
        {"/kubepods/besteffort/pod1234/crio-" ID, ID},
        {"/docker/" OTHER "/docker/" ID, ID},
        {"/user.slice/user-1000.slice", NULL},
        {"/", NULL},
        {"", NULL},
        {"/docker/" ID "0", NULL},
        {"/docker/0" ID, NULL},
        {"/docker/0123456789abcdef", NULL},
        {"/docker/g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *id = caller_container_id(cases[i].cgroup);
        g_assert_cmpstr(id, ==, cases[i].id);
    }
}

static void memory_of_a_child(void)
{
    struct caller_memory *memory = caller_memory_new();
    static const char text[] = "a text";
    char buffer[32] = "";
    pid_t pid = sitting_child(NULL);
    uint64_t address = (uint64_t)(uintptr_t)text;
    g_assert_cmpint((int)caller_memory_read(memory, pid, CALLER_MEMORY_STRING, address, buffer, sizeof buffer), ==, 6);
    g_assert_cmpstr(buffer, ==, text);
    g_assert_cmpint((int)caller_memory_read(memory, pid, CALLER_MEMORY_BYTES, address + 2, buffer, 4), ==, 4);
    g_assert_cmpint(memcmp(buffer, "text", 4), ==, 0);
    g_assert_cmpint((int)caller_memory_read(memory, pid, CALLER_MEMORY_STRING, address, buffer, 3), ==, -ENAMETOOLONG);
    g_assert_cmpint((int)caller_memory_read(memory, pid, CALLER_MEMORY_STRING, 8, buffer, sizeof buffer), ==, -EFAULT);
    g_assert_cmpint((int)caller_memory_read(NULL, pid, CALLER_MEMORY_STRING, address, buffer, sizeof buffer), <, 0);
    end_child(pid);
    g_assert_cmpint((int)caller_memory_read(memory, pid, CALLER_MEMORY_BYTES, address, buffer, 4), <, 0);
    caller_memory_free(memory);
    caller_memory_free(NULL);
}

struct asker {
    struct caller_memory *memory;
    pid_t pid;
    unsigned known, wrong;
};

static void *ask(void *data)
{
    struct asker *asker = data;
    for (int i = 0; i < 500; i++) {
        struct caller *caller = caller_read(asker->pid, 0, 0, asker->memory, 0);
        if (caller->args == NULL)
            ; /* unknown: a busy machine */
        else if (caller->n_args == (size_t)own_argc && strcmp(caller->args[0], own_argv[0]) == 0)
            asker->known++;
        else
            asker->wrong++;
        caller_free(caller);
    }
    return NULL;
}

/* Several serving threads at once: each has its own answer or none. */
static void many_ask(void)
{
    struct asker askers[4];
    pthread_t threads[4];
    struct caller_memory *memory = caller_memory_new();
    pid_t pid = sitting_child(NULL);
    for (int i = 0; i < 4; i++) {
        askers[i] = (struct asker){.memory = memory, .pid = pid};
        g_assert_cmpint(pthread_create(&threads[i], NULL, ask, &askers[i]), ==, 0);
    }
    unsigned known = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        known += askers[i].known;
        g_assert_cmpuint(askers[i].wrong, ==, 0);
    }
    g_assert_cmpuint(known, >, 0);
    end_child(pid);
    caller_memory_free(memory);
}

int main(int argc, char **argv)
{
    own_argc = argc;
    own_argv = g_strdupv(argv);
    prctl(PR_SET_NAME, "test_caller");
    g_test_init(&argc, &argv, NULL);
    alarm(100);
    g_test_add_func("/caller/self", self);
    g_test_add_func("/caller/odd-comm", odd_comm);
    g_test_add_func("/caller/thread", thread);
    g_test_add_func("/caller/unknown", unknown);
    g_test_add_func("/caller/read-file", read_file);
    g_test_add_func("/caller/groups", groups);
    g_test_add_func("/caller/capabilities", capabilities);
    g_test_add_func("/caller/container-id", container_id);
    g_test_add_func("/caller/memory", memory_of_a_child);
    g_test_add_func("/caller/many-ask", many_ask);
    int status = g_test_run();
    g_strfreev(own_argv);
    return status;
}
