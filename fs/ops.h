/*
 * ops - the FUSE operations: requests in, replies out.
 *
 * Every operation ends in exactly one reply. What it may change goes through the gate first; what it does in a backing
 * directory it does as the caller. No lock of ours is held over a system call or a reply.
 */
#ifndef ROFUSE_FS_OPS_H
#define ROFUSE_FS_OPS_H

#include "assume.h"
#include "gate.h"

struct counters;
struct dir_streams;
struct fuse_session;
struct passthrough;
struct route;
struct tree;
struct turns;

/* What the operations share; the userdata of the FUSE session. Immutable while it serves. */
struct ops {
    struct tree *tree;               /* borrowed */
    struct dir_streams *streams;     /* borrowed */
    struct fuse_session *fuse;       /* borrowed */
    struct passthrough *passthrough; /* borrowed */
    struct counters *counters;       /* borrowed */
    struct turns *turns;             /* borrowed */
    bool stores;                     /* small files are given to the kernel when they are opened; never with io_uring */
    bool kills_privileges;           /* set-user-ID bits are ours to take away (HANDLE_KILLPRIV_V2) */
    struct gate gate;
    bool knows_callers; /* the thread ids of requests mean something in /proc */
    struct assume_power power;
};

struct fuse_lowlevel_ops;
struct fuse_conn_info;

/* Fills the table of operations. */
void ops_fill(struct fuse_lowlevel_ops *table);

/* A route has no open files: where it is removed, its backing directory is let go. Any thread. */
void ops_route_unused(const struct ops *ops, struct route *route);

/* Makes the calling thread ready to serve; for one that is ready already it does nothing. */
void ops_thread_ready(void);

/*
 * The name under which O_TMPFILE is passed on as a create; no file can be called so. libfuse 3.14 has no operation for
 * FUSE_TMPFILE, whose request has the form of FUSE_CREATE's and this name from the kernel (d_tmpfile).
 */
#define OPS_TMPFILE_NAME "/"

#endif
