#include "report_file.h"

#include "app_error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean fail(const struct report_file *file, GError **error)
{
    g_autofree char *cause = g_strdup(g_strerror(errno)), *shown = text_word(file->name);
    return app_error_failed(error, "cannot write the report %s: %s; name another file with %s", shown, cause,
                            file->option);
}

/* The number of a descriptor that the name stands for, or -1. */
static int find_number(const char *name)
{
    static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};
    guint64 number;
    if (strcmp(name, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(name, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
        if (g_str_has_prefix(name, directories[i]) &&
            g_ascii_string_to_unsigned(name + strlen(directories[i]), 10, 0, INT_MAX, &number, NULL))
            return (int)number;
    }
    return -1;
}

/* What we have opened ourselves is closed on execve(2), what we were given is not. */
static int copy_given(int number)
{
    int flags = fcntl(number, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
        return fcntl(number, F_DUPFD_CLOEXEC, 3);
    errno = EBADF;
    return -1;
}

gboolean report_file_open(struct report_file *file, const char *name, const char *option, GError **error)
{
    int number = find_number(name);
    *file = (struct report_file){.name = name, .option = option, .is_given = number >= 0};
    file->fd = file->is_given ? copy_given(number) : open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    return file->fd >= 0 || fail(file, error);
}

static bool may_go_on(int fd)
{
    struct pollfd event = {.fd = fd, .events = POLLOUT};
    if (errno == EAGAIN) /* a descriptor that others have made non-blocking */
        return poll(&event, 1, -1) >= 0 || errno == EINTR;
    return errno == EINTR;
}

gboolean report_file_write(const struct report_file *file, const char *text, GError **error)
{
    struct stat st;
    size_t length = strlen(text);
    bool is_old = !file->is_given && fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode);
    if (is_old && ftruncate(file->fd, 0) != 0)
        return fail(file, error);
    for (size_t done = 0; done < length;) {
        ssize_t n = write(file->fd, text + done, length - done);
        if (n < 0 && !may_go_on(file->fd))
            return fail(file, error);
        done += n > 0 ? (size_t)n : 0;
    }
    return TRUE;
}

void report_file_close(struct report_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
