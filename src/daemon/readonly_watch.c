#include "readonly_watch.h"

#include "mount_table.h"
#include "process.h"
#include "text.h"

#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Other namespaces are looked at so often; and never more often than that, however many mounts come and go. */
#define PERIOD_MS 5000
#define PAUSE_MS 1000

/* Whoever may mount can make any number of them: so many are told at a time, and so many remembered. */
#define TELL_MAX 8
#define REMEMBER_MAX 1024

/* A read-only mount. */
struct seen {
    char *key;   /* "NAMESPACE POINT"; owned */
    char *where; /* for people; owned */
};

struct readonly_watch {
    dev_t device;
    int fd;          /* /proc/self/mountinfo, owned */
    int64_t last_ms; /* when it was looked the last time */
    int64_t next_ms;
    GPtrArray *known; /* struct seen: those that were there the last time; owned */
};

/* One look. */
struct look {
    struct readonly_watch *watch;
    GPtrArray *namespaces; /* links of those that were looked at, our own first; owned */
    GPtrArray *found;      /* becomes known */
    unsigned n_told;
    bool is_other; /* something is there that was not */
    void (*tell)(void *data, const char *message);
    void *data;
};

static void seen_free(gpointer data)
{
    struct seen *seen = data;
    g_free(seen->key);
    g_free(seen->where);
    g_free(seen);
}

static gboolean has_key(gconstpointer seen, gconstpointer key)
{
    return strcmp(((const struct seen *)seen)->key, key) == 0;
}

/* The one with a key, or NULL. */
static const struct seen *find(GPtrArray *list, const char *key)
{
    guint i;
    return g_ptr_array_find_with_equal_func(list, key, has_key, &i) ? g_ptr_array_index(list, i) : NULL;
}

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

struct readonly_watch *readonly_watch_new(dev_t device)
{
    struct readonly_watch *watch = g_new0(struct readonly_watch, 1);
    watch->device = device;
    watch->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    watch->last_ms = now_ms() - PAUSE_MS;
    watch->next_ms = now_ms();
    watch->known = g_ptr_array_new_with_free_func(seen_free);
    return watch;
}

void readonly_watch_free(struct readonly_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    g_ptr_array_unref(watch->known);
    g_free(watch);
}

int readonly_watch_fd(const struct readonly_watch *watch)
{
    return watch->fd;
}

void readonly_watch_changed(struct readonly_watch *watch)
{
    watch->next_ms = MIN(watch->next_ms, watch->last_ms + PAUSE_MS);
}

int readonly_watch_timeout(const struct readonly_watch *watch)
{
    return (int)CLAMP(watch->next_ms - now_ms(), 0, PERIOD_MS);
}

static bool contains(const GPtrArray *list, const char *text)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)list, text, g_str_equal, NULL);
}

/* @pid: a process of the namespace, 0 for our own. */
static char *describe(const struct mount_entry *entry, pid_t pid)
{
    g_autofree char *point = text_word(entry->point);
    g_autofree char *comm = pid != 0 ? process_comm(pid) : NULL;
    return pid != 0 ? g_strdup_printf("%s as process %d (%s) sees it", point, (int)pid, comm) : g_steal_pointer(&point);
}

static void tell(struct look *look, const struct mount_entry *entry, const char *where)
{
    g_autofree char *root = text_word(entry->root);
    g_autofree char *message = g_strdup_printf(
        "%s of this mount is read-only for the kernel at %s: writes there are refused before rofuse sees them and are "
        "not in this log; make it read-write there, rofuse refuses them itself",
        root, where);
    look->tell(look->data, message);
}

static void check_table(struct look *look, const char *namespace, const char *path, pid_t pid)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    g_autoptr(GPtrArray) table = mount_table_parse(text);
    for (guint i = 0; i < table->len && look->found->len < REMEMBER_MAX; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (entry->device != look->watch->device || !entry->is_read_only)
            continue;
        g_autofree char *key = g_strconcat(namespace, " ", entry->point, NULL);
        /* A new namespace begins with a copy of all mounts: what was told of ours is not told again of each. */
        g_autofree char *ours = g_strconcat((char *)g_ptr_array_index(look->namespaces, 0), " ", entry->point, NULL);
        if (find(look->found, key) != NULL || find(look->found, ours) != NULL)
            continue;
        const struct seen *known = find(look->watch->known, key);
        if (known == NULL && look->n_told == TELL_MAX)
            continue; /* the next time */
        g_autofree char *where = known != NULL ? g_strdup(known->where) : describe(entry, pid);
        if (known == NULL) {
            look->n_told++;
            look->is_other = true;
            tell(look, entry, where);
        }
        struct seen *seen = g_new(struct seen, 1);
        *seen = (struct seen){.key = g_steal_pointer(&key), .where = g_steal_pointer(&where)};
        g_ptr_array_add(look->found, seen);
    }
}

/* The mount namespace of a process, unless it was looked at. */
static void check_process(struct look *look, pid_t pid)
{
    char path[64];
    g_snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    char *namespace = g_file_read_link(path, NULL);
    if (namespace == NULL || contains(look->namespaces, namespace)) {
        g_free(namespace);
        return;
    }
    g_ptr_array_add(look->namespaces, namespace);
    g_snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
    check_table(look, namespace, path, pid);
}

bool readonly_watch_look(struct readonly_watch *watch, void (*tell_one)(void *data, const char *message), void *data)
{
    if (now_ms() < watch->next_ms)
        return false;
    struct look look = {.watch = watch, .tell = tell_one, .data = data};
    look.namespaces = g_ptr_array_new_with_free_func(g_free);
    look.found = g_ptr_array_new_with_free_func(seen_free);
    char *own = g_file_read_link("/proc/self/ns/mnt", NULL);
    g_ptr_array_add(look.namespaces, own != NULL ? own : g_strdup("ours"));
    check_table(&look, g_ptr_array_index(look.namespaces, 0), "/proc/self/mountinfo", 0);
    GDir *listing = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        if (g_ascii_isdigit(*name))
            check_process(&look, (pid_t)atoi(name));
    }
    if (listing != NULL)
        g_dir_close(listing);
    g_ptr_array_unref(look.namespaces);
    bool is_other = look.is_other || look.found->len != watch->known->len;
    g_ptr_array_unref(watch->known);
    watch->known = look.found;
    watch->last_ms = now_ms();
    watch->next_ms = watch->last_ms + PERIOD_MS;
    return is_other;
}

char **readonly_watch_places(const struct readonly_watch *watch)
{
    char **places = g_new0(char *, watch->known->len + 1);
    for (guint i = 0; i < watch->known->len; i++)
        places[i] = g_strdup(((const struct seen *)g_ptr_array_index(watch->known, i))->where);
    return places;
}
