#include "run_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What docker gives an image that does not say (oci/defaults.go in moby). */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int run_inside_open(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    for (;;) {
        int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        if (fd >= 0)
            return fd;
        /* EAGAIN: something was renamed while ".." was looked at (openat2(2)). */
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

char *run_inside_read(int root_fd, const char *path, size_t most)
{
    /* A fifo in an image must not hold us: O_NONBLOCK, and regular files alone. */
    int fd = run_inside_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return NULL;
    }
    GString *text = g_string_new(NULL);
    char buffer[16384];
    ssize_t n;
    while (text->len < most && (n = read(fd, buffer, MIN(sizeof buffer, most - text->len))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        g_string_append_len(text, buffer, n);
    }
    close(fd);
    return g_string_free(text, FALSE);
}

const char *run_inside_path(char *const *env)
{
    for (; env != NULL && *env != NULL; env++) {
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    }
    return DEFAULT_PATH;
}

/* 0, -ENOENT or -EACCES. */
static int check_program(int root_fd, const char *path)
{
    int fd = run_inside_open(root_fd, path, O_PATH);
    if (fd < 0)
        return fd == -EACCES ? -EACCES : -ENOENT;
    struct stat st;
    int result = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 ? 0 : -EACCES;
    close(fd);
    return result;
}

int run_inside_find_program(int root_fd, const char *name, char *const *env, const char *cwd, char **ret)
{
    if (strchr(name, '/') != NULL) {
        *ret = *name == '/' ? g_strdup(name) : g_build_filename(cwd, name, NULL);
        int result = check_program(root_fd, *ret);
        if (result < 0)
            g_clear_pointer(ret, g_free);
        return result;
    }
    g_auto(GStrv) directories = g_strsplit(run_inside_path(env), ":", 256);
    int found = -ENOENT;
    for (char **directory = directories; *directory != NULL && *name != '\0'; directory++) {
        if (**directory != '/')
            continue; /* the working directory is no place for programs */
        char *path = g_build_filename(*directory, name, NULL);
        int result = check_program(root_fd, path);
        if (result == 0) {
            *ret = path;
            return 0;
        }
        g_free(path);
        found = result == -EACCES ? -EACCES : found;
    }
    return found;
}
