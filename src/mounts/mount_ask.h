/*
 * mount_ask - the control socket of the mount that a person means.
 */
#ifndef ROFUSE_SRC_MOUNT_ASK_H
#define ROFUSE_SRC_MOUNT_ASK_H

#include "control_client.h"
#include "paths.h"
#include "state.h"

struct asked_mount {
    struct control_client *client; /* owned */
    struct state *state;           /* what its daemon wrote down; owned */
};

/* What the daemon of that mount wrote down, alive or not; @word as below. Owned by the caller. NULL with one line. */
struct state *mount_state(const struct paths *paths, const char *word, GError **error);

/*
 * mount_ask - connects to the daemon of a mount.
 *
 * @word: a mount point or a name; NULL = the only mount that there is.
 * Who waits for its answers at a terminal is told so (control_client_set_whose()).
 * Owned by the caller, asked_mount_free(). NULL with one line. One thread.
 */
struct asked_mount *mount_ask(const struct paths *paths, const char *word, GError **error);

/* Connects to the same daemon once more. @run: the directory of the states. Owned by the caller, control_client_free(). NULL with
 * one line. */
struct control_client *mount_ask_again(const char *run, const struct state *state, GError **error);
void asked_mount_free(struct asked_mount *asked); /* NULL is allowed */

#endif
