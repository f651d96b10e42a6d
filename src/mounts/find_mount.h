/*
 * find_mount - the mount that a person means by a path or a name.
 */
#ifndef ROFUSE_SRC_FIND_MOUNT_H
#define ROFUSE_SRC_FIND_MOUNT_H

#include "paths.h"
#include "state.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct found_mount {
    char *point;         /* where it is or was mounted; owned */
    char *name;          /* owned */
    bool is_mounted;     /* it is in the table of mounts; false: detached, or only its state is left */
    dev_t device;        /* of its file system, 0 = unknown */
    uid_t owner;         /* whose daemon it is, as the kernel knows it; (uid_t)-1 = unknown */
    struct state *state; /* what its daemon wrote down; NULL where it was not found here; owned */
};

/*
 * find_mount - looks a mount up by its mount point or its name.
 *
 * @word: a path (also one whose daemon is dead), or, without a slash, a name.
 * Owned by the caller, found_mount_free(). NULL with one line where it is no rofuse mount. Any thread.
 */
struct found_mount *find_mount(const struct paths *paths, const char *word, GError **error);

/* "there is web (/mnt/web)", or more of those that live, for a line that says that a word is none of them; without any, where
 * they are told. Owned by the caller, g_free(). */
char *find_mount_those(const struct paths *paths);

/* Says that the state of a mount was not found here: because it is another user's, or is kept elsewhere. Always FALSE. */
gboolean found_mount_fail_unread(const struct found_mount *found, const struct paths *paths, const char *word,
                                 GError **error);

/* Whether the states cannot be read as they are another user's; says so then, and whose. */
bool mounts_are_anothers(const struct paths *paths, GError **error);

/* Whether there is a mount though no state is here: another user's, or one whose state is kept elsewhere; says so then. */
bool mounts_are_elsewhere(const struct paths *paths, GError **error);
/* The same of other users' mounts alone. Pure but for who asks. */
bool mounts_are_others(const GPtrArray *table, const struct paths *paths, GError **error);

void found_mount_free(struct found_mount *found); /* NULL is allowed */

#endif
