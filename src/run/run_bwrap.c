#include "run_bwrap.h"

#include "app_error.h"
#include "run_ids.h"
#include "run_places.h"
#include "run_seccomp.h"
#include "run_spawn.h"
#include "run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FDS (RUN_N_FILES + 3)

/* Where bwrap finds the root when it runs as somebody else, in a mount namespace of its own. Everybody can walk there. */
#define SHOWN_ROOT "/tmp"

/* What bwrap is given. */
struct setup {
    GByteArray *words; /* each with its '\0', for --args: the command line of others is for everybody to read */
    int fds[MOST_FDS]; /* owned */
    size_t n_fds;
};

static void add(struct setup *setup, const char *word)
{
    g_byte_array_append(setup->words, (const guint8 *)word, (guint)strlen(word) + 1);
}

static void add_words(struct setup *setup, const char *first, ...) G_GNUC_NULL_TERMINATED;
static void add_words(struct setup *setup, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    for (const char *word = first; word != NULL; word = va_arg(rest, const char *))
        add(setup, word);
    va_end(rest);
}

/* Takes the descriptor; its number is the word. */
static void add_fd(struct setup *setup, int fd)
{
    g_autofree char *number = g_strdup_printf("%d", fd);
    setup->fds[setup->n_fds++] = fd;
    add(setup, number);
}

