#include "caller.h"

#include "caller_memory.h"
#include "proc_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_SIZE 16384 /* a status file with 256 groups is half of this */
#define OVERFLOW_ID 65534 /* /proc/sys/kernel/overflowuid, which nobody changes */
#define MAP_SIZE 16384    /* 340 lines, the most that a user namespace has */

/* Capabilities over files that count in a user namespace below ours; the others are asked of the first one only. */
#define BIT(capability) (UINT64_C(1) << (capability))
#define OVER_FILES                                                                                                     \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID))

/* A link, as the process itself spells it: in a chroot without the way to its root. @root: its link of that name, or NULL. */
static char *read_link_inside(pid_t tid, const char *name, const char *root)
{
    g_autofree char *target = proc_file_link(tid, name);
    size_t length = root != NULL ? strlen(root) : 0;
    if (target == NULL || length < 2 || strncmp(target, root, length) != 0)
        return g_steal_pointer(&target);
    if (target[length] == '\0')
        return g_strdup("/");
    return target[length] == '/' ? g_strdup(target + length) : g_steal_pointer(&target);
}

/* The value of a line of a status file, behind the colon and white space; not terminated at the line's end. */
static const char *status_value(const char *status, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = status; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, key, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;
            return value + strspn(value, "\t ");
        }
    }
    return NULL;
}

static pid_t status_number(const char *status, const char *key)
{
    const char *value = status_value(status, key);
    return value != NULL && isdigit((unsigned char)*value) ? (pid_t)strtol(value, NULL, 10) : -1;
}

/* The last of the numbers on a line: the one of the innermost namespace. */
static pid_t status_last_number(const char *status, const char *key)
{
    const char *value = status_value(status, key);
    pid_t last = -1;
    while (value != NULL && isdigit((unsigned char)*value)) {
        char *end;
        last = (pid_t)strtol(value, &end, 10);
        value = end + strspn(end, "\t ");
    }
    return last;
}

static gid_t *status_groups(const char *status, size_t *ret_n)
{
    const char *value = status_value(status, "Groups");
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    while (value != NULL && isdigit((unsigned char)*value) && groups->len < CALLER_MAX_GROUPS) {
        char *end;
        gid_t group = (gid_t)strtoul(value, &end, 10);
        g_array_append_val(groups, group);
        value = end + strspn(end, " ");
    }
    *ret_n = groups->len;
    return (gid_t *)(void *)g_array_free(groups, FALSE);
}

int caller_groups(pid_t tid, gid_t **ret, size_t *ret_n)
{
    char status[STATUS_SIZE];
    ssize_t length = proc_file_read(tid, "status", status, sizeof status);
    if (length < 0)
        return (int)length;
    *ret = status_groups(status, ret_n);
    return 0;
}

/* In whichever user namespace the thread lives. */
static int read_capabilities(pid_t tid, uint64_t *ret_effective)
{
    char status[STATUS_SIZE];
    ssize_t length = proc_file_read(tid, "status", status, sizeof status);
    if (length < 0)
        return (int)length;
    const char *value = status_value(status, "CapEff");
    if (value == NULL)
        return -ENODATA;
    *ret_effective = strtoull(value, NULL, 16);
    return 0;
}

static bool in_our_user_namespace(pid_t tid)
{
    char path[PROC_FILE_PATH_MAX];
    struct stat his, ours;
    return stat(proc_file_path(path, tid, "ns/user"), &his) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
           his.st_dev == ours.st_dev && his.st_ino == ours.st_ino;
}

/*
 * Whether a map of a thread's user namespace (user_namespaces(7): inside, outside, length) knows an id as we see it. Of our
 * own namespace that is the first column, and what it does not know is shown to us as the overflow id.
 */
static bool map_knows(pid_t tid, const char *name, uint64_t id, bool ours)
{
    char text[MAP_SIZE];
    if (proc_file_read(tid, name, text, sizeof text) < 0)
        return false;
    for (char *at = text; *at != '\0';) {
        char *end;
        uint64_t inside = strtoull(at, &end, 10), outside = strtoull(end, &end, 10), length = strtoull(end, &end, 10);
        if (end == at)
            return false;
        uint64_t first = ours ? inside : outside;
        if (id >= first && id - first < length)
            return length == UINT32_MAX || !ours || id != OVERFLOW_ID;
        at = end + strspn(end, " \n");
    }
    return false;
}

