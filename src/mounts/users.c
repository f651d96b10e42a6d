#include "users.h"

#include "mapped_files.h"
#include "mount_table.h"
#include "process.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct search {
    dev_t device;
    const char *name; /* of the mount, its source in the tables; NULL = any of ours */
    const char *mountpoint;
    const char *namespace; /* our mount namespace, as /proc says it; borrowed; NULL = unknown */
    pid_t pid;
    pid_t asked; /* whether another file system has the device's number was asked of its table, and is ... */
    bool is_of_others;
    bool is_near; /* pid is in our mount namespace */
    char *comm;   /* of pid, owned */
    GPtrArray *lines;
    unsigned limit;
    unsigned left_out;
};

/* Paths under the mount as the program inside sees them; others as they are. */
static char *shown_path(const struct search *search, const char *path)
{
    size_t length = strlen(search->mountpoint);
    if (strncmp(path, search->mountpoint, length) == 0 && (path[length] == '/' || path[length] == '\0'))
        path += length;
    return text_word(*path != '\0' ? path : "/");
}

static void add(struct search *search, const char *what, const char *path)
{
    if (search->lines->len >= search->limit) {
        search->left_out++;
        return;
    }
    g_autofree char *shown = path != NULL ? shown_path(search, path) : g_strdup("");
    g_ptr_array_add(search->lines, g_strdup_printf("pid %d (%s): %s%s%s", (int)search->pid, search->comm, what,
                                                   path != NULL ? " " : "", shown));
}

static GPtrArray *read_table(const char *path)
{
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? mount_table_parse(text) : g_ptr_array_new();
}

static bool is_ours(const struct search *search, const struct mount_entry *entry)
{
    return mount_entry_is_rofuse(entry) && (search->name == NULL || strcmp(entry->source, search->name) == 0);
}

/* Whether another file system has the number of ours by now, which is gone then. */
static bool find_others(const struct search *search)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/mountinfo", (int)search->pid);
    g_autoptr(GPtrArray) table = read_table(path);
    for (guint i = 0; i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (entry->device == search->device && !is_ours(search, entry))
            return true;
    }
    return false;
}

/* A process that uses the mount does so by many files; its table is read once. */
static bool is_of_others(struct search *search)
{
    if (search->asked != search->pid)
        search->is_of_others = find_others(search);
    search->asked = search->pid;
    return search->is_of_others;
}

/* A magic link of /proc; followed with AT_STATX_DONT_SYNC, so the daemon is not asked and cannot make us wait. */
static bool is_on_device(struct search *search, const char *link)
{
    struct statx st;
    return statx(AT_FDCWD, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
           makedev(st.stx_dev_major, st.stx_dev_minor) == search->device && !is_of_others(search);
}

/* On another file system that is mounted below the mount point (a native route): known by the path, which means the same
 * there as here only in our own mount namespace. */
static bool is_below(const struct search *search, const char *path)
{
    size_t length = strlen(search->mountpoint);
    return search->is_near && path != NULL && strncmp(path, search->mountpoint, length) == 0 && path[length] == '/';
}

static void check_link(struct search *search, const char *link, const char *what)
{
    bool is_ours = is_on_device(search, link);
    g_autofree char *path = g_file_read_link(link, NULL);
    if (is_ours || is_below(search, path))
        add(search, what, path);
}

static void check_files(struct search *search)
{
    g_autofree char *directory = g_strdup_printf("/proc/%d/fd", (int)search->pid);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *link = g_build_filename(directory, name, NULL);
        check_link(search, link, "open file");
    }
    if (listing != NULL)
        g_dir_close(listing);
}

/* Where a table has the mount: at another place than the one that is being unmounted. NULL for nowhere; owned. */
static char *find_point(const struct search *search, const char *table_path, const char *except)
{
    g_autoptr(GPtrArray) table = read_table(table_path);
    for (guint i = 0; i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (entry->device == search->device && is_ours(search, entry) && g_strcmp0(entry->point, except) != 0)
            return text_word(entry->point);
    }
    return NULL;
}

/* A process of another mount namespace that has the mount keeps it alive, even where nobody uses it. */
static void check_namespace(struct search *search, GPtrArray *namespaces)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/ns/mnt", (int)search->pid);
    char *name = g_file_read_link(link, NULL);
    if (name == NULL || g_ptr_array_find_with_equal_func(namespaces, name, g_str_equal, NULL)) {
        g_free(name);
        return;
    }
    g_ptr_array_add(namespaces, name);
    g_autofree char *path = g_strdup_printf("/proc/%d/mountinfo", (int)search->pid);
    g_autofree char *point = find_point(search, path, NULL);
    if (point == NULL)
        return;
    g_autofree char *what = g_strconcat("in a mount namespace which has it at ", point, NULL);
    add(search, what, NULL);
}

