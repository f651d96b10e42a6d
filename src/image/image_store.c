#include "image_store.h"

#include "app_error.h"
#include "image_digest.h"
#include "paths.h"
#include "remove_tree.h"
#include "text.h"
#include "unpack_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean fail(GError **error, const char *what, const char *path, int code)
{
    g_autofree char *shown = text_word(path);
    g_autofree char *text = g_strdup_printf("cannot %s %s", what, shown);
    return unpack_fail_errno(error, text, code);
}

static char *inside(const char *store, const char *a, const char *b)
{
    return g_build_filename(store, a, b, NULL);
}

gboolean image_store_make(const char *store, GError **error)
{
    static const char *const parts[] = {"layers", "layers/sha256", "images", "tmp", "locks"};
    if (!paths_make(store, error))
        return FALSE;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *path = inside(store, parts[i], NULL);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return fail(error, "make the directory", path, errno);
    }
    return TRUE;
}

static int lock_flags(int fd, int flags)
{
    int status;
    do {
        status = flock(fd, flags);
    } while (status != 0 && errno == EINTR);
    return status;
}

static int lock_file(const char *path, bool wait, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && lock_flags(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0)
        return fd;
    int code = errno;
    if (fd >= 0)
        close(fd);
    if (wait || code != EWOULDBLOCK)
        fail(error, "lock", path, code);
    return -1;
}

int image_store_lock(const char *store, GError **error)
{
    g_autofree char *path = inside(store, "lock", NULL);
    return lock_file(path, true, error);
}

int image_store_lock_layer(const char *store, const char *diff_id, bool wait, GError **error)
{
    g_autofree char *path = inside(store, "locks", image_digest_hex(diff_id));
    return lock_file(path, wait, error);
}

int image_store_unnamed(const char *store, GError **error)
{
    if (!image_store_make(store, error))
        return -1;
    g_autofree char *tmp = inside(store, "tmp", NULL);
    int fd = open(tmp, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0) {
        /* Some file systems cannot make it without a name. */
        g_autofree char *name = inside(store, "tmp", "archive.XXXXXX");
        fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0)
            fail(error, "make a file in", tmp, errno);
        else
            unlink(name);
    }
    return fd;
}

char *image_store_layer_dir(const char *store, const char *diff_id)
{
    return g_build_filename(store, "layers", "sha256", image_digest_hex(diff_id), NULL);
}

char *image_store_layer_tree(const char *store, const char *diff_id)
{
    return g_build_filename(store, "layers", "sha256", image_digest_hex(diff_id), "tree", NULL);
}

char *image_store_image_dir(const char *store, const char *id)
{
    return g_build_filename(store, "images", image_digest_hex(id), NULL);
}

static bool is_still_there(const char *path, int fd)
{
    struct stat by_name, by_fd;
    return stat(path, &by_name) == 0 && fstat(fd, &by_fd) == 0 && by_name.st_ino == by_fd.st_ino &&
           by_name.st_dev == by_fd.st_dev;
}

int image_store_hold(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    /* Who removes it renames it first, with the exclusive lock: so it is looked at again when the lock is ours. */
    if (lock_flags(fd, LOCK_SH) == 0 && is_still_there(directory, fd))
        return fd;
    close(fd);
    return -1;
}

static char *new_name(const char *store)
{
    g_autofree char *name = g_strdup_printf("%d.%08x", (int)getpid(), g_random_int());
    return inside(store, "tmp", name);
}

/* With all that is in it; a missing one is no error. Returns 0 or -errno. */
static int remove_directory(const char *path)
{
    g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
    int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int status = fd >= 0 ? remove_tree(fd, name) : errno == ENOENT ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    return status;
}

int image_store_remove(const char *store, const char *directory, GError **error)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0) {
        fail(error, "remove", directory, errno);
        return -1;
    }
    if (lock_flags(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return 0;
    }
    /* Gone at once for others; what an interruption leaves is found in tmp. */
    g_autofree char *trash = new_name(store);
    int result = -1, status = 0;
    if (rename(directory, trash) != 0)
        fail(error, "remove", directory, errno);
    else if ((status = remove_directory(trash)) < 0)
        fail(error, "remove", trash, -status);
    else
        result = 1;
    close(fd);
    return result;
}

