#include "run_ids.h"

#include "app_error.h"
#include "quantity.h"
#include "run_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_BYTES (1024 * 1024)

static char *read_host(const char *path)
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *text = run_inside_read(root, path, MOST_BYTES);
    close(root);
    return text;
}

size_t run_ids_parse(const char *text, const char *name, uid_t uid, struct run_id_range ranges[static RUN_MOST_RANGES],
                     size_t n)
{
    g_autofree char *number = g_strdup_printf("%u", uid);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    uint32_t next = n > 0 ? ranges[n - 1].inside + ranges[n - 1].count : 0;
    for (char **line = lines; *line != NULL && n < RUN_MOST_RANGES; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, ":", 4);
        uint32_t first, count;
        if (g_strv_length(fields) != 3 || (g_strcmp0(fields[0], name) != 0 && strcmp(fields[0], number) != 0))
            continue;
        if (!quantity_id(g_strstrip(fields[1]), &first) || !quantity_id(g_strstrip(fields[2]), &count) || count == 0 ||
            count > UINT32_MAX - first || count > UINT32_MAX - next)
            continue;
        ranges[n++] = (struct run_id_range){next, first, count};
        next += count;
    }
    return n;
}

static size_t find_ranges(const char *file, uid_t uid, uint32_t self,
                          struct run_id_range ranges[static RUN_MOST_RANGES])
{
    ranges[0] = (struct run_id_range){0, self, 1};
    g_autofree char *text = read_host(file);
    if (text == NULL)
        return 1;
    const struct passwd *user = getpwuid(uid);
    return run_ids_parse(text, user != NULL ? user->pw_name : NULL, uid, ranges, 1);
}

static bool has_helpers(void)
{
    g_autofree char *users = g_find_program_in_path("newuidmap");
    g_autofree char *groups = g_find_program_in_path("newgidmap");
    return users != NULL && groups != NULL;
}

void run_ids_plan(uid_t uid, gid_t gid, struct run_id_maps *ret)
{
    memset(ret, 0, sizeof *ret);
    /* The root of a user namespace (where nobody but he may exist) has no lines of his own in these files. */
    if (geteuid() != 0 && has_helpers()) {
        ret->n_users = find_ranges("/etc/subuid", geteuid(), geteuid(), ret->users);
        ret->n_groups = find_ranges("/etc/subgid", geteuid(), getegid(), ret->groups);
    }
    if (ret->n_users > 1 && ret->n_groups > 1)
        return;
    ret->is_single = true;
    ret->n_users = ret->n_groups = 1;
    ret->users[0] = (struct run_id_range){uid, geteuid(), 1};
    ret->groups[0] = (struct run_id_range){gid, getegid(), 1};
}

static gboolean write_file(pid_t pid, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (!is_written)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot set up the user namespace: %s: %s", name,
                    g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return is_written;
}

static gboolean write_single(const char *name, const struct run_id_range *range, pid_t pid, GError **error)
{
    g_autofree char *text = g_strdup_printf("%u %u 1\n", range->inside, range->outside);
    return write_file(pid, name, text, error);
}

static gboolean call_helper(const char *program, const struct run_id_range *ranges, size_t n, pid_t pid, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(words, g_strdup(program));
    g_ptr_array_add(words, g_strdup_printf("%d", (int)pid));
    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(words, g_strdup_printf("%u", ranges[i].inside));
        g_ptr_array_add(words, g_strdup_printf("%u", ranges[i].outside));
        g_ptr_array_add(words, g_strdup_printf("%u", ranges[i].count));
    }
    g_ptr_array_add(words, NULL);
    g_autofree char *said = NULL;
    g_autoptr(GError) problem = NULL;
    int status;
    if (g_spawn_sync("/", (char **)words->pdata, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                     NULL, &said, &status, &problem) &&
        g_spawn_check_wait_status(status, NULL))
        return TRUE;
    g_autofree char *line = g_strdelimit(g_strdup(said != NULL ? g_strstrip(said) : problem->message), "\n", ' ');
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "cannot set up the user namespace: %s: %s; see this user's lines in /etc/subuid and /etc/subgid",
                program, line);
    return FALSE;
}