static void check_process(struct search *search, GPtrArray *namespaces)
{
    g_autofree char *cwd = g_strdup_printf("/proc/%d/cwd", (int)search->pid);
    g_autofree char *root = g_strdup_printf("/proc/%d/root", (int)search->pid);
    g_autofree char *exe = g_strdup_printf("/proc/%d/exe", (int)search->pid);
    g_autofree char *link = g_strdup_printf("/proc/%d/ns/mnt", (int)search->pid);
    g_autofree char *namespace = g_file_read_link(link, NULL);
    search->comm = process_comm(search->pid);
    search->is_near = namespace != NULL && g_strcmp0(namespace, search->namespace) == 0;
    check_link(search, cwd, "working directory");
    check_link(search, root, "root directory");
    check_link(search, exe, "runs");
    check_files(search);
    check_namespace(search, namespaces);
    g_clear_pointer(&search->comm, g_free);
}

/* Calls for every pid of /proc. */
static void each_process(void (*visit)(void *data, pid_t pid), void *data)
{
    GDir *listing = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        if (g_ascii_isdigit(*name))
            visit(data, (pid_t)atoi(name));
    }
    if (listing != NULL)
        g_dir_close(listing);
}

static void collect(void *data, pid_t pid)
{
    g_array_append_val((GArray *)data, pid);
}

static void add_mapped_file(void *data, pid_t pid, const char *path)
{
    struct search *search = data;
    search->pid = pid;
    if (is_of_others(search))
        return;
    search->comm = process_comm(pid);
    add(search, "mapped file", path);
    g_clear_pointer(&search->comm, g_free);
}

bool users_find_mounts(dev_t device, const char *name)
{
    struct search search = {.device = device, .name = name, .comm = (char *)"", .limit = 1};
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) namespaces = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    search.lines = lines;
    each_process(collect, pids);
    for (guint i = 0; i < pids->len && lines->len == 0; i++) {
        search.pid = g_array_index(pids, pid_t, i);
        check_namespace(&search, namespaces);
    }
    return lines->len > 0;
}

GPtrArray *users_find(dev_t device, const char *name, const char *mountpoint, pid_t except, unsigned limit)
{
    struct search search = {.device = device, .name = name, .mountpoint = mountpoint, .limit = limit};
    search.lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) namespaces = g_ptr_array_new_with_free_func(g_free);
    /* Our own namespace's mounts are what is being unmounted. */
    char *own = g_file_read_link("/proc/self/ns/mnt", NULL);
    if (own != NULL)
        g_ptr_array_add(namespaces, own);
    search.namespace = own;
    g_autofree char *bind = find_point(&search, "/proc/self/mountinfo", mountpoint);
    if (bind != NULL)
        g_ptr_array_add(search.lines, g_strdup_printf("it is mounted at %s as well", bind));
    g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    each_process(collect, pids);
    for (guint i = pids->len; i > 0; i--) {
        pid_t pid = g_array_index(pids, pid_t, i - 1);
        if (pid == except || pid == getpid())
            g_array_remove_index(pids, i - 1);
    }
    for (guint i = 0; i < pids->len; i++) {
        search.pid = g_array_index(pids, pid_t, i);
        check_process(&search, namespaces);
    }
    mapped_files_each((const pid_t *)(const void *)pids->data, pids->len, device, add_mapped_file, &search);
    if (search.left_out > 0)
        g_ptr_array_add(search.lines, g_strdup_printf("and %u more", search.left_out));
    return search.lines;
}

struct daemon_search {
    unsigned connection; /* the kernel's number of a FUSE connection is its device's minor */
    pid_t found;
};

static void visit_daemon(void *data, pid_t pid)
{
    struct daemon_search *search = data;
    if (search->found != 0)
        return;
    g_autofree char *directory = g_strdup_printf("/proc/%d/fd", (int)pid);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    while (listing != NULL && search->found == 0 && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *link = g_build_filename(directory, name, NULL);
        g_autofree char *file = g_file_read_link(link, NULL);
        if (file == NULL || !g_str_has_suffix(file, "/fuse"))
            continue;
        g_autofree char *info = g_strdup_printf("/proc/%d/fdinfo/%s", (int)pid, name);
        g_autofree char *text = NULL;
        unsigned number;
        const char *key;
        if (g_file_get_contents(info, &text, NULL, NULL) && (key = strstr(text, "fuse_connection:")) != NULL &&
            sscanf(key, "fuse_connection: %u", &number) == 1 && number == search->connection)
            search->found = pid;
    }
    if (listing != NULL)
        g_dir_close(listing);
}

pid_t users_find_daemon(dev_t device)
{
    struct daemon_search search = {.connection = minor(device)};
    each_process(visit_daemon, &search);
    return search.found;
}
