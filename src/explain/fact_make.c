#include "fact_make.h"

#include "caller.h"
#include "pattern.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PYCACHE "__pycache__"

bool fact_is_noise(const char *path)
{
    for (const char *at = path; (at = strstr(at, "/" PYCACHE)) != NULL; at++) {
        char next = at[strlen("/" PYCACHE)];
        if (next == '\0' || next == '/')
            return true;
    }
    return false;
}

bool fact_is_touch_of_file(const struct denial_record *record)
{
    return g_strcmp0(record->caller->comm, "touch") == 0 &&
           (record->facts.operation == DENIAL_OPEN || record->facts.operation == DENIAL_UTIMES);
}

/* As mkstemp(3) creates it: nobody else would ask for these flags together. */
static bool is_made_up(const struct denial_facts *facts)
{
    const int wanted = O_CREAT | O_EXCL;
    return facts->operation == DENIAL_CREATE && facts->flags >= 0 && (facts->flags & wanted) == wanted &&
           (facts->flags & O_ACCMODE) == O_RDWR && (facts->mode & 07777) == 0600;
}

static bool has_no_name(const struct denial_facts *facts)
{
    return facts->name_unknown || facts->operation == DENIAL_TMPFILE || strcmp(facts->path, "/") == 0;
}

/* "/usr", any directories, "/__pycache__/", any name: of all packages one place. */
static char *noise_place(const char *path)
{
    const char *end = strchr(path + 1, '/');
    g_autofree char *top = g_strndup(path, end != NULL ? (gsize)(end - path) : strlen(path));
    if (strcmp(top, "/" PYCACHE) == 0)
        return g_strdup("/" PYCACHE "/*");
    return g_strconcat(top, "/**/" PYCACHE "/*", NULL);
}

static void set_place(struct fact *fact, const struct denial_record *record)
{
    const struct denial_facts *facts = &record->facts;
    const struct caller *caller = record->caller;
    const struct pattern_hints hints = {.pids = {caller->pid, caller->pid_inside, caller->tid},
                                        .is_made_up = is_made_up(facts)};
    fact->directory = has_no_name(facts) ? g_strdup(facts->path) : g_path_get_dirname(facts->path);
    if (fact_is_noise(facts->path)) {
        fact->place = noise_place(facts->path);
        return;
    }
    g_autofree char *name = has_no_name(facts) ? NULL : g_path_get_basename(facts->path);
    g_autofree char *pattern = name != NULL ? pattern_of(name, &hints) : g_strdup("*");
    g_autofree char *directory = pattern_of_directory(fact->directory, &hints);
    fact->place = g_strconcat(strcmp(directory, "/") == 0 ? "" : directory, "/", pattern, NULL);
}

static void set_process(struct fact *fact, const struct caller *caller)
{
    fact->executable = g_strdup(caller->exe);
    fact->comm = g_strdup(caller->comm);
    g_clear_pointer(&fact->args, g_strfreev);
    size_t n_args = MIN(caller->n_args, FACT_MOST_ARGS);
    fact->args = g_new0(char *, n_args + 1);
    for (size_t i = 0; i < n_args; i++)
        fact->args[i] = g_strdup(caller->args[i]);
    for (size_t i = 0; i < MIN(caller->n_parents, FACT_MOST_PARENTS); i++) {
        const struct caller_parent *parent = &caller->parents[i];
        const char *name = parent->exe != NULL ? parent->exe : parent->comm != NULL ? parent->comm : "?";
        g_ptr_array_add(fact->parents, g_strdup(name));
        fact->parents_inside |= (uint32_t)(parent->home == CALLER_HOME_INSIDE) << i;
        fact->parents_outside |= (uint32_t)(parent->home == CALLER_HOME_OUTSIDE) << i;
    }
    fact->pid = caller->pid;
    for (size_t i = 0; i < MIN(caller->n_groups, FACT_MOST_GROUPS); i++) {
        if (caller->groups[i] != (gid_t)-1)
            g_array_append_val(fact->groups, caller->groups[i]);
    }
    fact->container_id = g_strdup(caller->container_id);
}

struct fact *fact_make(const struct denial_record *record)
{
    const struct denial_facts *facts = &record->facts;
    struct fact *fact = fact_new();
    set_place(fact, record);
    g_ptr_array_add(fact->paths, g_strdup(facts->path));
    fact->operations = UINT32_C(1) << facts->operation;
    fact->why = facts->why;
    fact->error = facts->error;
    fact->learned = facts->learned;
    fact->held_by = facts->place;
    fact->layer = facts->layer;
    fact->layer_dir = g_strdup(facts->layer_dir);
    fact->route_target = g_strdup(facts->route_target);
    fact->route_kind = g_strdup(facts->route_kind);
    set_process(fact, record->caller);
    fact->uid = facts->uid;
    fact->gid = facts->gid;
    fact->count = 1;
    fact->first = fact->last = record->first;
    fact_set_id(fact);
    return fact;
}

bool fact_is_same_start(const struct timespec *a, const struct timespec *b)
{
    double difference = (double)(a->tv_sec - b->tv_sec) + (double)(a->tv_nsec - b->tv_nsec) / 1e9;
    return difference > -0.5 && difference < 0.5;
}

/* The directory that holds two absolute, clean paths; owned. */
static char *common_directory(const char *a, const char *b)
{
    size_t common = 0, i = 0;
    for (; a[i] != '\0' && a[i] == b[i]; i++) {
        if (a[i] == '/')
            common = i;
    }
    /* One of them may hold the other. */
    if ((a[i] == '\0' || a[i] == '/') && (b[i] == '\0' || b[i] == '/'))
        common = i;
    return common == 0 ? g_strdup("/") : g_strndup(a, common);
}

static int compare_times(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

void fact_merge(struct fact *into, const struct fact *from)
{
    into->count += from->count;
    into->operations |= from->operations;
    if (compare_times(&from->first, &into->first) < 0)
        into->first = from->first;
    if (compare_times(&from->last, &into->last) >= 0) {
        into->last = from->last;
        into->pid = from->pid;
    }
    for (guint i = 0; i < from->paths->len && into->paths->len < FACT_MOST_PATHS; i++) {
        const char *path = g_ptr_array_index(from->paths, i);
        if (!g_ptr_array_find_with_equal_func(into->paths, path, g_str_equal, NULL))
            g_ptr_array_add(into->paths, g_strdup(path));
    }
    char *common = common_directory(into->directory, from->directory);
    g_free(into->directory);
    into->directory = common;
    fact_decide(into, from->class, from->because, g_strdup(from->reason));
}

/* How strong what was seen is. */
static int strength(enum fact_class class, enum fact_because because)
{
    if (because == FACT_NOISE || because == FACT_KNOWN)
        return 5;
    switch (class) {
    case FACT_FATAL:
        return because == FACT_ENDED_EARLIER ? 1 : 4;
    case FACT_TOLERATED:
        return 3;
    case FACT_PROBE:
        return 2;
    default:
        return 0;
    }
}

bool fact_decide(struct fact *fact, enum fact_class class, enum fact_because because, char *reason)
{
    int now = strength(fact->class, fact->because), then = strength(class, because);
    /* As strong: the newer one, whose times and numbers are those of the latest process. */
    if (then < now || now == 5) {
        g_free(reason);
        return false;
    }
    fact->class = class;
    fact->because = because;
    g_free(fact->reason);
    fact->reason = reason;
    return true;
}
