#include "proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK_MAX_SIZE 4096

const char *proc_file_path(char path[PROC_FILE_PATH_MAX], pid_t tid, const char *name)
{
    (void)snprintf(path, PROC_FILE_PATH_MAX, "/proc/%d/%s", (int)tid, name);
    return path;
}

ssize_t proc_file_read(pid_t tid, const char *name, char *buffer, size_t size)
{
    char path[PROC_FILE_PATH_MAX];
    int fd = open(proc_file_path(path, tid, name), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t used = 0;
    ssize_t length;
    do {
        length = read(fd, buffer + used, size - 1 - used);
        if (length > 0)
            used += (size_t)length;
    } while ((length > 0 && used < size - 1) || (length < 0 && errno == EINTR));
    int error = errno;
    close(fd);
    buffer[used] = '\0';
    return length < 0 ? -error : (ssize_t)used;
}

char *proc_file_link(pid_t tid, const char *name)
{
    char path[PROC_FILE_PATH_MAX], target[LINK_MAX_SIZE];
    ssize_t length = readlink(proc_file_path(path, tid, name), target, sizeof target);
    return length < 0 ? NULL : g_strndup(target, (size_t)length);
}

bool proc_file_is_ours(void)
{
    g_autofree char *status = NULL;
    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL))
        return false;
    /* Our number in each namespace from that of this /proc down to our own: one where they are the same. */
    const char *numbers = strstr(status, "\nNSpid:\t");
    if (numbers == NULL)
        return true; /* before Linux 4.1; a kernel without pid namespaces */
    numbers += strlen("\nNSpid:\t");
    return strcspn(numbers, "\t") > strcspn(numbers, "\n");
}
