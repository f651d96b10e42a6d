/*
 * route - a declared writable (or read-only) place: what was asked for, and the backing directory that serves it.
 *
 * A route_spec is what the person declared, with docker's words already understood; it holds no descriptor and can be
 * copied freely. A route is the spec plus an open backing root; it lives as long as the session, even when it is removed
 * before: what was open in it goes on. Nothing here knows FUSE, a command line or a configuration format.
 */
#ifndef ROFUSE_FS_ROUTE_H
#define ROFUSE_FS_ROUTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct copies;
struct node;
struct union_stack;

enum route_kind {
    ROUTE_TMPFS,
    ROUTE_VOLUME,
    ROUTE_BIND,
};

/* How much a tmpfs may hold; both 0 = what the kernel gives, half of the memory. */
struct tmpfs_size {
    uint64_t bytes;
    unsigned percent; /* of the memory; excludes bytes */
};

struct route_spec {
    enum route_kind kind;
    char *target;  /* absolute path inside the image, normalised by the parser; owned */
    char *source;  /* volume: its name, NULL = anonymous; bind: absolute host path; tmpfs: NULL; owned */
    char *subpath; /* volume: directory or file below the volume's root to serve, or NULL; owned */

    bool read_only;
    bool noexec;
    bool nosuid;
    bool nodev;         /* remembered for status only: the whole mount is nodev */
    bool nocopy;        /* volume: do not fill a new one from the image */
    bool tmpcopyup;     /* tmpfs: start with a copy of what the image has at the target; mode, uid and gid that are said
                           come before those of the image's directory */
    bool create_source; /* bind: make the host directory if it is missing */
    bool native;        /* a real mount over the target, which the kernel serves alone (native.h) */
    bool has_native;    /* native was said, yes or no */

    uint64_t size;         /* tmpfs: bytes, 0 = not given (then the kernel's default, half of the memory) */
    unsigned size_percent; /* tmpfs: per cent of memory, 0 = not given; excludes size */
    uint64_t nr_inodes;    /* tmpfs: 0 = not given */
    bool has_mode, has_uid, has_gid;
    mode_t mode; /* tmpfs: permission bits of its root; 1777 where has_mode is false */
    uid_t uid;
    gid_t gid;
};

/* The word docker uses for a kind: "tmpfs", "volume", "bind". Static text. */
const char *route_kind_name(enum route_kind kind);

/* Frees what a spec owns and clears it; the struct itself is the caller's. Safe on a zeroed struct. */
void route_spec_clear(struct route_spec *spec);

/* Copies a spec into a struct that owns nothing yet; what it then owns is freed by route_spec_clear(). */
void route_spec_copy(struct route_spec *to, const struct route_spec *from);

struct route {
    struct route_spec spec; /* owned copy; immutable */
    char *target;           /* where it landed after the image's symlinks were followed; owned; set by the graft */
    struct node
        *root; /* the node that was grafted in; set by the graft; borrowed until the route is removed, then only to
                          be compared */
    struct node *parent;        /* the directory that it is grafted in; a ref; the session's control alone */
    struct route *_Atomic next; /* of the tree's list */
    atomic_uint n_open;         /* open files of it */
    atomic_bool is_removed;     /* it is not to be seen any more */
    atomic_bool is_given_up;    /* and its backing directory is closed */
    unsigned index;             /* its own among the session's, never used again; immutable */
    atomic_int
        root_fd; /* O_PATH descriptor of the backing root (directory or single file); owned, until the route has ended
                            (tree_end_route()) */
    atomic_int upper_fd;   /* learn mode: what was changed (overlayfs' upper directory); owned; else -1 */
    struct copies *copies; /* learn mode: what was copied up (copies.h); owned; else NULL */
    int lock_fd;           /* volume: says that it is in use, so that nobody fills it meanwhile; owned; else -1 */
    bool
        own_mount; /* root_fd is a mount of our own; else what is mounted below it is the host's, ours perhaps among it */
    bool no_birth;      /* birth times are no part of a file's identity here */
    bool root_is_dir;   /* immutable */
    bool is_local;      /* on a file system whose close(2) tells nothing new and whose files the kernel can be given */
    bool is_stacked;    /* on an overlayfs */
    bool is_private;    /* nobody but this mount can change it (a tmpfs of our own): caches may be infinite */
    bool is_anonymous;  /* a volume that was made without a name, for this route alone; immutable */
    bool is_learn;      /* the image on a throw-away layer (learn mode): what is allowed here would have been refused */
    bool native;        /* spec.native, or nested in a native one; set by native_plan() */
    uint64_t native_id; /* the native mount's id while it is mounted, else 0; the session's own thread */
};

#endif
