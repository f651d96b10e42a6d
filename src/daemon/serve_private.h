/*
 * What the files of serve have in common: serve.c (the life of a daemon), serve_setup.c (all that must be there before the mount
 * is announced) and serve_wait.c (signals, and what is to be said, until its end). Nobody else includes this.
 */
#ifndef ROFUSE_SRC_SERVE_PRIVATE_H
#define ROFUSE_SRC_SERVE_PRIVATE_H

#include "daemon.h"
#include "serve.h"

#include <stdbool.h>
#include <stdint.h>

struct log_dest;

struct serve {
    const struct mount_request *request;
    const struct paths *paths;
    struct log_dest *logs; /* the request's, or the default; owned */
    size_t n_logs;
    bool made_log; /* the default log's file was not there before; removed again if nothing is mounted */
    struct state *state;
    bool is_reserved; /* the state's file is there */
    struct history *history;
    struct facts_watch *facts;
    struct log_set *log;
    GArray *holds; /* of layers in the store */
    struct counters *counters;
    struct session *session;
    bool is_started; /* the session's mount was made */
    struct daemon daemon;
    struct control_server *control;
    int signal_fd;
    int ready_fd;   /* -1 in the foreground, and once it was used */
    int starter_fd; /* pidfd of the process that the mount is not to outlive; -1 = none */
    bool is_unmounting;
    int64_t unmounted_ms; /* when it was */
    bool has_said_busy;
};

/* Makes everything, up to a mount that answers and is announced in its state. FALSE with one line, or without an error where it
 * was interrupted and that was said; what there is by then is
 * told by the struct, and the caller's to undo. */
gboolean serve_set_up(struct serve *serve, GError **error);

/* Unmounts, at once or lazily, and says what there is to say of it. */
void serve_unmount(struct serve *serve);

/*
 * Removes the mount point where it was made for this mount alone. Copies of the mount in other mount namespaces go with it, as
 * the kernel detaches what lies on a directory that is gone; it refuses while something is mounted there in our own, which is
 * another mount's if ours failed as it was taken.
 */
void serve_remove_place(const struct serve *serve);

/* Returns when nobody uses the mount any more. */
void serve_wait(struct serve *serve);

#endif
