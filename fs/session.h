/*
 * session - one mount: the tree, its routes, the FUSE connection and the threads that serve it.
 */
#ifndef ROFUSE_FS_SESSION_H
#define ROFUSE_FS_SESSION_H

#include "route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct access_subject;
struct counters;
struct denial_log;
struct explanation;
struct patience;
struct session;
struct writer;

struct session_options {
    const char *mountpoint;          /* absolute, an existing directory */
    const char *const *layers;       /* host directories, first = bottom */
    size_t n_layers;                 /* 0 is allowed: then only routes and made places exist */
    const struct route_spec *routes; /* in any order; nested targets are sorted here */
    size_t n_routes;
    const char *volume_dir;          /* store of named volumes */
    const char *name;                /* shown as the file system's source in mount tables */
    struct denial_log *log;          /* borrowed, must outlive the session */
    struct counters *counters;       /* borrowed, must outlive the session; all zero */
    unsigned threads;                /* serving threads, 0 = the default */
    bool passthrough;                /* let the kernel serve files by itself where it can */
    bool learn;                      /* begin in learn mode (session_learn()) */
    struct tmpfs_size learn_size;    /* of learn mode's layers, unless another one is asked for */
    bool io_uring;                   /* let requests come through io_uring where it can */
    const struct patience *patience; /* for the first copies into volumes; over: -ECANCELED; NULL = without end */
};

/*
 * session_new - opens layers and routes; nothing is mounted yet, nothing of the host is changed but new volumes,
 * missing bind sources and missing nested targets.
 *
 * @ret_why: on failure one line for a person; owned, g_free(). No anonymous volume is left then.
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

/* Where something is mounted on the mount, in whatever mount namespace: paths inside it with a leading slash; borrowed. */
struct session_protected {
    const char *const *paths;
    size_t n_paths;
};

/* Tells it as of now; what it returns is valid until it is asked again. */
struct session_mounts {
    struct session_protected (*now)(void *data);
    void *data;
};

/*
 * session_route_add - adds a route to a running mount: at once, for all who have the mount, also below routes and above them.
 *
 * The kernel drops nothing that is in use: open files stay what they are, and what is mounted on the target or below it stays
 * mounted (@mounts; the directories on the way to it are made in the route, as docker makes targets). A target that the
 * image lacks is made in memory. A native route cannot be added. A file can be a target where nothing is mounted on it.
 * Names that a program has looked for in the target before and not found, and that somebody makes in a volume or a bind later
 * and from outside, are seen where the daemon may reconfigure the mount (root); else when the kernel's memory is short.
 *
 * @mounts:    complete as of when it is asked: before a fill and after it. What is mounted later, while this runs, may be
 *             detached.
 * @patience:  for a fill, and for the changes before it (patience.h); over: -ECANCELED. NULL = without end.
 * @ret_index: where its changes are counted (counters.h).
 * @ret_why:   on failure one line for a person; owned, g_free().
 * Returns 0, or -errno and nothing to be seen has changed. Waits for the requests that are under way. Any thread but a serving
 * one; one change at a time.
 */
int session_route_add(struct session *session, const struct route_spec *spec, const struct session_mounts *mounts,
                      const struct patience *patience, unsigned *ret_index, char **ret_why);

/*
 * session_route_remove - takes a route away, declared at the mount or added later; what the image has there is seen again.
 *
 * Refused, with -EBUSY, where a file of it is open or something is mounted on its target or below. With @force what was open
 * goes on as it was until it is closed, and so does what is mounted; only then the backing directory is let go, and with it a
 * tmpfs' memory. A volume's content stays. A native route, and one that another lies in, is refused in any case.
 *
 * @target: as it was declared, or where that led to.
 */
int session_route_remove(struct session *session, const char *target, bool force,
                         const struct session_protected *protected, char **ret_why);

/*
 * session_route_undo - takes back what session_route_add() has added just now, as it belongs to more that cannot be had.
 *
 * As session_route_remove() with @force; other routes that lie in it, and were there before, are where they were.
 */
int session_route_undo(struct session *session, const char *target, const struct session_protected *protected,
                       char **ret_why);

struct learn_diff;

/*
 * session_learn - switches learn mode on or off: with it, writes that are not declared succeed on a throw-away layer over the
 * image, and are recorded as ones that would have been refused.
 *
 * At once, for all who have the mount; open files stay what they are, and nothing that is mounted is detached. Off: the image
 * is seen again as it is, and the layer is gone with the last file of it that is open. On: the layer is empty.
 * Not off while something is mounted below a directory that was renamed meanwhile (-EBUSY).
 * @size: of the layer; NULL = the session's. It is not looked at when it is on already, or switched off.
 * @protected: complete as of now; what is mounted while this runs may be detached.
 * @ret_why: as for session_route_add(). Returns 0 (also where it is so already) or -errno and nothing has changed.
 * Any thread but a serving one.
 */
int session_learn(struct session *session, bool on, const struct tmpfs_size *size,
                  const struct session_protected *protected, char **ret_why);

/* Whether it is on. Any thread. */
bool session_is_learning(struct session *session);

/* What the throw-away layer may hold and holds, in bytes. False where learn mode is off. Any thread. */
bool session_learn_space(struct session *session, uint64_t *ret_size, uint64_t *ret_used);

/* What was changed since it was switched on (learn_diff.h); owned by the caller. NULL where it is off by now. */
struct learn_diff *session_learn_diff(struct session *session);

/* The target as it was declared of the route that is declared for a target, or lies there; owned by the session; NULL. */
const char *session_route_declared(const struct session *session, const char *target);

/* Whether an inode number of the mount (st_ino) belongs to the route of that target. Any thread. */
bool session_route_holds(const struct session *session, const char *target, uint64_t ino);

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

/* As session_free(), where nothing has come of the mount: the anonymous volumes that were made for it are removed, as nobody
 * could come back to them. */
void session_give_up(struct session *session);

/* Joins the threads and frees everything. The mount must be gone or never have been started. NULL is allowed. */
void session_free(struct session *session);

#endif
