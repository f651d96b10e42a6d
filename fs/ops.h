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

struct tree;

/* What the operations share; the userdata of the FUSE session. Immutable while it serves. */
struct ops {
    struct tree *tree; /* borrowed */
    struct gate gate;
    bool knows_callers; /* the thread ids of requests mean something in /proc */
    struct assume_power power;
};

struct fuse_lowlevel_ops;
struct fuse_conn_info;

/* Fills the table of operations. */
void ops_fill(struct fuse_lowlevel_ops *table);

/*
 * The name under which the session passes O_TMPFILE on as a create: libfuse 3.14 has no operation for FUSE_TMPFILE, whose
 * request has the form of FUSE_CREATE's and this name from the kernel (d_tmpfile); no file can be called so.
 */
#define OPS_TMPFILE_NAME "/"

#endif
