/*
 * run_channel - what the first process of a container and the one that started it say to each other.
 *
 * A pair of connected sockets that keep messages whole (unix(7), SOCK_SEQPACKET).
 */
#ifndef ROFUSE_SRC_RUN_CHANNEL_H
#define ROFUSE_SRC_RUN_CHANNEL_H

#include <glib.h>

enum run_message_kind {
    RUN_MESSAGE_GO = 1,   /* to it: the users are there; or: the terminal is ready */
    RUN_MESSAGE_TERMINAL, /* from it: the other end of the program's terminal, @fd */
    RUN_MESSAGE_PROGRAM,  /* from it: a pidfd of the program, @fd, or -1 */
    RUN_MESSAGE_FAILED,   /* from it: @status and @text; the program is not running */
};

struct run_message {
    enum run_message_kind kind;
    int status;      /* RUN_MESSAGE_FAILED: 125, 126 or 127 */
    int fd;          /* of the receiver, close-on-exec; -1 = none */
    char text[1024]; /* one line */
};

/* Both ends close-on-exec. FALSE with one line. */
gboolean run_channel_open(int ret[static 2], GError **error);

/* Sends; what @fd names is passed and stays the caller's. Returns 0 or -errno; no SIGPIPE. */
int run_channel_send(int channel, const struct run_message *message);

/* Waits for a message: 1, 0 where the other end is closed, or -errno. @ret->fd is the caller's to close. */
int run_channel_receive(int channel, struct run_message *ret);

#endif
