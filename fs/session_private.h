/*
 * What the files of the session have in common: session.c (mount and threads), session_route.c (routes that come and go) and
 * session_learn.c (learn mode). Nobody else includes this.
 */
#ifndef ROFUSE_FS_SESSION_PRIVATE_H
#define ROFUSE_FS_SESSION_PRIVATE_H

#include "ops_private.h"
#include "turns.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

struct learn;
struct live;
struct session_threads;

struct session {
    struct ops ops;
    struct turns turns; /* requests that are served */
    struct tree *tree;
    struct writers *writers; /* owned */
    char *mountpoint;        /* absolute */
    char *name;
    char *volume_dir;
    GPtrArray *limits; /* char *, NULL-terminated */
    struct fuse_session *fuse;
    dev_t device;               /* of the mounted file system; 0 = not known */
    bool passthrough, io_uring; /* wanted */
    atomic_bool can_expire;     /* the kernel can expire a name without dropping what is mounted there (Linux 6.2) */
    /* One change of routes or of learn mode at a time. Held over all that may take long (a fill, requests that are under way,
     * notices), so nothing else may need it. */
    pthread_mutex_t change_lock;
    pthread_mutex_t learn_lock;      /* the list of learn mode's layers; after change_lock */
    GArray *ended_fds;               /* [change_lock] of ended routes, to be closed; owned */
    unsigned n_indexes;              /* [change_lock] that routes have had so far */
    struct learn *learn;             /* [learn_lock] learn mode's layers; owned; the first is in use if it is_on */
    struct tmpfs_size learn_size;    /* of learn mode's layers, unless another one is asked for */
    unsigned n_learns;               /* [change_lock] how many there have been */
    unsigned n_threads;              /* to begin with */
    struct session_threads *threads; /* owned */
};

/*
 * Tells the kernel what it does not know any more, and ends the change.
 * @all: names that are nowhere, too. [change_lock]
 */
void session_tell_kernel(struct session *session, struct live *live, bool all);

/* Begins in learn mode, before anything is mounted. Returns 0, or -errno with one line in @ret_why (owned, g_free()). */
int session_begin_learn(struct session *session, char **ret_why);

/* Frees learn mode's layers; the tree must be gone. */
void session_free_learn(struct session *session);

/* Whether the kernel has let go of the connection: then nothing is mounted any more, by whomever it was unmounted. */
bool session_is_gone(const struct session *session);

/* Closes what routes that have ended have left; nobody may use it any more. */
void session_close_ended(struct session *session);

#endif
