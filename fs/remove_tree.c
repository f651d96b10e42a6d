#include "remove_tree.h"

#include "beneath.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes the entries of a directory that are no directories; puts the paths of those that are into @dirs. */
static int clear_directory(int root_fd, const char *path, GPtrArray *dirs)
{
    int fd = beneath_open(root_fd, path, O_RDONLY | O_DIRECTORY, true);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        int status = fd < 0 ? fd : -errno;
        if (fd >= 0)
            close(fd);
        return status;
    }
    int status = 0;
    while (status == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            status = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0) == 0)
            continue;
        if (errno != EISDIR && errno != EPERM)
            status = -errno;
        else
            g_ptr_array_add(dirs, path_join(path, entry->d_name));
    }
    closedir(dir);
    return status;
}

static int remove_directory(int root_fd, const char *path)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *parent = slash != NULL ? g_strndup(path, (size_t)(slash - path)) : g_strdup("");
    int fd = beneath_open(root_fd, parent, O_PATH | O_DIRECTORY, true);
    if (fd < 0)
        return fd;
    int status = unlinkat(fd, slash != NULL ? slash + 1 : path, AT_REMOVEDIR) < 0 ? -errno : 0;
    close(fd);
    return status;
}

int remove_tree(int dir_fd, const char *name)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    /* Not recursive: depth is what the image's author chose. Parents stand before their children. */
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(dirs, g_strdup(name));
    int status = 0;
    for (guint i = 0; status == 0 && i < dirs->len; i++)
        status = clear_directory(dir_fd, g_ptr_array_index(dirs, i), dirs);
    for (guint i = dirs->len; status == 0 && i > 0; i--)
        status = remove_directory(dir_fd, g_ptr_array_index(dirs, i - 1));
    g_ptr_array_free(dirs, TRUE);
    return status;
}
