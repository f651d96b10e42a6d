#include "control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Clients that wait to be accepted. */
#define BACKLOG 128

char *control_socket_path(const char *run_directory, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".sock", NULL);
    return g_build_filename(run_directory, file, NULL);
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : -errno;
}

static int bind_at(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

/* The name is a short one first, in the directory that a descriptor stands for; the file gets its own when it is ready. */
static int bind_in(int fd, int directory, const char *name)
{
    char short_name[32], path[64];
    snprintf(short_name, sizeof short_name, ".%d.sock", (int)getpid());
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, short_name);
    (void)unlinkat(directory, short_name, 0);
    int status = bind_at(fd, path);
    if (status < 0)
        return status;
    /* The directory is for its owner alone, so that nobody came in between. */
    if (fchmodat(directory, short_name, 0600, 0) < 0 || listen(fd, BACKLOG) < 0 ||
        renameat(directory, short_name, directory, name) < 0) {
        status = -errno;
        (void)unlinkat(directory, short_name, 0);
    }
    return status;
}

int control_socket_listen(const char *path)
{
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int fd = new_socket();
    int status = fd < 0 ? fd : bind_in(fd, directory, name);
    close(directory);
    if (status < 0 && fd >= 0)
        close(fd);
    return status < 0 ? status : fd;
}

int control_socket_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return -errno;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
    int fd = new_socket();
    int status = fd < 0 ? fd : 0;
    if (status == 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        status = -errno;
        close(fd);
    }
    close(file);
    return status < 0 ? status : fd;
}
