/*
 * control_server - the daemon's side of a mount's control socket.
 *
 * Protocol rofuse.control/1 (control.schema.json beside this file): one JSON object a line. A request
 * {"v":1,"do":COMMAND,"args":{...}} is answered by {"v":1,"ok":true,"result":...} or
 * {"v":1,"ok":false,"error":{"status":1|2,"message":LINE}}; a command that follows sends {"v":1,"event":...} lines after its
 * answer, and {"v":1,"end":true} where it ends by itself.
 *
 * Each connection has a thread, so that a client which hangs, lies or sends nothing harms no other. Connections, the size of
 * a request, its time and its rate are limited, and so is what all commands together use of a processor (control_budget.h); a
 * client that does not read is dropped, and one that asks nothing where others want his place. Some places are not given to
 * those who follow. Only root and the daemon's own user are let in (unix(7), SO_PEERCRED).
 */
#ifndef ROFUSE_SRC_CONTROL_SERVER_H
#define ROFUSE_SRC_CONTROL_SERVER_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

struct control_server;
struct control_stream;

struct control_command {
    const char *name; /* "route.add"; NULL ends a table */

    /*
     * Does it. @data: the table's owner; @args: an object, borrowed. Returns the result, a new reference, or NULL with an
     * APP_ERROR of one line. In the connection's thread: several at once, so what it changes has a lock.
     */
    json_t *(*run)(void *data, const json_t *args, GError **error);

    /*
     * In the place of run, for what may take long: it gives up, with an error and nothing half done, when
     * control_stream_is_wanted() says that nobody waits for it any more. To be asked at least once a second where that can be.
     */
    json_t *(*work)(void *data, const json_t *args, const struct control_stream *stream, GError **error);

    /* NULL, or: sends what follows the answer; with "follow": true among @args as long as somebody listens, which only so many
     * may do at once. Until control_stream_*() says that nobody listens any more. */
    void (*follow)(void *data, const json_t *args, struct control_stream *stream);
};

/*
 * control_server_start - listens at a path and serves.
 *
 * @tables: NULL-terminated list of tables, each ended by a command without a name; borrowed, as is @data.
 * NULL with one line. Ended by control_server_stop(). All signals are blocked in its threads.
 */
struct control_server *control_server_start(const char *path, const struct control_command *const *tables, void *data,
                                            GError **error);

/*
 * control_server_stop - removes the socket, closes every connection and waits for the commands that are under way.
 *
 * Those that follow may end first: they are to notice by themselves that nothing comes any more.
 *
 * @patience_ms: how long at most. Returns false where commands are still at work then (they hang on some file system): what they
 * use, and the server, are to be left as they are until the process ends. NULL is allowed.
 */
bool control_server_stop(struct control_server *server, int patience_ms);

/* Sends an event, which is JSON text on one line; a newline at its end is left out. False when the client is gone or does not
 * read: then return from follow(). */
bool control_stream_send_text(struct control_stream *stream, const char *json);

/* Whether somebody still listens and the daemon does not end. To be asked at least once a second. */
bool control_stream_is_open(const struct control_stream *stream);

/* Whether somebody still waits for the answer, be it that he has sent more requests, and the daemon does not end. */
bool control_stream_is_wanted(const struct control_stream *stream);

/* Reads an argument: the string of KEY, borrowed; NULL, with an error where it is not a string, or missing and @required. */
const char *control_arg_text(const json_t *args, const char *key, bool required, GError **error);

#endif
