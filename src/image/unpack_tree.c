#include "unpack_tree.h"

#include "app_error.h"
#include "image_limits.h"
#include "unpack_attributes.h"
#include "unpack_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct directory_time {
    struct timespec time;
    char path[];
};

void unpack_tree_init(struct unpack_tree *tree, int root_fd, bool can_own)
{
    *tree = (struct unpack_tree){.root_fd = root_fd, .can_own = can_own, .overridden = !can_own, .parent_fd = -1};
    tree->directories = g_ptr_array_new_with_free_func(g_free);
}

static void forget_parent(struct unpack_tree *tree)
{
    if (tree->parent_fd >= 0)
        close(tree->parent_fd);
    tree->parent_fd = -1;
    g_clear_pointer(&tree->parent, g_free);
}

void unpack_tree_clear(struct unpack_tree *tree)
{
    forget_parent(tree);
    g_ptr_array_free(tree->directories, TRUE);
}

/* One component, @length bytes of it. */
static gboolean check_component(const char *name, size_t length, GError **error)
{
    if (length > NAME_MAX)
        return app_error_failed(error, "a name of %zu bytes is longer than %d", length, NAME_MAX);
    if (length == 2 && memcmp(name, "..", 2) == 0)
        return app_error_failed(error, "\"..\" would lead out of the layer");
    /* ".wh.NAME" hides a name; there is none here that a directory can have. */
    if ((length == 4 && memcmp(name, ".wh.", 4) == 0) || (length == 5 && memcmp(name, ".wh..", 5) == 0) ||
        (length == 6 && memcmp(name, ".wh...", 6) == 0))
        return app_error_failed(error, "a whiteout that hides no name");
    return TRUE;
}

char *unpack_tree_path(const char *name, GError **error)
{
    if (*name == '/') {
        app_error_failed(error, "an absolute name");
        return NULL;
    }
    if (strlen(name) > IMAGE_PATH_MAX) {
        app_error_failed(error, "a path of %zu bytes is longer than %d", strlen(name), IMAGE_PATH_MAX);
        return NULL;
    }
    GString *path = g_string_new(NULL);
    while (*name != '\0') {
        size_t length = strcspn(name, "/");
        if (length > 0 && !(length == 1 && *name == '.')) {
            if (!check_component(name, length, error)) {
                g_string_free(path, TRUE);
                return NULL;
            }
            if (path->len > 0)
                g_string_append_c(path, '/');
            g_string_append_len(path, name, (gssize)length);
        }
        name += length;
        name += strspn(name, "/");
    }
    return g_string_free(path, FALSE);
}

/* The whole way at once; a kernel that lacks it goes the other way. */
static int open_at_once(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

static gboolean fail_open(int dir_fd, const char *name, int code, GError **error)
{
    struct stat st;
    if ((code == ENOTDIR || code == ELOOP) && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return app_error_failed(error, S_ISLNK(st.st_mode) ? "the way to it leads through a symbolic link of the layer"
                                                           : "what it lies in is no directory");
    if (code == ENOENT)
        return app_error_failed(error, "is not in the layer");
    return unpack_fail_errno(error, "the way to it", code);
}

/* One component after the other. A directory that no entry has told of is root's, as docker makes it. */
static int walk(struct unpack_tree *tree, const char *path, bool make, GError **error)
{
    int at = fcntl(tree->root_fd, F_DUPFD_CLOEXEC, 0);
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    for (char **name = names; at >= 0 && *name != NULL; name++) {
        const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
        int next = openat(at, *name, flags);
        if (next < 0 && errno == ENOENT && make && mkdirat(at, *name, 0755) == 0) {
            next = openat(at, *name, flags);
            if (next >= 0 && !unpack_attributes_set_implied(tree, at, *name, error)) {
                close(next);
                close(at);
                return -1;
            }
        }
        if (next < 0)
            fail_open(at, *name, errno, error);
        close(at);
        at = next;
    }
    return at;
}

int unpack_tree_parent(struct unpack_tree *tree, const char *path, bool make, const char **ret_name, GError **error)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return tree->root_fd;
    size_t length = (size_t)(slash - path);
    if (tree->parent != NULL && strlen(tree->parent) == length && memcmp(tree->parent, path, length) == 0)
        return tree->parent_fd;
    g_autofree char *parent = g_strndup(path, length);
    int fd = open_at_once(tree->root_fd, parent);
    if (fd < 0)
        fd = walk(tree, parent, make, error);
    if (fd < 0)
        return -1;
    forget_parent(tree);
    tree->parent = g_steal_pointer(&parent);
    tree->parent_fd = fd;
    return fd;
}

gboolean unpack_tree_remove(struct unpack_tree *tree, int dir_fd, const char *name, GError **error)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    if (errno != EISDIR && errno != EPERM)
        return unpack_fail_errno(error, "an earlier entry of that name cannot be removed", errno);
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) != 0)
        return app_error_failed(error, "an earlier entry of that name is a directory that is not empty");
    /* It may be the one that is open, but not the one it lies in. */
    if (tree->parent_fd != dir_fd)
        forget_parent(tree);
    return TRUE;
}

void unpack_tree_remember(struct unpack_tree *tree, const char *path, struct timespec time)
{
    size_t size = strlen(path) + 1;
    struct directory_time *item = g_malloc(sizeof *item + size);
    item->time = time;
    memcpy(item->path, path, size);
    g_ptr_array_add(tree->directories, item);
}

void unpack_tree_set_times(struct unpack_tree *tree)
{
    for (guint i = 0; i < tree->directories->len; i++) {
        const struct directory_time *item = g_ptr_array_index(tree->directories, i);
        const struct timespec times[2] = {item->time, item->time};
        const char *name = ".";
        int fd = *item->path != '\0' ? unpack_tree_parent(tree, item->path, false, &name, NULL) : tree->root_fd;
        /* A later entry may have taken its place, and has a time of its own. */
        struct stat st;
        if (fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            (void)utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW);
    }
}
