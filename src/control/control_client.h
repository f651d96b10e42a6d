/*
 * control_client - asks the daemon of a mount by its control socket (control_server.h tells the protocol). One thread.
 */
#ifndef ROFUSE_SRC_CONTROL_CLIENT_H
#define ROFUSE_SRC_CONTROL_CLIENT_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

struct control_client;

/* Connects to a socket. Owned by the caller, control_client_free(). NULL with one line. */
struct control_client *control_client_new(const char *path, GError **error);
void control_client_free(struct control_client *client); /* NULL is allowed */

/*
 * control_client_ask - one request and its answer.
 *
 * @args: an object; the reference is taken; NULL = without arguments.
 * Returns the result, a new reference. NULL with one line: the daemon's, with its exit status, or that there is none.
 */
json_t *control_client_ask(struct control_client *client, const char *command, json_t *args, GError **error);

/*
 * control_client_next - the next event of a command that follows.
 *
 * @timeout_ms: -1 = for ever. Returns 1 with a new reference in *ret, 0 when nothing came in that time, or -1 when there is no
 * more: with an error where the connection broke, without one where the daemon ended the stream or itself.
 */
int control_client_next(struct control_client *client, int timeout_ms, json_t **ret, GError **error);

/* Whether the daemon has closed the connection while nothing was asked: for want of a place, as nothing was asked for long, or as
 * it ends. */
bool control_client_is_closed(const struct control_client *client);

/* How long control_client_ask() waits for an answer, instead of minutes; -1 = for ever. */
void control_client_set_patience(struct control_client *client, int timeout_ms);

/* Whose answer it is, "the daemon of web": told on stderr, where that is a terminal, to who waits for it; NULL, as in the
 * beginning: nobody. */
void control_client_set_whose(struct control_client *client, const char *whose);

/* What poll(2) may wait for: readable when control_client_next() may have something. Owned by the client. What was read
 * before is not seen by poll(2): ask with timeout 0 first. */
int control_client_fd(const struct control_client *client);

#endif