/* A file without a name that holds some bytes, at its start; -1 with one line. */
static int make_file(const void *bytes, size_t n, GError **error)
{
    int fd = memfd_create("rofuse-run", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, bytes, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make a file in memory: %s", g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static gboolean add_files(struct setup *setup, const struct run_spec *spec, GError **error)
{
    struct run_file files[RUN_N_FILES];
    gboolean is_added = TRUE;
    run_files_make(spec, files);
    for (size_t i = 0; is_added && i < RUN_N_FILES; i++) {
        int fd = make_file(files[i].text, strlen(files[i].text), error);
        is_added = fd >= 0;
        if (is_added) {
            add_words(setup, "--perms", "0644", "--ro-bind-data", NULL);
            add_fd(setup, fd);
            add(setup, files[i].path);
        }
    }
    run_files_clear(files);
    return is_added;
}

/* Whether bwrap is started as the program's user: it changes users in a user namespace alone. */
static bool is_another_user(const struct run_spec *spec)
{
    return run_ids_may_mount() && (spec->uid != 0 || spec->gid != 0);
}

static void add_places(struct setup *setup, const struct run_spec *spec)
{
    add_words(setup, "--bind", is_another_user(spec) ? SHOWN_ROOT : spec->root, "/", "--proc", "/proc", "--dev", "/dev",
              NULL);
    add_words(setup, "--perms", "1777", "--size", "67108864", "--tmpfs", "/dev/shm", NULL);
    add_words(setup, "--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys", NULL);
    for (const char *const *path = run_masked_paths; *path != NULL; path++) {
        struct stat st;
        /* The container's kernel is ours. */
        if (stat(*path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            add_words(setup, "--tmpfs", *path, "--remount-ro", *path, NULL);
        else
            add_words(setup, "--dev-bind", "/dev/null", *path, NULL);
    }
    for (const char *const *path = run_readonly_paths; *path != NULL; path++) {
        if (access(*path, F_OK) == 0)
            add_words(setup, "--ro-bind", *path, *path, NULL);
    }
}

static void add_process(struct setup *setup, const struct run_spec *spec)
{
    add_words(setup, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent",
              "--hostname", spec->hostname, "--chdir", spec->working_dir, "--clearenv", NULL);
    for (char **word = spec->env; *word != NULL; word++) {
        const char *value = strchr(*word, '=');
        if (value == NULL || value == *word)
            continue;
        g_autofree char *key = g_strndup(*word, (gsize)(value - *word));
        add_words(setup, "--setenv", key, value + 1, NULL);
    }
    if (!run_ids_may_mount()) {
        g_autofree char *uid = g_strdup_printf("%u", spec->uid), *gid = g_strdup_printf("%u", spec->gid);
        add_words(setup, "--unshare-user", "--uid", uid, "--gid", gid, NULL);
    }
    add_words(setup, "--cap-drop", "ALL", NULL);
    for (const char *const *name = run_capabilities; spec->uid == 0 && *name != NULL; name++)
        add_words(setup, "--cap-add", *name, NULL);
}

/* Everything but what to run; -1 with one line. */
static int make_words(struct setup *setup, const struct run_spec *spec, int info, GError **error)
{
    int filter = run_seccomp_export(error);
    if (filter < 0)
        return -1;
    add(setup, "--seccomp");
    add_fd(setup, filter);
    add(setup, "--json-status-fd");
    add_fd(setup, info);
    add_process(setup, spec);
    add_places(setup, spec);
    if (!add_files(setup, spec, error))
        return -1;
    return make_file(setup->words->data, setup->words->len, error);
}

/* The program is the first child of bwrap's child. */
struct bwrap_watch {
    struct run_watch watch; /* first: forward() gets it */
    int info;
    char told[512]; /* what bwrap has told so far, which is short */
    size_t length;
    pid_t init;
};

/* What follows a key in what bwrap has told: at once about its child, and in the end about a program that ran. */
static const char *find_told(struct bwrap_watch *bwrap, const char *key)
{
    ssize_t n = read(bwrap->info, bwrap->told + bwrap->length, sizeof bwrap->told - 1 - bwrap->length);
    bwrap->length += n > 0 ? (size_t)n : 0;
    const char *found = strstr(bwrap->told, key);
    return found != NULL ? found + strlen(key) : NULL;
}

static pid_t find_program(struct bwrap_watch *bwrap)
{
    const char *child = bwrap->init == 0 ? find_told(bwrap, "\"child-pid\":") : NULL;
    if (child != NULL)
        bwrap->init = (pid_t)strtol(child, NULL, 10); /* the init of the new pid namespace */
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)bwrap->init, (int)bwrap->init);
    g_autofree char *text = NULL;
    if (bwrap->init <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    return (pid_t)strtol(text, NULL, 10);
}

static bool forward(const struct run_watch *watch, int number)
{
    pid_t program = find_program((struct bwrap_watch *)watch);
    if (program > 0)
        kill(program, number);
    return program > 0;
}

static int start(const struct run_spec *spec, const char *bwrap, int args, struct setup *setup, int terminal,
                 GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *number = g_strdup_printf("%d", args);
    g_ptr_array_add(argv, (char *)bwrap);
    g_ptr_array_add(argv, "--args");
    g_ptr_array_add(argv, number);
    g_ptr_array_add(argv, "--");
    /* Looked up by bwrap in the PATH that it has from --setenv by then. */
    for (char **word = spec->argv; *word != NULL; word++)
        g_ptr_array_add(argv, *word);
    g_ptr_array_add(argv, NULL);
    setup->fds[setup->n_fds++] = args;
    bool is_other = is_another_user(spec);
    struct run_spawn spawn = {.argv = (char **)argv->pdata,
                              .fds = setup->fds,
                              .n_fds = setup->n_fds,
                              .terminal = terminal,
                              .has_terminal = terminal >= 0,
                              .is_guarded = true,
                              .becomes = is_other ? spec : NULL,
                              .shows_root = is_other ? SHOWN_ROOT : NULL};
    return run_spawn(&spawn, error);
}

static int run_setup(const struct run_spec *spec, const char *path, struct setup *setup, struct bwrap_watch *bwrap,
                     GError **error)
{
    int info[2], terminal = -1;
    bwrap->watch.master = -1;
    if (pipe2(info, O_CLOEXEC | O_NONBLOCK) != 0 ||
        (spec->terminal && openpty(&bwrap->watch.master, &terminal, NULL, NULL, NULL) != 0)) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make a pipe or a terminal: %s", g_strerror(errno));
        return -1;
    }
    bwrap->info = info[0];
    if (bwrap->watch.master >= 0) {
        fcntl(bwrap->watch.master, F_SETFD, FD_CLOEXEC);
        (void)!fchown(terminal, spec->uid, (gid_t)-1);
    }
    int args = make_words(setup, spec, info[1], error);
    int pid = args >= 0 ? start(spec, path, args, setup, terminal, error) : -1;
    if (terminal >= 0)
        close(terminal);
    return pid;
}

/* bwrap's own status, when its set-up failed, would be taken for the program's. */
static int wait_for(struct bwrap_watch *bwrap, int *ret_not_started, GError **error)
{
    int status = run_watch_wait(&bwrap->watch, ret_not_started, error);
    if (status <= 0 || status > 128 || find_told(bwrap, "\"exit-code\":") != NULL)
        return status;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "bwrap did not start the program and has said why; --runtime builtin needs nothing but the kernel");
    return -1;
}

int run_bwrap(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error)
{
    g_autofree char *path = g_find_program_in_path("bwrap");
    if (path == NULL) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "bwrap is not installed; install bubblewrap, or use --runtime "
                    "builtin");
        return -1;
    }
    struct setup setup = {.words = g_byte_array_new()};
    struct bwrap_watch bwrap = {.watch = {.spec = spec, .signal_fd = signal_fd, .channel = -1, .forward = forward},
                                .info = -1};
    bwrap.watch.pid = run_setup(spec, path, &setup, &bwrap, error);
    for (size_t i = 0; i < setup.n_fds; i++)
        close(setup.fds[i]);
    g_byte_array_free(setup.words, TRUE);
    int status = -1;
    if (bwrap.watch.pid > 0)
        status = wait_for(&bwrap, ret_not_started, error);
    else if (bwrap.watch.master >= 0)
        close(bwrap.watch.master);
    if (bwrap.info >= 0)
        close(bwrap.info);
    return status;
}
