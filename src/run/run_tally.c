#include "run_tally.h"

#include "json_bytes.h"
#include "pattern.h"

#include <jansson.h>
#include <string.h>

#define MOST_LINE (1024 * 1024)
#define MOST_GROUPS 2000 /* a few more for those that are there already */
#define MOST_NAMES 5     /* in one directory by one program, before they are one group */

static void free_group(void *data)
{
    struct run_group *group = data;
    g_free(group->directory);
    g_free(group->pattern);
    g_free(group->name);
    g_free(group->exe);
    g_free(group->comm);
    g_free(group->errno_name);
    g_free(group->why);
    g_free(group->route);
    g_ptr_array_unref(group->operations);
    g_free(group);
}

static int compare_keys(const void *a, const void *b, void *data)
{
    (void)data;
    return strcmp(a, b);
}

struct run_tally *run_tally_new(void)
{
    struct run_tally *tally = g_new0(struct run_tally, 1);
    tally->groups = g_ptr_array_new_with_free_func(free_group);
    /* A tree: names are chosen by programs, and a hash of theirs could be made to collide. */
    tally->by_key = g_tree_new_full(compare_keys, NULL, g_free, NULL);
    tally->crowds = g_tree_new_full(compare_keys, NULL, g_free, g_free);
    tally->line = g_string_new(NULL);
    return tally;
}

void run_tally_free(struct run_tally *tally)
{
    if (tally == NULL)
        return;
    g_tree_unref(tally->by_key);
    g_tree_unref(tally->crowds);
    g_ptr_array_unref(tally->groups);
    g_string_free(tally->line, TRUE);
    g_free(tally->mount);
    g_free(tally);
}

static const char *get_word(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

static uint64_t get_count(const json_t *json, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(json, key));
    return number > 0 ? (uint64_t)number : 0;
}

static bool is_one_of(const char *word, const char *const *list)
{
    return g_strv_contains(list, word);
}

bool run_tally_is_write(const char *operation)
{
    static const char *const attributes[] = {"chmod",       "chown",    "utimes", "setxattr",
                                             "removexattr", "setflags", "exec",   NULL};
    return !is_one_of(operation, attributes);
}

/*
 * Whether a call only asked: the record says so; or touch(1) of a file that is there, as entry points of images use it
 * to see whether they may change their configuration.
 */
static bool is_probe(const json_t *record, const char *operation, const char *comm)
{
    static const char *const touched[] = {"open", "utimes", NULL};
    if (json_is_true(json_object_get(record, "probe")) || strcmp(operation, "access") == 0)
        return true;
    return g_strcmp0(comm, "touch") == 0 && is_one_of(operation, touched);
}

/* The place a record is about: a new struct with directory, pattern and name; NULL where it has none. */
static struct run_group *make_place(const json_t *record)
{
    g_autofree char *path = json_bytes_get(record, "path");
    if (path == NULL || *path != '/')
        return NULL;
    struct run_group *group = g_new0(struct run_group, 1);
    group->operations = g_ptr_array_new_with_free_func(g_free);
    bool is_directory = json_is_true(json_object_get(record, "name_unknown")) ||
                        strcmp(get_word(record, "operation"), "tmpfile") == 0 || strcmp(path, "/") == 0;
    char *slash = strrchr(path, '/');
    group->name = g_strdup(is_directory ? "" : slash + 1);
    group->pattern = pattern_of(group->name);
    if (!is_directory)
        slash[slash == path] = '\0';
    group->directory = g_strdup(path);
    return group;
}

static struct run_group *make_group(const json_t *record)
{
    struct run_group *group = make_place(record);
    if (group == NULL)
        return NULL;
    const json_t *process = json_object_get(record, "process");
    const json_t *uid = json_object_get(process, "uid");
    group->exe = json_bytes_get(process, "exe");
    group->comm = json_bytes_get(process, "comm");
    group->errno_name = g_strdup(get_word(record, "errno"));
    group->why = g_strdup(get_word(record, "why"));
    group->route = json_bytes_get(json_object_get(record, "held_by"), "route");
    group->uid = json_is_integer(uid) ? json_integer_value(uid) : -1;
    group->is_probe = is_probe(record, get_word(record, "operation"), group->comm);
    return group;
}

/* The program is known by its file; where that is unknown, by its name. "\n" separates: in a name it would only part what
 * belongs together. Without the name of what was to be changed. */
static char *make_crowd_key(const struct run_group *group)
{
    return g_strdup_printf("%d\n%s\n%s\n%s\n%s", group->is_probe, group->directory,
                           group->exe != NULL    ? group->exe
                           : group->comm != NULL ? group->comm
                                                 : "",
                           group->errno_name, group->why);
}

static void add_operation(struct run_group *group, const char *operation)
{
    enum { MOST_OPERATIONS = 32 };
    if (!g_ptr_array_find_with_equal_func(group->operations, operation, g_str_equal, NULL) &&
        group->operations->len < MOST_OPERATIONS)
        g_ptr_array_add(group->operations, g_strdup(operation));
}

