/*
 * control_line - lines over a socket, bounded in length and in time.
 */
#ifndef ROFUSE_SRC_CONTROL_LINE_H
#define ROFUSE_SRC_CONTROL_LINE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct control_reader {
    int fd;        /* borrowed */
    size_t most;   /* bytes of a line */
    GString *text; /* what has come and was not taken yet; owned */
    size_t looked; /* so many bytes of it have no newline */
};

void control_reader_init(struct control_reader *reader, int fd, size_t most);
void control_reader_clear(struct control_reader *reader);

/*
 * control_reader_next - takes the next line, without its newline.
 *
 * @timeout_ms: how long to wait for all of it; -1 = for ever.
 * Returns 1 with the line in *ret (owned by the caller, g_free()), 0 at the end, -ETIMEDOUT, -EMSGSIZE for a line that is too
 * long, or -errno. A line without a newline at the end is none.
 */
int control_reader_next(struct control_reader *reader, int timeout_ms, char **ret);

/* Sends all of a text; waits at most @timeout_ms for somebody who does not read. Returns 0 or -errno, never SIGPIPE. */
int control_send_text(int fd, const char *text, size_t size, int timeout_ms);

#endif
