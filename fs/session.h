/*
 * session - one mount: the tree, its routes, the FUSE connection and the threads that serve it.
 */
#ifndef ROFUSE_FS_SESSION_H
#define ROFUSE_FS_SESSION_H

#include <stdbool.h>
#include <stddef.h>

struct access_subject;
struct counters;
struct denial_log;
struct explanation;
struct route_spec;
struct session;
struct writer;

struct session_options {
    const char *mountpoint;          /* absolute, an existing directory */
    const char *const *layers;       /* host directories, first = bottom */
    size_t n_layers;                 /* 0 is allowed: then only routes and made places exist */
    const struct route_spec *routes; /* in any order; nested targets are sorted here */
    size_t n_routes;
    const char *volume_dir;    /* store of named volumes */
    const char *name;          /* shown as the file system's source in mount tables */
    struct denial_log *log;    /* borrowed, must outlive the session */
    struct counters *counters; /* borrowed, must outlive the session; all zero */
    unsigned threads;          /* serving threads, 0 = the default */
    bool passthrough;          /* let the kernel serve files by itself where it can */
    bool io_uring;             /* let requests come through io_uring where it can */
};

/*
 * session_new - opens layers and routes; nothing is mounted yet, nothing of the host is changed but new volumes,
 * missing bind sources and missing nested targets.
 *
 * @ret_why: on failure one line for a person; owned, g_free().
 * Returns 0 or -errno. Call after the last fork, before other threads use the process's credentials.
 */
int session_new(const struct session_options *options, struct session **ret, char **ret_why);

/* What could not be had here (an ordinary user, a user namespace), a line each; NULL-terminated, owned by the session. */
const char *const *session_limits(const struct session *session);

/*
 * session_start - mounts and starts the serving threads, then mounts the native routes; returns when the mount answers.
 * Returns 0 or -errno with @ret_why as above; on failure nothing stays mounted.
 */
int session_start(struct session *session, char **ret_why);

/*
 * session_unmount - takes the mount point, native routes first, out of the tree: at once when nobody uses it, lazily when it is busy (then
 * the session goes on serving until the last user is gone).
 * @ret_busy: true when it was lazy. Returns 0 or -errno. Any thread but a serving one.
 */
int session_unmount(struct session *session, bool *ret_busy);

/* What serves the route that was declared for a target: of an anonymous volume the name that it was given. Owned by the
 * session; NULL for a tmpfs or an unknown target. */
const char *session_source(const struct session *session, const char *target);

/* Where the native mount of the route lies that was declared for a target: a path inside the mount point. Owned by the
 * session; NULL for a route that is served through FUSE. */
const char *session_native(const struct session *session, const char *target);

/*
 * session_use - how the route that was declared for a target is counted (counters.h), and who changed it last (writers.h).
 *
 * Returns the route's index, or -1 for an unknown target. @ret_writer: pid 0 where nobody is known; owned by the caller,
 * writer_clear(). Any thread.
 */
int session_use(struct session *session, const char *target, struct writer *ret_writer);

/*
 * session_explain - explains a path (explain.h); whether it serves or not, any thread.
 * @ids: who would write; borrowed for the call. Owned by the caller, explanation_free().
 */
struct explanation *session_explain(struct session *session, const char *path, const struct access_subject *ids);

/* A descriptor that becomes readable when the mount is gone and all serving threads have ended. Owned by the session. */
int session_ended_fd(const struct session *session);

/* Joins the threads and frees everything. The mount must be gone or never have been started. NULL is allowed. */
void session_free(struct session *session);

#endif