static void keep_common_comm(struct run_group *group, const char *comm)
{
    if (g_strcmp0(group->comm, comm) != 0)
        g_clear_pointer(&group->comm, g_free);
}

/* Groups of one directory and one program that differ by the name alone; too many of them become one. */
struct crowd {
    struct run_group *members[MOST_NAMES]; /* borrowed */
    size_t n;
    bool is_merged; /* into the first */
};

static struct crowd *find_crowd(struct run_tally *tally, char *key)
{
    struct crowd *crowd = g_tree_lookup(tally->crowds, key);
    if (crowd == NULL) {
        crowd = g_new0(struct crowd, 1);
        g_tree_insert(tally->crowds, g_strdup(key), crowd);
    }
    return crowd;
}

static void merge_crowd(struct crowd *crowd)
{
    struct run_group *first = crowd->members[0];
    for (size_t i = 1; i < crowd->n; i++) {
        struct run_group *other = crowd->members[i];
        first->count += other->count;
        other->count = 0;
        keep_common_comm(first, other->comm);
        for (guint k = 0; k < other->operations->len; k++)
            add_operation(first, g_ptr_array_index(other->operations, k));
    }
    g_free(first->pattern);
    first->pattern = g_strdup("*");
    first->has_several_names = true;
    crowd->is_merged = true;
}

/* Takes the candidate; returns the group it belongs to, or NULL where there are too many. */
static struct run_group *find_group(struct run_tally *tally, struct run_group *candidate)
{
    g_autofree char *crowd_key = make_crowd_key(candidate);
    g_autofree char *key = g_strconcat(crowd_key, "\n", candidate->pattern, NULL);
    struct run_group *group = g_tree_lookup(tally->by_key, key);
    struct crowd *crowd = NULL;
    if (group == NULL || group->count == 0) {
        if (group == NULL && tally->groups->len >= MOST_GROUPS && g_tree_lookup(tally->crowds, crowd_key) == NULL) {
            free_group(candidate);
            return NULL;
        }
        crowd = find_crowd(tally, crowd_key);
        if (!crowd->is_merged && crowd->n == MOST_NAMES)
            merge_crowd(crowd);
        group = crowd->is_merged ? crowd->members[0] : NULL;
    }
    if (group != NULL) {
        group->has_several_names |= strcmp(group->name, candidate->name) != 0;
        keep_common_comm(group, candidate->comm);
        free_group(candidate);
        return group;
    }
    crowd->members[crowd->n++] = candidate;
    g_tree_insert(tally->by_key, g_steal_pointer(&key), candidate);
    g_ptr_array_add(tally->groups, candidate);
    return candidate;
}

/* @count: calls that had no record yet. */
static void add_denial(struct run_tally *tally, const json_t *record, uint64_t count)
{
    struct run_group *candidate = make_group(record);
    if (candidate == NULL) {
        tally->other++;
        return;
    }
    uint64_t *total = candidate->is_probe ? &tally->probes : &tally->denied;
    if (!candidate->is_probe && json_is_true(json_object_get(record, "learned")))
        tally->learned += count;
    *total += count;
    struct run_group *group = find_group(tally, candidate);
    if (group == NULL) {
        tally->left_out += count;
        return;
    }
    group->count += count;
    add_operation(group, get_word(record, "operation"));
}

static void add_record(struct run_tally *tally, const json_t *record)
{
    const char *event = get_word(record, "event");
    if (tally->mount == NULL && *get_word(record, "mount") != '\0')
        tally->mount = g_strdup(get_word(record, "mount"));
    if (strcmp(event, "denied") == 0)
        add_denial(tally, record, 1);
    else if (strcmp(event, "folded") == 0) /* the first one had a record of its own */
        add_denial(tally, record, MAX(get_count(record, "count"), 1) - 1);
    else if (strcmp(event, "dropped") == 0)
        tally->dropped += get_count(record, "dropped");
    else if (strcmp(event, "notice") != 0)
        tally->other++;
}

static void end_line(struct run_tally *tally)
{
    json_t *record = NULL;
    if (!tally->line_too_long)
        record = json_loadb(tally->line->str, tally->line->len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(record))
        add_record(tally, record);
    else
        tally->other++;
    json_decref(record);
    g_string_truncate(tally->line, 0);
    tally->line_too_long = false;
}

void run_tally_add(struct run_tally *tally, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t length = end != NULL ? (size_t)(end - bytes) : n;
        tally->line_too_long |= tally->line->len + length > MOST_LINE;
        if (!tally->line_too_long)
            g_string_append_len(tally->line, bytes, (gssize)length);
        if (end == NULL)
            return;
        end_line(tally);
        bytes += length + 1;
        n -= length + 1;
    }
}

void run_tally_end(struct run_tally *tally)
{
    if (tally->line->len > 0 || tally->line_too_long)
        end_line(tally);
}