int caller_capabilities(pid_t tid, uint64_t *ret_effective)
{
    if (!in_our_user_namespace(tid)) {
        *ret_effective = 0;
        return 0;
    }
    return read_capabilities(tid, ret_effective);
}

int caller_capabilities_over(pid_t tid, uid_t uid, gid_t gid, uint64_t *ret_effective)
{
    int status = read_capabilities(tid, ret_effective);
    if (status < 0 || *ret_effective == 0)
        return status;
    bool ours = in_our_user_namespace(tid);
    if (!map_knows(tid, "uid_map", uid, ours) || !map_knows(tid, "gid_map", gid, ours))
        *ret_effective = 0;
    else if (!ours)
        *ret_effective &= OVER_FILES;
    return 0;
}

static void trim_newline(char *text)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
}

static char *read_comm(pid_t tid)
{
    char comm[64];
    if (proc_file_read(tid, "comm", comm, sizeof comm) < 0)
        return NULL;
    trim_newline(comm);
    return g_strdup(comm);
}

static char *take_deleted(char *exe, bool *ret_deleted)
{
    static const char mark[] = " (deleted)";
    *ret_deleted = exe != NULL && g_str_has_suffix(exe, mark);
    if (*ret_deleted)
        exe[strlen(exe) - strlen(mark)] = '\0';
    return exe;
}

char *caller_executable(pid_t tid)
{
    bool deleted;
    char *name = tid == 0 ? NULL : take_deleted(proc_file_link(tid, "exe"), &deleted);
    if (name == NULL && tid != 0)
        name = read_comm(tid);
    return name != NULL ? name : g_strdup("");
}

/* Field 22 of stat, in clock ticks since the system started; -1 = unknown. The comm in field 2 may hold anything. */
static int64_t start_ticks(pid_t tid)
{
    char stat[1024];
    if (proc_file_read(tid, "stat", stat, sizeof stat) < 0)
        return -1;
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL && isdigit((unsigned char)*at) ? strtoll(at, NULL, 10) : -1;
}

static bool start_time(pid_t tid, struct timespec *ret)
{
    int64_t ticks = start_ticks(tid);
    long per_second = sysconf(_SC_CLK_TCK);
    struct timespec now, up;
    if (ticks < 0 || per_second <= 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &up) < 0)
        return false;
    int64_t booted = (now.tv_sec - up.tv_sec) * INT64_C(1000000000) + (now.tv_nsec - up.tv_nsec);
    int64_t started = booted + ticks * (INT64_C(1000000000) / per_second);
    *ret = (struct timespec){.tv_sec = started / 1000000000, .tv_nsec = started % 1000000000};
    return true;
}

/* The path of the unified hierarchy ("0::/…") unless that is the root and another line says more. */
static char *read_cgroup(pid_t tid)
{
    char text[8192];
    if (proc_file_read(tid, "cgroup", text, sizeof text) < 0)
        return NULL;
    const char *best = NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        const char *path = strchr(*line, ':');
        path = path != NULL ? strchr(path + 1, ':') : NULL;
        if (path == NULL)
            continue;
        path++;
        bool unified = strncmp(*line, "0::", 3) == 0;
        if (best == NULL || (unified && strcmp(path, "/") != 0) || (strcmp(best, "/") == 0 && strcmp(path, "/") != 0))
            best = path;
    }
    return g_strdup(best);
}

char *caller_container_id(const char *cgroup)
{
    enum { ID_LENGTH = 64 };
    /* The last one wins: a container in a container. */
    for (const char *end = cgroup + strlen(cgroup); end - cgroup >= ID_LENGTH; end--) {
        const char *start = end - ID_LENGTH;
        size_t digits = 0;
        while (digits < ID_LENGTH && g_ascii_isxdigit(start[digits]))
            digits++;
        bool bounded = (start == cgroup || !g_ascii_isxdigit(start[-1])) && !g_ascii_isxdigit(*end);
        if (digits == ID_LENGTH && bounded)
            return g_strndup(start, ID_LENGTH);
    }
    return NULL;
}

