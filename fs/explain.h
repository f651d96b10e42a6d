/*
 * explain - why a path inside the mount is what it is, and what would happen to a write to it.
 *
 * A pure reading: nothing is changed, no device and no fifo is opened, and nobody is asked but the layers and the backing
 * directories. What is said of a write is what the kernel and the gate would answer just now to a process of that user,
 * inside the mount, with the capabilities that root has and others have not; what somebody has mounted over a part of the
 * mount is not known here.
 *
 * Sources of the verdicts: RULES.md section 3, DESIGN.md decisions 2 and 3, the VFS' order of checks (do_open(),
 * lookup_open(), may_delete()), policy.h and access.h.
 *
 * All strings are bytes; paths are absolute inside the mount unless something else is said. Any thread, while it serves.
 */
#ifndef ROFUSE_FS_EXPLAIN_H
#define ROFUSE_FS_EXPLAIN_H

#include "access.h"
#include "route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct assume_power;
struct tree;

/* How a layer hides what layers below it have. */
enum explain_form {
    EXPLAIN_WHITEOUT_FILE,      /* ".wh.NAME" beside it */
    EXPLAIN_WHITEOUT_DEVICE,    /* a character device 0:0 in its place */
    EXPLAIN_WHITEOUT_ATTRIBUTE, /* an empty file with an overlay.whiteout attribute */
    EXPLAIN_OPAQUE_FILE,        /* ".wh..wh..opq" in the directory */
    EXPLAIN_OPAQUE_ATTRIBUTE,   /* an attribute of the directory */
    EXPLAIN_REPLACED,           /* it has the name itself, and the two cannot be merged */
    EXPLAIN_N_FORMS
};

struct explain_hider {
    enum explain_form form;
    uint16_t layer;
    char *path;      /* of the name that is hidden or replaced, or of the directory that is opaque; owned */
    char *attribute; /* of the two forms with one, else NULL; owned */
};

#define EXPLAIN_SEEN (-1)
#define EXPLAIN_UNDER_ROUTE (-2)

/* A layer that has the path. */
struct explain_layer {
    uint16_t number; /* 0 = bottom */
    const char *dir; /* host directory; owned by the tree */
    struct stat st;
    int hider; /* EXPLAIN_SEEN: it is a part of what is seen; EXPLAIN_UNDER_ROUTE; else an index of hiders */
};

/* A symbolic link that was followed. */
struct explain_link {
    char *path;   /* owned */
    char *target; /* its text; owned */
};

enum explain_place {
    EXPLAIN_IN_IMAGE,
    EXPLAIN_IN_ROUTE,
    EXPLAIN_IN_MEMORY, /* a made place */
};

/* What was asked of the permissions of one file, and what decided. */
struct explain_access {
    char *path; /* owned; NULL: permissions have no part in it */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    unsigned wanted; /* ACCESS_* of access.h */
    struct access_decision decision;
};

enum explain_operation {
    EXPLAIN_WRITE,    /* open(2) of what is there, for writing */
    EXPLAIN_TRUNCATE, /* the same with O_TRUNC, as a shell's ">" */
    EXPLAIN_CREATE,   /* of a new name: open(2) with O_CREAT, mkdir(2) and their like */
    EXPLAIN_REMOVE,   /* unlink(2), or rmdir(2) of a directory */
    EXPLAIN_EXECUTE,
    EXPLAIN_N_OPERATIONS
};

enum explain_reason {
    EXPLAIN_ALLOWED,
    EXPLAIN_LEARNED,            /* allowed by learn mode alone; without it NOT_DECLARED */
    EXPLAIN_NOT_DECLARED,       /* EROFS: no route covers it */
    EXPLAIN_DECLARED_READ_ONLY, /* EROFS: its route says ro */
    EXPLAIN_BACKING_READ_ONLY,  /* EROFS: what the route shows is itself on a read-only file system */
    EXPLAIN_NO_SEARCH,          /* EACCES: of a directory on the way; access says which */
    EXPLAIN_NO_PERMISSION,      /* EACCES: access says of what */
    EXPLAIN_STICKY,     /* EPERM: in a sticky directory names are for the owners to remove; access: the directory's */
    EXPLAIN_MARKED,     /* EPERM: chattr(1) has made it, or its directory, immutable or append-only */
    EXPLAIN_NOEXEC,     /* EACCES: its route says noexec */
    EXPLAIN_NOSUID,     /* EACCES: its route says nosuid, and it would change who runs it */
    EXPLAIN_DEVICE,     /* EACCES: devices cannot be opened through the mount */
    EXPLAIN_SOCKET,     /* ENXIO: sockets are connected to, not opened */
    EXPLAIN_NOT_A_FILE, /* EISDIR, EACCES: it is not a regular file */
    EXPLAIN_MISSING,    /* ENOENT: a component is missing */
    EXPLAIN_NOT_A_DIRECTORY, /* ENOTDIR: a component is no directory */
    EXPLAIN_MOUNT_POINT,     /* EBUSY: a route lies there */
    EXPLAIN_NOT_EMPTY,       /* ENOTEMPTY */
    EXPLAIN_FULL,            /* ENOSPC: the backing file system has no inode left */
    EXPLAIN_OTHER_USER,      /* EPERM: the daemon is an ordinary user and acts for nobody else */
    EXPLAIN_UNREADABLE,      /* what a layer or a backing directory answered */
    EXPLAIN_N_REASONS
};

struct explain_verdict {
    enum explain_operation operation;
    char
        *path; /* what is changed; of a CREATE in a directory that is there: the directory with "/" at the end; owned */
    int error; /* 0, or the errno that the program gets */
    enum explain_reason reason;
    struct explain_access access;
};

struct explanation {
    char *path;                 /* as it was asked for; owned */
    char *resolved;             /* links followed; for what is missing, as it would be; owned */
    struct explain_link *links; /* in their order; owned */
    size_t n_links;
    int status; /* 0: it is there; -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, or the -errno of what could not be read */
    char *
        stopped; /* where that was: the first component that is missing or no directory; NULL where it is there; owned */
    bool deepest_has_names; /* the image has something in it, which a tmpfs there would hide */
    char *deepest;          /* the deepest directory on the way that is there; owned */

    /* Of what is there, or else of the deepest directory. */
    enum explain_place place;
    struct stat st;           /* st_ino as it is seen */
    struct access_entry *acl; /* owned */
    size_t n_acl;

    struct explain_layer *layers; /* that have it, topmost first; owned */
    size_t n_layers;
    struct explain_hider *hiders; /* owned */
    size_t n_hiders;

    bool is_learning; /* IN_IMAGE: learn mode's throw-away layer lies over it */

    struct route_spec route; /* IN_ROUTE: of the route that holds it; source is what it really has; owned */
    char *route_target;      /* IN_ROUTE: resolved; owned; else NULL */
    bool route_native;
    bool route_backing_read_only;

    struct explain_verdict *verdicts; /* owned */
    size_t n_verdicts;
};

/* Who would write. Groups are borrowed for the call. */
struct explain_who {
    struct access_subject ids;
    const struct assume_power *power; /* of the daemon; borrowed for the call; NULL = everything */
};

/*
 * explain_path - explains a path.
 *
 * @path: absolute inside the mount; "." and ".." are taken as a program's. Longer ones than PATH_MAX are -ENAMETOOLONG.
 * Never fails: what could not be found out is in status. Owned by the caller, explanation_free().
 */
struct explanation *explain_path(struct tree *tree, const char *path, const struct explain_who *who);
void explanation_free(struct explanation *explanation); /* NULL is allowed */

#endif
