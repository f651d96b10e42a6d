/*
 * state_dir - the files of all states: one NAME.json for each mount in the run directory.
 *
 * Files appear whole (written beside and renamed). A name and a mount point are reserved under a lock (flock of
 * ".lock"), so that two mounts which start at once cannot both have them. A state whose daemon is gone and whose
 * mount is gone is left over and removed by whoever finds it under the lock.
 */
#ifndef ROFUSE_SRC_STATE_DIR_H
#define ROFUSE_SRC_STATE_DIR_H

#include "state.h"

/* docker's rule for names of containers and volumes, at most 128 bytes. */
bool state_name_is_valid(const char *name);

/* The last component of a mount point as a name: other characters become "_". Owned by the caller. */
char *state_name_from(const char *mountpoint);

/* Every state of the directory that can be read, by name. Elements are struct state, owned by the array, which the
 * caller owns; empty where the directory is missing. A file that is no state is left alone. */
GPtrArray *state_dir_read(const char *directory);

/*
 * state_dir_reserve - writes a state that is not ready yet, and so takes its name and mount point.
 *
 * @state:   name is what is wanted; with @exact false it is replaced by NAME-2, NAME-3, … where it is taken.
 * @is_used: says whether a dead state's mount is still in the way; called under the lock.
 * FALSE with one line that says who has the name or the mount point.
 */
gboolean state_dir_reserve(const char *directory, struct state *state, bool exact,
                           bool (*is_used)(void *data, const struct state *state), void *data, GError **error);

/* Replaces the state's file. FALSE with one line. */
gboolean state_dir_write(const char *directory, const struct state *state, GError **error);

/* Whether a daemon's state is there still. It takes it away soon after its connection has ended: nobody uses the mount any
 * more, and the kernel may give the device's number to another one. */
bool state_dir_has(const char *directory, const struct state *state);

/*
 * state_dir_remove - removes the state's file, and those beside it, if it is still this daemon's (same pid and start time).
 *
 * Under the lock, which it waits for a while; where it cannot have it the files stay, and the next mount removes them. Any thread.
 */
void state_dir_remove(const char *directory, const struct state *state);

#endif
