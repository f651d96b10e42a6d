#include "log_older.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* They are all open together; a year of days. The oldest are left out. */
#define MOST_FILES 400

/* One of 20261126, and not a number of ours like "-2". */
#define LEAST_DATE 8
#define MOST_LENGTH 31

struct name {
    char *name; /* owned */
    bool is_dated;
    bool is_packed;
    guint64 number; /* of those that are not dated */
    struct timespec mtime;
    size_t length; /* of @name without ".gz" */
};

/* One that is open, and not begun. */
struct file {
    FILE *stream; /* owned */
    char *path;   /* owned */
};

static void free_name(void *data)
{
    struct name *name = data;
    g_free(name->name);
    g_free(name);
}

static gint compare_stems(const struct name *a, const struct name *b)
{
    g_autofree char *left = g_strndup(a->name, a->length), *right = g_strndup(b->name, b->length);
    return strcmp(left, right);
}

static gint compare_times(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return a->tv_nsec != b->tv_nsec ? (a->tv_nsec < b->tv_nsec ? -1 : 1) : 0;
}

/* Of one number or date: one that is compressed just now before what it becomes. Two that are compressed, where logrotate was
 * told another way of it, are two logs. */
static gint compare_packed(const struct name *a, const struct name *b)
{
    gint order = (a->is_packed ? 1 : 0) - (b->is_packed ? 1 : 0);
    order = order != 0 ? order : compare_times(&b->mtime, &a->mtime);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* The newest first. Where somebody has gone over from numbers to dates, the dates are newer. */
static gint compare(gconstpointer a, gconstpointer b)
{
    const struct name *left = *(const struct name *const *)a, *right = *(const struct name *const *)b;
    if (left->is_dated != right->is_dated)
        return left->is_dated ? -1 : 1;
    gint order = left->is_dated                  ? compare_stems(right, left)
                 : left->number != right->number ? (left->number < right->number ? -1 : 1)
                                                 : compare_stems(left, right);
    return order != 0 ? order : compare_packed(left, right);
}

/* Whether what follows the log's name is ".1" or "-20261126", maybe with ".gz" after it. */
static bool read_suffix(const char *suffix, struct name *ret)
{
    static const char *const packed[] = {".gz", ".xz", ".bz2", ".zst", ".Z", ".lz4"};
    char first = suffix[0];
    size_t length = first == '.'   ? strspn(suffix + 1, "0123456789")
                    : first == '-' ? strspn(suffix + 1, "0123456789-_T")
                                   : 0;
    if (length == 0 || (first == '-' && length < LEAST_DATE) || length > MOST_LENGTH)
        return false;
    const char *rest = suffix + 1 + length;
    for (size_t i = 0; i < G_N_ELEMENTS(packed) && *rest != '\0' && !ret->is_packed; i++)
        ret->is_packed = strcmp(rest, packed[i]) == 0;
    ret->is_dated = length >= LEAST_DATE;
    ret->number = ret->is_dated ? 0 : g_ascii_strtoull(suffix + 1, NULL, 10);
    ret->length = 1 + length;
    return *rest == '\0' || ret->is_packed;
}

/* Their names, the newest first. */
static GPtrArray *find(const char *directory, const char *base)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(free_name);
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *found;
    while (dir != NULL && (found = g_dir_read_name(dir)) != NULL) {
        struct stat st;
        struct name name = {0};
        if (!g_str_has_prefix(found, base) || !read_suffix(found + strlen(base), &name))
            continue;
        name.length += strlen(base);
        name.name = g_strdup(found);
        g_autofree char *full = g_build_filename(directory, found, NULL);
        if (lstat(full, &st) == 0)
            name.mtime = st.st_mtim;
        g_ptr_array_add(names, g_memdup2(&name, sizeof name));
    }
    if (dir != NULL)
        g_dir_close(dir);
    g_ptr_array_sort(names, compare);
    return names;
}

/* NULL where it is not to be read; *ret_is_known then says that it is open already. */
static FILE *open_one(const char *path, GArray *known, bool *ret_is_known)
{
    struct stat st;
    *ret_is_known = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    bool is_good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    for (guint i = 0; is_good && i < known->len && !*ret_is_known; i++) {
        const struct stat *other = &g_array_index(known, struct stat, i);
        *ret_is_known = other->st_dev == st.st_dev && other->st_ino == st.st_ino;
    }
    FILE *stream = is_good && !*ret_is_known ? fdopen(fd, "r") : NULL;
    if (stream != NULL)
        g_array_append_val(known, st);
    else if (fd >= 0)
        close(fd);
    return stream;
}

static void free_file(void *data)
{
    struct file *file = data;
    fclose(file->stream);
    g_free(file->path);
    g_free(file);
}

void log_older_open(const char *path, const struct stat *present, struct log_older *ret)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    g_autoptr(GArray) known = g_array_new(FALSE, FALSE, sizeof(struct stat));
    *ret = (struct log_older){0};
    g_queue_init(&ret->files);
    if (present != NULL)
        g_array_append_vals(known, present, 1);
    g_autoptr(GPtrArray) names = find(directory, base);
    const struct name *last = NULL;
    /* From the newest on: a file that is rotated meanwhile is met again, under its next name, and none is missed. */
    for (guint i = 0; i < names->len; i++) {
        const struct name *name = g_ptr_array_index(names, i);
        g_autofree char *full = g_build_filename(directory, name->name, NULL);
        bool is_known = false;
        /* What is compressed just now is there twice, and the second is not whole yet. */
        if (last != NULL && !last->is_packed && last->length == name->length &&
            strncmp(last->name, name->name, name->length) == 0)
            continue;
        FILE *stream = g_queue_get_length(&ret->files) < MOST_FILES ? open_one(full, known, &is_known) : NULL;
        if (stream != NULL) {
            struct file file = {.stream = stream, .path = g_steal_pointer(&full)};
            g_queue_push_head(&ret->files, g_memdup2(&file, sizeof file));
            last = name;
        } else if (!is_known) {
            ret->n_unopened++;
        }
    }
}

FILE *log_older_take(struct log_older *older, char **ret_path)
{
    struct file *file = g_queue_pop_head(&older->files);
    if (file == NULL)
        return NULL;
    FILE *stream = file->stream;
    *ret_path = file->path;
    g_free(file);
    return stream;
}

void log_older_clear(struct log_older *older)
{
    g_queue_clear_full(&older->files, free_file);
}