gboolean run_ids_write(const struct run_id_maps *maps, pid_t pid, GError **error)
{
    if (!maps->is_single)
        return call_helper("newuidmap", maps->users, maps->n_users, pid, error) &&
               call_helper("newgidmap", maps->groups, maps->n_groups, pid, error);
    return write_file(pid, "setgroups", "deny", error) && write_single("uid_map", &maps->users[0], pid, error) &&
           write_single("gid_map", &maps->groups[0], pid, error);
}

static bool is_in_map(const char *path, uint32_t id)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return true; /* a kernel without user namespaces */
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        unsigned inside, outside, count;
        if (sscanf(*line, "%u %u %u", &inside, &outside, &count) == 3 && id >= inside && id - inside < count)
            return true;
    }
    return false;
}

bool run_ids_exist(uid_t uid, gid_t gid)
{
    return is_in_map("/proc/self/uid_map", uid) && is_in_map("/proc/self/gid_map", gid);
}

bool run_ids_may_mount(void)
{
    cap_t now = cap_get_proc();
    cap_flag_value_t has = CAP_CLEAR;
    bool may = now != NULL && cap_get_flag(now, CAP_SYS_ADMIN, CAP_EFFECTIVE, &has) == 0 && has == CAP_SET;
    cap_free(now);
    return may;
}

bool run_ids_is_initial(void)
{
    /* The number that every kernel gives it (PROC_USER_INIT_INO). */
    struct stat st;
    return stat("/proc/self/ns/user", &st) != 0 || st.st_ino == 0xEFFFFFFDU;
}

/* Runs beside us, outside of our namespace: waits for it to be there, then gives it its users. */
static _Noreturn void help(const struct run_id_maps *maps, pid_t pid, int go, int answer)
{
    char byte;
    g_autoptr(GError) error = NULL;
    if (read(go, &byte, 1) != 1)
        _exit(1);
    if (run_ids_write(maps, pid, &error))
        _exit(0);
    if (write(answer, error->message, strlen(error->message)) < 0)
        _exit(2);
    _exit(1);
}

static gboolean wait_for_helper(pid_t helper, int answer, GError **error)
{
    char text[1024];
    ssize_t n = read(answer, text, sizeof text - 1);
    int status = 0;
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;
    text[MAX(n, 0)] = '\0';
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s", n > 0 ? text : "cannot set up the user namespace");
    return FALSE;
}

gboolean run_ids_enter(GError **error)
{
    if (run_ids_may_mount())
        return TRUE;
    struct run_id_maps maps;
    run_ids_plan(0, 0, &maps);
    int go[2] = {-1, -1}, answer[2] = {-1, -1};
    pid_t self = getpid(), helper = -1;
    gboolean is_done = FALSE;
    if (pipe2(go, O_CLOEXEC) == 0 && pipe2(answer, O_CLOEXEC) == 0)
        helper = fork();
    if (helper == 0) {
        close(go[1]);
        help(&maps, self, go[0], answer[1]);
    }
    if (helper > 0) {
        close(answer[1]);
        answer[1] = -1;
        int problem = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno;
        if (problem != 0 || write(go[1], "g", 1) != 1) {
            close(go[1]);
            go[1] = -1;
        }
        is_done = wait_for_helper(helper, answer[0], problem == 0 ? error : NULL);
        if (problem != 0)
            g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                        "cannot make a user namespace: %s; run as root, or allow them to users (sysctl "
                        "user.max_user_namespaces, kernel.unprivileged_userns_clone)",
                        g_strerror(problem));
    } else {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start a process: %s", g_strerror(errno));
    }
    for (size_t i = 0; i < 2; i++) {
        if (go[i] >= 0)
            close(go[i]);
        if (answer[i] >= 0)
            close(answer[i]);
    }
    if (is_done && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make a mount namespace: %s", g_strerror(errno));
        return FALSE;
    }
    return is_done;
}
