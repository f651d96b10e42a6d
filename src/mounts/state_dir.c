#include "state_dir.h"

#include "app_error.h"
#include "control_socket.h"
#include "counters_file.h"
#include "paths.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 128

/* How long whoever ends waits for the lock: it is held for moments, unless somebody was stopped while he had it. */
#define LOCK_TRIES 200
#define LOCK_NAP_US 10000

bool state_name_is_valid(const char *name)
{
    if (!g_ascii_isalnum(name[0]) || strlen(name) > NAME_MAX_BYTES)
        return false;
    return strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-") == strlen(name);
}

char *state_name_from(const char *mountpoint)
{
    g_autofree char *name = g_path_get_basename(mountpoint);
    g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-", '_');
    /* Room for a number behind. */
    if (strlen(name) > NAME_MAX_BYTES - 16)
        name[NAME_MAX_BYTES - 16] = '\0';
    return g_ascii_isalnum(name[0]) ? g_steal_pointer(&name) : g_strconcat("m", name, NULL);
}

static char *file_of(const char *directory, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".json", NULL);
    return g_build_filename(directory, file, NULL);
}

static struct state *read_file(const char *path)
{
    json_error_t why;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    struct state *state = json != NULL ? state_from_json(json) : NULL;
    json_decref(json);
    return state;
}

static void free_state(gpointer data)
{
    state_free(data);
}

static gint compare_states(gconstpointer a, gconstpointer b)
{
    const struct state *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

GPtrArray *state_dir_read(const char *directory)
{
    GPtrArray *states = g_ptr_array_new_with_free_func(free_state);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *file;
    while (listing != NULL && (file = g_dir_read_name(listing)) != NULL) {
        if (*file == '.' || !g_str_has_suffix(file, ".json"))
            continue;
        g_autofree char *path = g_build_filename(directory, file, NULL);
        struct state *state = read_file(path);
        if (state == NULL)
            continue;
        /* The file's name is what others remove and replace: a state under another name is not ours. */
        g_autofree char *own = file_of(directory, state->name);
        if (state_name_is_valid(state->name) && strcmp(own, path) == 0)
            g_ptr_array_add(states, state);
        else
            state_free(state);
    }
    if (listing != NULL)
        g_dir_close(listing);
    g_ptr_array_sort(states, compare_states);
    return states;
}

static gboolean fail(GError **error, const char *what, const char *path, int code)
{
    g_autofree char *shown = text_word(path);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot %s %s: %s; give another place with --state-dir DIR", what,
                shown, g_strerror(code));
    return FALSE;
}

static gboolean fail_there(GError **error, const char *path, int code, bool is_running)
{
    g_autofree char *shown = text_word(path), *directory = g_path_get_dirname(path), *where = text_word(directory);
    g_autofree char *mend =
        g_strdup_printf(code == ENOSPC || code == EDQUOT ? "make room in %s" : "make %s writable", where);
    return app_error_failed(error, "cannot write %s: %s; %s%s", shown, g_strerror(code), mend,
                            is_running ? "" : ", or give another place with --state-dir DIR");
}

/* Where a state is written before it takes its place; a daemon that is killed meanwhile leaves it. */
static char *temporary_of(const char *directory, const char *name)
{
    g_autofree char *file = g_strconcat(".", name, ".new", NULL);
    return g_build_filename(directory, file, NULL);
}

gboolean state_dir_write(const char *directory, const struct state *state, GError **error)
{
    g_autofree char *path = file_of(directory, state->name);
    g_autofree char *temporary = temporary_of(directory, state->name);
    json_t *json = state_to_json(state);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* By a stream: jansson writes to a descriptor one word at a time. */
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    int code = stream == NULL ? errno : 0;
    errno = 0;
    if (stream != NULL && json_dumpf(json, stream, JSON_INDENT(2)) != 0)
        code = errno != 0 ? errno : EIO;
    if (stream != NULL && fclose(stream) != 0 && code == 0)
        code = errno;
    json_decref(json);
    if (code == 0 && rename(temporary, path) != 0)
        code = errno;
    if (code == 0)
        return TRUE;
    if (fd >= 0)
        unlink(temporary);
    /* A mount that runs stays where it is. */
    if (state->ready || code == ENOSPC || code == EDQUOT)
        return fail_there(error, path, code, state->ready);
    return fail(error, "write", path, code);
}

static bool is_of_same_daemon(const struct state *current, const struct state *state)
{
    return current != NULL && current->pid == state->pid && current->start_ticks == state->start_ticks;
}

