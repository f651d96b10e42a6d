/*
 * daemon - what the control commands of a mount's daemon work on, and the socket that they come by.
 *
 * Each subject has a file daemon_SUBJECT.c with its table of commands; daemon.c puts the tables together. Commands run in
 * the threads of their connections (control_server.h): several at once.
 */
#ifndef ROFUSE_SRC_DAEMON_H
#define ROFUSE_SRC_DAEMON_H

#include "control_server.h"
#include "patience.h"
#include "paths.h"
#include "state.h"

#include <glib.h>
#include <pthread.h>

struct counters;
struct facts_watch;
struct history;
struct log_set;
struct session;

/*
 * All is borrowed but the locks, and outlives the socket.
 *
 * Two locks, so that what takes long holds nothing that others need: whoever changes the mount (routes, learn mode) holds
 * change_lock all the while, be it hours for a fill from a slow disk, and takes lock only to enter the outcome in the state and
 * its file. Whoever asks takes lock at most; so does the main thread, which must hear signals at any time. With change_lock
 * the routes of the state can be read without lock, as nobody else writes them.
 */
struct daemon {
    const struct paths *paths;
    struct session *session;
    struct log_set *log;
    struct history *history;
    struct facts_watch *facts;
    struct counters *counters;
    pthread_mutex_t change_lock; /* one change of the mount at a time (daemon_begin_change()); before lock */
    pthread_mutex_t lock;        /* never held over anything that may wait for a client or a backing file system */
    struct state *state;         /* [lock] but for what never changes: name, mountpoint, device, layers, volume_dir */
};

/* Serves RUN/NAME.sock. NULL with one line. Ended by control_server_stop() before anything of @daemon goes. */
struct control_server *daemon_listen(struct daemon *daemon, GError **error);

/*
 * daemon_begin_change - takes change_lock, be it that another change takes long.
 *
 * @stream: who has asked. FALSE with one line, and nothing is locked, where he has gone meanwhile: what somebody has given up
 * does not happen later. In a command's work().
 */
gboolean daemon_begin_change(struct daemon *daemon, const struct control_stream *stream, GError **error);

void daemon_end_change(struct daemon *daemon);

/* As long as whoever has asked waits for the answer. Borrows the stream. */
struct patience daemon_patience(const struct control_stream *stream);

/* A record is on its way for milliseconds, unless the machine has more to do than it can. */
#define DAEMON_CATCH_UP_MS 2000

/*
 * daemon_catch_up - waits until what was refused by now is in the history and among the facts: whoever was refused a call and
 * asks then, finds it. At most @most_ms, and as long as @stream, who has asked, waits. In a command's work().
 */
void daemon_catch_up(struct daemon *daemon, const struct control_stream *stream, int most_ms);

/*
 * daemon_end_news - nothing is refused any more: whoever follows gets what was, and then the end.
 *
 * Waits for records that are on their way; followers go on by themselves (control_server_stop()).
 */
void daemon_end_news(struct daemon *daemon);

/* The tables, a file each. */
extern const struct control_command daemon_learn_commands[];
extern const struct control_command daemon_log_commands[];
extern const struct control_command daemon_status_commands[];
extern const struct control_command daemon_why_commands[];
extern const struct control_command daemon_facts_commands[];
extern const struct control_command daemon_route_commands[];

#endif
