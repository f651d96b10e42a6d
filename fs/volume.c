#include "volume.h"

#include "beneath.h"
#include "remove_tree.h"
#include "seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a lock is tried. */
#define LOCK_NAP_US 20000

#define DATA "_data"
#define FILLING "_data.filling"
#define LOCK "lock"
#define ANONYMOUS_BYTES 32

/* docker's rule for names; a name is a directory of the store and must stay one. */
static bool name_is_valid(const char *name)
{
    if (!g_ascii_isalnum(name[0]))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(name) &&
           strlen(name) <= NAME_MAX;
}

static char *anonymous_name(void)
{
    uint8_t bytes[ANONYMOUS_BYTES];
    for (size_t have = 0; have < sizeof bytes;) {
        ssize_t got = getrandom(bytes + have, sizeof bytes - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        g_assert(got > 0); /* cannot fail otherwise for so few bytes (random(7)) */
        have += (size_t)got;
    }
    GString *name = g_string_sized_new(2 * sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        g_string_append_printf(name, "%02x", bytes[i]);
    return g_string_free(name, FALSE);
}

/* Opens a directory of the store, made if missing, never through a symbolic link. Returns a descriptor or -errno. */
static int make_directory(int parent, const char *name, mode_t mode)
{
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

/* Returns 1 or 0, or -errno. */
static int is_empty(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        int status = -errno;
        if (fd >= 0)
            close(fd);
        return status;
    }
    int status = 1;
    for (const struct dirent *entry; status == 1 && (entry = readdir(dir)) != NULL;)
        status = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    return status;
}

/* Fills FILLING and puts it in the place of the empty DATA. */
static int fill(int volume_fd, const struct backing_image *image, char **ret_why)
{
    int fd = make_directory(volume_fd, FILLING, 0700);
    g_autofree char *path = NULL;
    int status = fd < 0 ? fd : seed_fill(image, fd, &path);
    /* A volume that is there after a power failure must not be one whose files are empty. */
    if (status == 0 && syncfs(fd) < 0)
        status = -errno;
    if (status == 0 && renameat(volume_fd, FILLING, volume_fd, DATA) < 0)
        status = -errno;
    if (status < 0) {
        *ret_why = g_strdup_printf("cannot be filled from the image: %s: %s; mend that, or declare it nocopy",
                                   path != NULL && path[0] != '\0' ? path : "its directory", g_strerror(-status));
        (void)remove_tree(volume_fd, FILLING);
    }
    if (fd >= 0)
        close(fd);
    return status;
}

static int fill_if_empty(int volume_fd, const struct route_spec *spec, const struct backing_image *image,
                         char **ret_why)
{
    int status = remove_tree(volume_fd, FILLING);
    int data_fd = status < 0 ? status : make_directory(volume_fd, DATA, 0755);
    if (data_fd >= 0) {
        bool wanted =
            !spec->nocopy && spec->subpath == NULL && image->stack != NULL && image->n_layers > 0 && image->is_dir;
        status = wanted ? is_empty(data_fd) : 0;
        close(data_fd);
    } else {
        status = data_fd;
    }
    if (status < 0)
        *ret_why = g_strdup_printf("its directory %s: %s", DATA, g_strerror(-status));
    return status == 1 ? fill(volume_fd, image, ret_why) : status;
}

/*
 * Fills the volume if nobody uses it yet, and takes the shared lock. Where another mount fills it just now this waits, and
 * fills it where that one gives up; whoever loses his patience meanwhile is heard, as by a wait in flock(2) he would not be.
 * Between the two locks another mount may come and fill it for its own image; that is as if it had come first.
 */
static int lock_and_fill(int volume_fd, const struct route_spec *spec, const struct backing_image *image, int *ret_lock,
                         char **ret_why)
{
    int lock = openat(volume_fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0) {
        int error = errno;
        *ret_why = g_strdup_printf("its file %s: %s", LOCK, g_strerror(error));
        return -error;
    }
    int status = 0;
    bool is_filled = false;
    for (;;) {
        if (!is_filled && flock(lock, LOCK_EX | LOCK_NB) == 0) {
            status = fill_if_empty(volume_fd, spec, image, ret_why);
            is_filled = true;
        }
        if (status < 0 || flock(lock, LOCK_SH | LOCK_NB) == 0)
            break;
        status = errno != EWOULDBLOCK && errno != EINTR ? -errno : patience_is_over(image->patience) ? -ECANCELED : 0;
        if (status < 0) {
            *ret_why = g_strdup_printf("cannot be locked: %s", g_strerror(-status));
            break;
        }
        g_usleep(LOCK_NAP_US);
    }
    if (status < 0)
        close(lock);
    else
        *ret_lock = lock;
    return status;
}

static int open_data(int volume_fd, const struct route_spec *spec, char **ret_why)
{
    int data_fd = openat(volume_fd, DATA, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (data_fd < 0) {
        int error = errno;
        *ret_why = g_strdup_printf("its directory %s: %s", DATA, g_strerror(error));
        return -error;
    }
    if (spec->subpath == NULL)
        return data_fd;
    int fd = beneath_open(data_fd, spec->subpath, O_PATH, false);
    close(data_fd);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
        close(fd);
        fd = S_ISLNK(st.st_mode) ? -ELOOP : -ENOTSUP;
    }
    if (fd == -ENOENT)
        *ret_why = g_strdup_printf("the volume has no %s; make it there before the mount", spec->subpath);
    else if (fd == -ELOOP || fd == -EXDEV)
        *ret_why = g_strdup_printf(
            "the subpath %s leads through a symbolic link or out of the volume; give the path itself", spec->subpath);
    else if (fd == -ENOTSUP)
        *ret_why = g_strdup_printf("the subpath %s is neither a directory nor a file", spec->subpath);
    else if (fd < 0)
        *ret_why = g_strdup_printf("the subpath %s: %s", spec->subpath, g_strerror(-fd));
    return fd;
}

int volume_open(struct route_spec *spec, const char *store, const struct backing_image *image, int *ret_lock,
                char **ret_why)
{
    bool anonymous = spec->source == NULL;
    if (anonymous)
        spec->source = anonymous_name();
    if (!name_is_valid(spec->source)) {
        *ret_why = g_strdup("the name must be letters, digits, '_', '.' and '-', and begin with a letter or digit");
        return -EINVAL;
    }
    /* Nobody else comes in, as set-user-ID programs and devices that a container puts into a volume would be the host's
     * (docker: CVE-2021-41091); the daemon holds descriptors. A store that was made with wider bits is narrowed. */
    int store_fd = g_mkdir_with_parents(store, 0700) < 0 ? -1 : open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int volume_fd = store_fd < 0 || fchmod(store_fd, 0700) < 0 ? -errno : make_directory(store_fd, spec->source, 0700);
    int status = volume_fd < 0 ? volume_fd : 0;
    if (status < 0)
        *ret_why = g_strdup_printf("the store of volumes %s: %s", store, g_strerror(-status));
    else
        status = lock_and_fill(volume_fd, spec, image, ret_lock, ret_why);
    int fd = status;
    if (status == 0) {
        fd = open_data(volume_fd, spec, ret_why);
        if (fd < 0) {
            close(*ret_lock);
            *ret_lock = -1;
        }
    }
    if (volume_fd >= 0)
        close(volume_fd);
    /* An anonymous volume has no name that anybody could come back to. */
    if (fd < 0 && anonymous && store_fd >= 0)
        (void)remove_tree(store_fd, spec->source);
    if (store_fd >= 0)
        close(store_fd);
    return fd;
}
