#include "run_oci.h"

#include "app_error.h"
#include "run_bundle.h"
#include "run_spawn.h"
#include "run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct container {
    char *runtime;   /* path */
    char *directory; /* temporary */
    char *bundle, *state;
    char *name;
};

static void container_clear(struct container *container)
{
    g_free(container->runtime);
    g_free(container->directory);
    g_free(container->bundle);
    g_free(container->state);
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

static void clean_up(const struct run_spec *spec, const struct container *container)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    add_start(words, spec, container);
    static const char *const command[] = {"delete", "--force"};
    for (size_t i = 0; i < G_N_ELEMENTS(command); i++)
        g_ptr_array_add(words, (char *)command[i]);
    g_ptr_array_add(words, container->name);
    g_ptr_array_add(words, NULL);
    run_quietly((const char *const *)words->pdata);
    const char *const remove[] = {"rm", "-rf", "--", container->directory, NULL};
    run_quietly(remove);
}

/*
 * A process that cleans up when the pipe's other end is closed, which it is when we end, even by SIGKILL. Signals to our
 * process group are none of its business.
 */
static pid_t start_keeper(const struct run_spec *spec, const struct container *container, int *ret_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]);
        setsid();
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
            continue;
        clean_up(spec, container);
        _exit(0);
    }
    close(ends[0]);
    if (pid < 0)
        close(ends[1]);
    else
        *ret_end = ends[1];
    return pid;
}

static void forward(const struct run_watch *watch, int number)
{
    kill(watch->pid, number); /* it passes it on */
}

static int run_bundle(const struct run_spec *spec, const struct container *container, int signal_fd,
                      int *ret_not_started, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    add_start(words, spec, container);
    g_ptr_array_add(words, "run");
    g_ptr_array_add(words, "--bundle");
    g_ptr_array_add(words, container->bundle);
    g_ptr_array_add(words, container->name);
    g_ptr_array_add(words, NULL);
    struct run_spawn spawn = {.argv = (char **)words->pdata, .keeps_session = spec->terminal};
    pid_t pid = run_spawn(&spawn, error);
    if (pid < 0)
        return -1;
    struct run_watch watch = {
        .spec = spec, .pid = pid, .signal_fd = signal_fd, .channel = -1, .master = -1, .forward = forward};
    return run_watch_wait(&watch, ret_not_started, error);
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
    container->name = g_strdup_printf("rofuse-%s-%d", spec->name, (int)getpid());
    return TRUE;
}

int run_oci(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error)
{
    struct container container = {0};
    int status = -1, keeper_end = -1;
    if (prepare(spec, &container, error)) {
        pid_t keeper = start_keeper(spec, &container, &keeper_end);
        if (keeper < 0)
            g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start a process: %s", g_strerror(errno));
        else if (run_bundle_write(spec, container.bundle, error))
            status = run_bundle(spec, &container, signal_fd, ret_not_started, error);
        if (keeper >= 0) {
            close(keeper_end);
            while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
                continue;
        }
    }
    container_clear(&container);
    return status;
}
