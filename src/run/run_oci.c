#include "run_oci.h"

#include "app_error.h"
#include "run_bundle.h"
#include "run_spawn.h"
#include "run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct container {
    char *runtime;   /* path */
    char *directory; /* temporary */
    char *bundle, *state;
    char *pid_file; /* written by the runtime when it has started the program */
    char *name;
};

static void container_clear(struct container *container)
{
    g_free(container->runtime);
    g_free(container->directory);
    g_free(container->bundle);
    g_free(container->state);
    g_free(container->pid_file);
    g_free(container->name);
}

static void run_quietly(const char *const *argv)
{
    g_spawn_sync("/", (char **)argv, NULL,
                 G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                 NULL, NULL);
}

/* The words of a call of the runtime, up to its command. crun is told to leave cgroups alone, as we want none of them. */
static void add_start(GPtrArray *words, const struct run_spec *spec, const struct container *container)
{
    g_ptr_array_add(words, container->runtime);
    g_ptr_array_add(words, "--root");
    g_ptr_array_add(words, container->state);
    if (spec->runtime == RUN_CRUN)
        g_ptr_array_add(words, "--cgroup-manager=disabled");
}

static void delete_container(const struct run_spec *spec, const struct container *container)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    add_start(words, spec, container);
    g_ptr_array_add(words, "delete");
    g_ptr_array_add(words, "--force");
    g_ptr_array_add(words, container->name);
    g_ptr_array_add(words, NULL);
    run_quietly((const char *const *)words->pdata);
}

static void remove_directory(const struct container *container)
{
    const char *const remove[] = {"rm", "-rf", "--", container->directory, NULL};
    run_quietly(remove);
}

/* Two pipes that tell of somebody's end by closing: ours, and the runtime's. */
struct keeper {
    pid_t pid;
    int self[2], runtime[2];
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Until the other end is closed, by whoever has it; at most so long, in milliseconds. */
static void wait_for_close(int fd, int most)
{
    struct pollfd end = {.fd = fd};
    while (poll(&end, 1, most) < 0 && errno == EINTR)
        continue;
}

static _Noreturn void keep(const struct run_spec *spec, const struct container *container, struct keeper *keeper)
{
    enum { MOST_WAIT = 10000 };
    close_end(&keeper->self[1]);
    close_end(&keeper->runtime[1]);
    setsid();
    wait_for_close(keeper->self[0], -1);
    delete_container(spec, container);
    /* A runtime that outlives us a little still writes and removes things in its directory. */
    wait_for_close(keeper->runtime[0], MOST_WAIT);
    delete_container(spec, container);
    remove_directory(container);
    _exit(0);
}

static void end_keeper(struct keeper *keeper)
{
    close_end(&keeper->runtime[1]);
    close_end(&keeper->self[1]);
    while (keeper->pid > 0 && waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/*
 * A process that cleans up when we have ended, even by SIGKILL. Signals to our process group are none of its business.
 */
static gboolean start_keeper(const struct run_spec *spec, const struct container *container, struct keeper *keeper,
                             GError **error)
{
    *keeper = (struct keeper){.pid = -1, .self = {-1, -1}, .runtime = {-1, -1}};
    if (pipe2(keeper->self, O_CLOEXEC) == 0 && pipe2(keeper->runtime, O_CLOEXEC) == 0)
        keeper->pid = fork();
    if (keeper->pid == 0)
        keep(spec, container, keeper);
    close_end(&keeper->self[0]);
    close_end(&keeper->runtime[0]);
    if (keeper->pid > 0)
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start a process: %s", g_strerror(errno));
    end_keeper(keeper);
    return FALSE;
}

static bool forward(const struct run_watch *watch, int number)
{
    kill(watch->pid, number); /* it passes it on */
    return true;
}

static int run_bundle(const struct run_spec *spec, const struct container *container, struct keeper *keeper,
                      int signal_fd, int *ret_not_started, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    add_start(words, spec, container);
    g_ptr_array_add(words, "run");
    g_ptr_array_add(words, "--bundle");
    g_ptr_array_add(words, container->bundle);
    g_ptr_array_add(words, "--pid-file");
    g_ptr_array_add(words, container->pid_file);
    g_ptr_array_add(words, container->name);
    g_ptr_array_add(words, NULL);
    struct run_spawn spawn = {
        .argv = (char **)words->pdata, .fds = &keeper->runtime[1], .n_fds = 1, .keeps_session = spec->terminal};
    pid_t pid = run_spawn(&spawn, error);
    close_end(&keeper->runtime[1]);
    if (pid < 0)
        return -1;
    struct run_watch watch = {
        .spec = spec, .pid = pid, .signal_fd = signal_fd, .channel = -1, .master = -1, .forward = forward};
    int status = run_watch_wait(&watch, ret_not_started, error);
    if (status <= 0 || status > 128 || access(container->pid_file, F_OK) == 0)
        return status;
    /* Its status is the runtime's own then, and would be taken for the program's. */
    g_autofree char *name = g_path_get_basename(container->runtime);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "%s did not start the program and has said why; --runtime builtin needs nothing but the kernel", name);
    return -1;
}

static gboolean prepare(const struct run_spec *spec, struct container *container, GError **error)
{
    const char *program = spec->runtime == RUN_RUNC ? "runc" : "crun";
    g_autoptr(GError) problem = NULL;
    container->runtime = g_find_program_in_path(program);
    if (container->runtime == NULL) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s is not installed; install it, or use --runtime builtin",
                    program);
        return FALSE;
    }
    container->directory = g_dir_make_tmp("rofuse-run-XXXXXX", &problem);
    if (container->directory == NULL) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make a temporary directory: %s", problem->message);
        return FALSE;
    }
    container->bundle = g_build_filename(container->directory, "bundle", NULL);
    container->state = g_build_filename(container->directory, "state", NULL);
    container->pid_file = g_build_filename(container->directory, "pid", NULL);
    container->name = g_strdup_printf("rofuse-%s-%d", spec->name, (int)getpid());
    return TRUE;
}

int run_oci(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error)
{
    struct container container = {0};
    struct keeper keeper;
    int status = -1;
    if (prepare(spec, &container, error) && start_keeper(spec, &container, &keeper, error)) {
        if (run_bundle_write(spec, container.bundle, error))
            status = run_bundle(spec, &container, &keeper, signal_fd, ret_not_started, error);
        end_keeper(&keeper);
    } else if (container.directory != NULL) {
        remove_directory(&container);
    }
    container_clear(&container);
    return status;
}
