/*
 * mount_end - takes a mount out of the tree and waits for the end of its daemon: the same rules and words for whoever ends one.
 *
 * A mount that is in use is detached at once, who uses it is said, and its daemon goes on serving them until the last one is
 * gone. Only for programs with one thread.
 */
#ifndef ROFUSE_SRC_MOUNT_END_H
#define ROFUSE_SRC_MOUNT_END_H

#include "find_mount.h"
#include "paths.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Whose the users are that a mount may have at its end. */
enum mount_end_users {
    MOUNT_END_AWAITED,   /* those of whoever ends it: their end is waited for */
    MOUNT_END_STRANGERS, /* others', who have come in from outside: nobody waits for them */
};

struct mount_end;

/*
 * mount_end_new - finds the daemon. From here on what ends a process (process_end_signals()) ends the wait instead.
 *
 * @paths, @found: borrowed until the end; found->state may be NULL. Owned by the caller, mount_end_free().
 */
struct mount_end *mount_end_new(const struct paths *paths, const struct found_mount *found, enum mount_end_users users);

/*
 * mount_end_detach - takes the mount out of the tree, with the native routes in it and with binds of it over itself.
 *
 * Says who is in the way. TRUE also where it was gone already; FALSE with one line.
 */
gboolean mount_end_detach(struct mount_end *end, GError **error);

/*
 * mount_end_wait - waits for the end of the daemon, and says for what when that takes long. Returns whether it has ended, or is
 * not known: false after a signal, or where only strangers keep it. Where nobody waits for strangers, the daemon is told to end.
 */
bool mount_end_wait(struct mount_end *end);

/* The signals stay blocked. NULL is allowed. */
void mount_end_free(struct mount_end *end);

#endif
