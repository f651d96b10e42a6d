/*
 * What the files of the session have in common: session.c (mount and threads) and session_route.c (routes that come and go).
 * Nobody else includes this.
 */
#ifndef ROFUSE_FS_SESSION_PRIVATE_H
#define ROFUSE_FS_SESSION_PRIVATE_H

#include "ops_private.h"
#include "turns.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#define SESSION_MAX_THREADS 64

struct session {
    struct ops ops;
    struct turns turns; /* requests that are served */
    struct tree *tree;
    char *mountpoint; /* absolute */
    char *name;
    char *volume_dir;
    GPtrArray *limits; /* char *, NULL-terminated */
    struct fuse_session *fuse;
    dev_t device;               /* of the mounted file system; 0 = not known */
    bool passthrough, io_uring; /* wanted */
    atomic_bool can_expire;     /* the kernel can expire a name without dropping what is mounted there (Linux 6.2) */
    pthread_mutex_t
        route_lock;     /* one change of the routes at a time; held over system calls, never by a serving thread */
    GArray *ended_fds;  /* [route_lock] of ended routes, to be closed; owned */
    unsigned n_indexes; /* [route_lock] that routes have had so far */
    unsigned n_threads; /* to begin with */
    pthread_mutex_t threads_lock;
    pthread_t threads[SESSION_MAX_THREADS]; /* [threads_lock] */
    unsigned n_started;                     /* [threads_lock] */
    atomic_uint n_running;
    atomic_int n_idle; /* threads that have no request */
    int ended_fd;
};

/* Whether the kernel has let go of the connection: then nothing is mounted any more, by whomever it was unmounted. */
bool session_is_gone(const struct session *session);

/* Closes what routes that have ended have left; nobody may use it any more. */
void session_close_ended(struct session *session);

#endif
