#include "image_remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

/* Removes what is no directory; puts the paths of directories into @dirs. 0 or -1 with errno. */
static int clear_directory(int top_fd, const char *path, GPtrArray *dirs)
{
    int fd = openat(top_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int status = 0;
    const struct dirent *entry;
    while (status == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0) == 0)
            continue;
        if (errno == EISDIR || errno == EPERM)
            g_ptr_array_add(dirs, g_build_filename(path, entry->d_name, NULL));
        else
            status = -1;
    }
    int code = errno;
    closedir(stream);
    errno = code;
    return status;
}

int image_remove_tree(const char *path)
{
    int top_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top_fd < 0)
        return errno == ENOENT ? 0 : -1;
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(dirs, g_strdup("."));
    int status = 0;
    for (guint i = 0; status == 0 && i < dirs->len; i++)
        status = clear_directory(top_fd, g_ptr_array_index(dirs, i), dirs);
    /* Parents stand before their children. */
    for (guint i = dirs->len; status == 0 && i > 1; i--)
        status = unlinkat(top_fd, g_ptr_array_index(dirs, i - 1), AT_REMOVEDIR);
    int code = errno;
    close(top_fd);
    g_ptr_array_free(dirs, TRUE);
    if (status == 0)
        return rmdir(path);
    errno = code;
    return status;
}