static void read_args(struct caller *caller, pid_t tid, struct caller_memory *memory)
{
    g_autofree char *text = g_malloc(CALLER_MAX_ARGS + 1);
    ssize_t length = caller_memory_read(memory, tid, CALLER_MEMORY_ARGS, 0, text, CALLER_MAX_ARGS + 1);
    if (length < 0)
        return;
    GPtrArray *args = g_ptr_array_new();
    caller->args_truncated = length == CALLER_MAX_ARGS;
    for (const char *at = text; at < text + length; at += strlen(at) + 1) {
        if (args->len == CALLER_MOST_ARGS) {
            caller->args_truncated = true;
            break;
        }
        g_ptr_array_add(args, g_strdup(at));
    }
    caller->n_args = args->len;
    g_ptr_array_add(args, NULL);
    caller->args = (char **)g_ptr_array_free(args, FALSE);
}

/* The root directory of a process, and the name that its link has. */
struct named_root {
    struct caller_root root;
    bool is_known;
    char *name; /* owned; NULL = unknown */
};

static struct named_root read_named_root(pid_t tid)
{
    struct named_root at = {.name = proc_file_link(tid, "root")};
    at.is_known = caller_root_read(tid, &at.root);
    return at;
}

/* The same for another process, in place: most have the root directory of the one that they started, whose name is known. */
static void move_named_root(struct named_root *at, pid_t tid)
{
    struct caller_root before = at->root;
    bool was_known = at->is_known;
    at->is_known = caller_root_read(tid, &at->root);
    if (was_known && at->is_known && caller_root_is_same(&before, &at->root))
        return;
    g_free(at->name);
    at->name = proc_file_link(tid, "root");
}

/* @at: the caller's root directory, used up. @mount: as in caller_read(). */
static void read_parents(struct caller *caller, pid_t parent, struct named_root *at, dev_t mount)
{
    const struct caller_root own = at->root;
    bool is_known = at->is_known;
    while (parent > 0 && caller->n_parents < CALLER_MAX_PARENTS) {
        struct caller_parent *ret = &caller->parents[caller->n_parents++];
        char status[STATUS_SIZE];
        bool deleted;
        move_named_root(at, parent);
        *ret = (struct caller_parent){.pid = parent,
                                      .comm = read_comm(parent),
                                      .exe = take_deleted(read_link_inside(parent, "exe", at->name), &deleted),
                                      .home = is_known && at->is_known ? caller_root_home(&own, &at->root, mount)
                                                                       : CALLER_HOME_UNKNOWN};
        if (parent == 1 || proc_file_read(parent, "status", status, sizeof status) < 0)
            break;
        parent = status_number(status, "PPid");
    }
}

struct caller *caller_read(pid_t tid, uid_t uid, gid_t gid, struct caller_memory *memory, dev_t mount)
{
    struct caller *caller = g_new0(struct caller, 1);
    *caller = (struct caller){
        .tid = tid, .uid = uid, .gid = gid, .pid = -1, .pid_inside = -1, .real_uid = (uid_t)-1, .real_gid = (gid_t)-1};
    char status[STATUS_SIZE];
    if (tid == 0 || proc_file_read(tid, "status", status, sizeof status) < 0)
        return caller;
    caller->pid = status_number(status, "Tgid");
    caller->pid_inside = status_last_number(status, "NStgid");
    caller->groups = status_groups(status, &caller->n_groups);
    caller->groups_known = true;
    caller->groups_truncated = caller->n_groups == CALLER_MAX_GROUPS;
    caller->real_uid = (uid_t)status_number(status, "Uid");
    caller->real_gid = (gid_t)status_number(status, "Gid");
    caller->comm = read_comm(tid);
    struct named_root root = read_named_root(tid);
    caller->exe = take_deleted(read_link_inside(tid, "exe", root.name), &caller->exe_deleted);
    caller->cwd = read_link_inside(tid, "cwd", root.name);
    caller->has_start_time = start_time(caller->pid > 0 ? caller->pid : tid, &caller->start_time);
    caller->cgroup = read_cgroup(tid);
    caller->container_id = caller->cgroup != NULL ? caller_container_id(caller->cgroup) : NULL;
    read_parents(caller, status_number(status, "PPid"), &root, mount);
    g_free(root.name);
    read_args(caller, tid, memory);
    return caller;
}

void caller_free(struct caller *caller)
{
    if (caller == NULL)
        return;
    for (size_t i = 0; i < caller->n_parents; i++) {
        g_free(caller->parents[i].comm);
        g_free(caller->parents[i].exe);
    }
    g_free(caller->comm);
    g_free(caller->exe);
    g_strfreev(caller->args);
    g_free(caller->cwd);
    g_free(caller->groups);
    g_free(caller->cgroup);
    g_free(caller->container_id);
    g_free(caller);
}