bool state_dir_has(const char *directory, const struct state *state)
{
    g_autofree char *path = file_of(directory, state->name);
    struct state *current = read_file(path);
    bool is_there = is_of_same_daemon(current, state);
    state_free(current);
    return is_there;
}

/* Under the lock: between the look and the end of the files another mount could take the name. */
static void remove_locked(const char *directory, const struct state *state)
{
    g_autofree char *path = file_of(directory, state->name);
    struct state *current = read_file(path);
    if (is_of_same_daemon(current, state)) {
        g_autofree char *temporary = temporary_of(directory, state->name);
        g_autofree char *socket = control_socket_path(directory, state->name);
        counters_file_remove(directory, state->name);
        unlink(socket);
        unlink(temporary);
        unlink(path);
    }
    state_free(current);
}

/* Which of the states has the name; NULL for none. */
static const struct state *find_name(const GPtrArray *states, const char *name)
{
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        if (strcmp(state->name, name) == 0)
            return state;
    }
    return NULL;
}

/* Drops the states that nothing stands for any more. */
static void clean(const char *directory, GPtrArray *states, bool (*is_used)(void *, const struct state *), void *data)
{
    for (guint i = states->len; i > 0; i--) {
        const struct state *state = g_ptr_array_index(states, i - 1);
        if (!state_is_alive(state) && !is_used(data, state)) {
            remove_locked(directory, state);
            g_ptr_array_remove_index(states, i - 1);
        }
    }
}

static gboolean take_name(const GPtrArray *states, struct state *state, bool exact, GError **error)
{
    const struct state *other = find_name(states, state->name);
    if (other == NULL)
        return TRUE;
    if (exact) {
        g_autofree char *point = text_word(other->mountpoint);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "--name %s: a mount at %s has this name (pid %d%s); choose another one, or run: rofuse umount %s",
                    state->name, point, (int)other->pid, state_is_alive(other) ? "" : ", dead", state->name);
        return FALSE;
    }
    for (unsigned number = 2;; number++) {
        g_autofree char *name = g_strdup_printf("%s-%u", state->name, number);
        if (find_name(states, name) == NULL) {
            g_free(state->name);
            state->name = g_steal_pointer(&name);
            return TRUE;
        }
    }
}

static gboolean reserve_locked(const char *directory, struct state *state, bool exact,
                               bool (*is_used)(void *, const struct state *), void *data, GError **error)
{
    g_autoptr(GPtrArray) states = state_dir_read(directory);
    clean(directory, states, is_used, data);
    for (guint i = 0; i < states->len; i++) {
        const struct state *other = g_ptr_array_index(states, i);
        /* A daemon that was detached lazily keeps its state, but no longer the place. */
        if (strcmp(other->mountpoint, state->mountpoint) == 0 && (!other->ready || is_used(data, other))) {
            g_autofree char *point = text_word(state->mountpoint);
            g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                        "the mount point %s is used by the mount %s (pid %d); run: rofuse umount %s", point,
                        other->name, (int)other->pid, other->name);
            return FALSE;
        }
    }
    return take_name(states, state, exact, error) && state_dir_write(directory, state, error);
}

/* Owned by the caller; or -errno. */
static int open_lock(const char *directory)
{
    g_autofree char *lock = g_build_filename(directory, ".lock", NULL);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 ? fd : -errno;
}

static gboolean fail_lock(GError **error, const char *what, const char *directory, int code)
{
    g_autofree char *lock = g_build_filename(directory, ".lock", NULL);
    return fail(error, what, lock, code);
}

gboolean state_dir_reserve(const char *directory, struct state *state, bool exact,
                           bool (*is_used)(void *data, const struct state *state), void *data, GError **error)
{
    if (!paths_make(directory, error))
        return FALSE;
    int fd = open_lock(directory);
    if (fd < 0)
        return fail_lock(error, "open", directory, -fd);
    int result;
    do {
        result = flock(fd, LOCK_EX);
    } while (result != 0 && errno == EINTR);
    gboolean done = result == 0 ? reserve_locked(directory, state, exact, is_used, data, error)
                                : fail_lock(error, "lock", directory, errno);
    close(fd);
    return done;
}

void state_dir_remove(const char *directory, const struct state *state)
{
    int fd = open_lock(directory);
    int result = -1;
    for (int i = 0; fd >= 0 && i < LOCK_TRIES && (result = flock(fd, LOCK_EX | LOCK_NB)) != 0; i++)
        g_usleep(LOCK_NAP_US);
    if (result == 0)
        remove_locked(directory, state);
    if (fd >= 0)
        close(fd);
}
