#include "control_line.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define PIECE 65536

void control_reader_init(struct control_reader *reader, int fd, size_t most)
{
    *reader = (struct control_reader){.fd = fd, .most = most, .text = g_string_new(NULL)};
}

void control_reader_clear(struct control_reader *reader)
{
    g_string_free(reader->text, TRUE);
    reader->text = NULL;
}

/* Waits until a time of the monotonic clock in microseconds; -1 = for ever. Returns 0, -ETIMEDOUT or -errno. */
static int wait_for(int fd, short events, gint64 until)
{
    for (;;) {
        gint64 left = until < 0 ? -1 : MAX((until - g_get_monotonic_time() + 999) / 1000, 0);
        struct pollfd descriptor = {.fd = fd, .events = events};
        int n = poll(&descriptor, 1, (int)MIN(left, G_MAXINT));
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

static gint64 deadline(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : g_get_monotonic_time() + (gint64)timeout_ms * 1000;
}

static char *take_line(struct control_reader *reader)
{
    GString *text = reader->text;
    const char *end = memchr(text->str + reader->looked, '\n', text->len - reader->looked);
    reader->looked = end != NULL ? 0 : text->len;
    if (end == NULL)
        return NULL;
    gsize length = (gsize)(end - text->str);
    char *line = g_strndup(text->str, length);
    g_string_erase(text, 0, (gssize)length + 1);
    return line;
}

int control_reader_next(struct control_reader *reader, int timeout_ms, char **ret)
{
    gint64 until = deadline(timeout_ms);
    for (;;) {
        *ret = take_line(reader);
        if (*ret != NULL)
            return 1;
        if (reader->text->len > reader->most)
            return -EMSGSIZE;
        int status = wait_for(reader->fd, POLLIN, until);
        if (status < 0)
            return status;
        char piece[PIECE];
        ssize_t n = recv(reader->fd, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0)
            g_string_append_len(reader->text, piece, n);
    }
}

int control_send_text(int fd, const char *text, size_t size, int timeout_ms)
{
    gint64 until = deadline(timeout_ms);
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            text += n;
            size -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int status = wait_for(fd, POLLOUT, until);
        if (status < 0)
            return status;
    }
    return 0;
}
