#include "mapped_files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long one process may take, and after how many that take longer the rest is left out. */
#define PATIENCE_MS 500
#define STUCK_MAX 8

/* What the child writes: less than PIPE_BUF, so that it arrives whole. An empty path: it begins with this process. */
struct message {
    size_t index;
    char path[PIPE_BUF - sizeof(size_t)];
};

static void put(int fd, size_t index, const char *path)
{
    struct message message = {.index = index};
    g_strlcpy(message.path, path, sizeof message.path);
    if (write(fd, &message, sizeof message) != sizeof message)
        _exit(1);
}

/* START-END PERMS OFFSET MAJOR:MINOR INODE PATH; a library has several mappings in a row. */
static void look(int fd, size_t index, pid_t pid, dev_t device)
{
    g_autofree char *exe = g_strdup_printf("/proc/%d/exe", (int)pid);
    g_autofree char *maps = g_strdup_printf("/proc/%d/maps", (int)pid);
    char *last = g_file_read_link(exe, NULL);
    FILE *file = fopen(maps, "re");
    char *line = NULL;
    size_t room = 0;
    while (file != NULL && getline(&line, &room, file) > 0) {
        unsigned major_number, minor_number;
        int at = -1;
        if (sscanf(line, "%*s %*s %*s %x:%x %*s %n", &major_number, &minor_number, &at) != 2 || at < 0 ||
            makedev(major_number, minor_number) != device)
            continue;
        char *path = g_strchomp(line + at);
        if (*path != '\0' && g_strcmp0(path, last) != 0)
            put(fd, index, path);
        g_free(last);
        last = g_strdup(path);
    }
    free(line);
    g_free(last);
    if (file != NULL)
        fclose(file);
}

static void run_child(int fd, const pid_t *pids, size_t first, size_t n, dev_t device)
{
    for (size_t i = first; i < n; i++) {
        put(fd, i, "");
        look(fd, i, pids[i], device);
    }
    _exit(0);
}

/* The next message; false when there is none in time, or none any more. */
static bool take(int fd, struct message *ret, bool *ret_is_end)
{
    struct pollfd event = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&event, 1, PATIENCE_MS);
    } while (ready < 0 && errno == EINTR);
    ssize_t n = ready > 0 ? read(fd, ret, sizeof *ret) : -1;
    *ret_is_end = n == 0;
    return n == sizeof *ret;
}

/* A wait for the memory lock gives way to SIGKILL; a child that does not is init's in the end. */
static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    for (int i = 0; i < 100 && waitpid(child, NULL, WNOHANG) == 0; i++)
        nanosleep(&pause, NULL);
}

void mapped_files_each(const pid_t *pids, size_t n, dev_t device,
                       void (*found)(void *data, pid_t pid, const char *path), void *data)
{
    size_t next = 0;
    for (int stuck = 0; next < n && stuck < STUCK_MAX; stuck++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return;
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            run_child(ends[1], pids, next, n, device);
        }
        close(ends[1]);
        struct message message;
        bool is_end = child < 0;
        size_t current = next;
        while (child > 0 && take(ends[0], &message, &is_end) && message.index < n) {
            current = message.index;
            message.path[sizeof message.path - 1] = '\0';
            if (message.path[0] != '\0')
                found(data, pids[current], message.path);
        }
        close(ends[0]);
        if (child > 0)
            end_child(child);
        next = is_end ? n : current + 1;
    }
}