bool image_store_layer_size(const char *store, const char *diff_id, uint64_t *ret_size, uint64_t *ret_entries)
{
    g_autofree char *directory = image_store_layer_dir(store, diff_id);
    g_autofree char *path = g_build_filename(directory, "layer.json", NULL);
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    bool is_there = json != NULL;
    *ret_size = (uint64_t)json_integer_value(json_object_get(json, "size"));
    *ret_entries = (uint64_t)json_integer_value(json_object_get(json, "entries"));
    json_decref(json);
    return is_there;
}

void image_store_clean(const char *store)
{
    g_autofree char *tmp = inside(store, "tmp", NULL);
    GDir *listing = g_dir_open(tmp, 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *path = g_build_filename(tmp, name, NULL);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && lock_flags(fd, LOCK_EX | LOCK_NB) == 0)
            (void)remove_directory(path);
        if (fd >= 0)
            close(fd);
    }
    if (listing != NULL)
        g_dir_close(listing);
}

/* With the store's lock, so that nobody takes it for left over before it is locked. */
static gboolean make_locked(const char *path, struct image_tmp *ret, GError **error)
{
    int fd = mkdir(path, 0700) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0 || lock_flags(fd, LOCK_EX | LOCK_NB) != 0) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return fail(error, "make the directory", path, code);
    }
    *ret = (struct image_tmp){.path = g_strdup(path), .fd = fd};
    return TRUE;
}

gboolean image_tmp_make(const char *store, struct image_tmp *ret, GError **error)
{
    *ret = (struct image_tmp){.fd = -1};
    int lock = image_store_lock(store, error);
    if (lock < 0)
        return FALSE;
    image_store_clean(store);
    g_autofree char *path = new_name(store);
    gboolean done = make_locked(path, ret, error);
    close(lock);
    return done;
}

/* The names in the directory of @path are on the disk. */
static gboolean sync_directory_of(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return code == 0 || fail(error, "write to the disk", directory, code);
}

static int keep_locked(struct image_tmp *tmp, const char *place, GError **error)
{
    if (rename(tmp->path, place) == 0) {
        if (!sync_directory_of(place, error)) {
            /* Back, to be removed: what has its place is not looked at again. */
            (void)rename(place, tmp->path);
            return -1;
        }
        g_clear_pointer(&tmp->path, g_free);
        int fd = tmp->fd;
        tmp->fd = -1;
        if (lock_flags(fd, LOCK_SH) == 0)
            return fd;
        close(fd);
    } else if (errno != EEXIST && errno != ENOTEMPTY) {
        fail(error, "put in its place", place, errno);
        return -1;
    }
    int fd = image_store_hold(place);
    if (fd < 0)
        fail(error, "hold", place, errno);
    return fd;
}

int image_tmp_keep(const char *store, struct image_tmp *tmp, const char *place, GError **error)
{
    /* One call for some ten thousand files. It tells of errors from Linux 5.8 on. */
    if (syncfs(tmp->fd) != 0) {
        fail(error, "write to the disk", tmp->path, errno);
        return -1;
    }
    int lock = image_store_lock(store, error);
    if (lock < 0)
        return -1;
    int fd = keep_locked(tmp, place, error);
    close(lock);
    return fd;
}

void image_tmp_clear(struct image_tmp *tmp)
{
    if (tmp->path != NULL)
        (void)remove_directory(tmp->path);
    g_free(tmp->path);
    if (tmp->fd >= 0)
        close(tmp->fd);
    *tmp = (struct image_tmp){.fd = -1};
}

gboolean image_store_write(const char *directory, const char *file, const char *text, size_t size, GError **error)
{
    g_autofree char *path = g_build_filename(directory, file, NULL);
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int code = fd < 0 ? errno : 0;
    for (size_t done = 0; code == 0 && done < size;) {
        ssize_t n = write(fd, text + done, size - done);
        if (n < 0 && errno != EINTR)
            code = errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (code == 0 && fsync(fd) != 0)
        code = errno;
    if (fd >= 0 && close(fd) != 0 && code == 0)
        code = errno;
    if (code == 0 && rename(temporary, path) == 0)
        return TRUE;
    code = code != 0 ? code : errno;
    unlink(temporary);
    return fail(error, "write", path, code);
}

gboolean image_store_write_json(const char *directory, const char *file, json_t *json, GError **error)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    gboolean done = image_store_write(directory, file, text, strlen(text), error);
    free(text);
    return done;
}
