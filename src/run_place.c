#include "run_place.h"

#include "app_error.h"
#include "remove_tree.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_SUFFIX ".jsonl"

static gboolean fail(const char *what, const char *path, GError **error)
{
    int code = errno;
    g_autofree char *shown = text_word(path);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot %s %s: %s; give another place with --state-dir DIR", what,
                shown, g_strerror(code));
    return FALSE;
}

/*
 * A runtime whose run was killed may have made its mount targets in the directory when the mount was gone from there. Where
 * something is mounted, the kernel says EBUSY before it looks whether there is anything inside.
 */
static bool remove_directory(int parent_fd, const char *name)
{
    return unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ||
           (errno == ENOTEMPTY && remove_tree(parent_fd, name) == 0);
}

/*
 * The directories of mounts that live refuse to be removed. A log is removed when nobody has it locked any more: whoever
 * runs the program holds a lock on it.
 */
static void remove_leftovers(const char *directory)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    int parent_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        if (!g_str_has_suffix(name, LOG_SUFFIX))
            continue;
        g_autofree char *log = g_build_filename(directory, name, NULL);
        g_autofree char *mountpoint = g_strndup(name, strlen(name) - strlen(LOG_SUFFIX));
        int fd = open(log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && remove_directory(parent_fd, mountpoint))
            unlink(log);
        if (fd >= 0)
            close(fd);
    }
    if (parent_fd >= 0)
        close(parent_fd);
}

/* 1: it is ours; 0: another run has taken it for left over just before it was locked; -errno. */
static int lock_log(int fd)
{
    struct stat st;
    int result;
    do {
        result = flock(fd, LOCK_SH);
    } while (result != 0 && errno == EINTR);
    return result != 0 || fstat(fd, &st) != 0 ? -errno : st.st_nlink > 0;
}

/* The log first: it is locked before there is a directory that somebody could think left over. */
static gboolean make_log(const char *directory, struct run_place *place, GError **error)
{
    for (;;) {
        g_autofree char *pattern = g_build_filename(directory, "root.XXXXXX" LOG_SUFFIX, NULL);
        place->log_fd = g_mkstemp_full(pattern, O_RDWR | O_CLOEXEC, 0600);
        if (place->log_fd < 0)
            return fail("make a file in", directory, error);
        int is_locked = lock_log(place->log_fd);
        if (is_locked != 0) {
            place->log = g_steal_pointer(&pattern);
            return is_locked > 0 ? TRUE : fail("lock", place->log, error);
        }
        close(place->log_fd);
    }
}

static gboolean make(const char *directory, struct run_place *place, GError **error)
{
    if (!make_log(directory, place, error))
        return FALSE;
    place->mountpoint = g_strndup(place->log, strlen(place->log) - strlen(LOG_SUFFIX));
    if (mkdir(place->mountpoint, 0755) != 0)
        return fail("make", place->mountpoint, error);
    return TRUE;
}

struct run_place *run_place_new(const struct paths *paths, GError **error)
{
    g_autofree char *directory = g_build_filename(paths->run, "roots", NULL);
    if (!paths_make(paths->run, error) || !paths_make(directory, error))
        return NULL;
    remove_leftovers(directory);
    struct run_place *place = g_new0(struct run_place, 1);
    place->log_fd = -1;
    if (!make(directory, place, error))
        g_clear_pointer(&place, run_place_remove);
    return place;
}

void run_place_remove(struct run_place *place)
{
    if (place == NULL)
        return;
    if (place->mountpoint != NULL)
        rmdir(place->mountpoint);
    if (place->log != NULL)
        unlink(place->log);
    if (place->log_fd >= 0)
        close(place->log_fd);
    g_free(place->mountpoint);
    g_free(place->log);
    g_free(place);
}
