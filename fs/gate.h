/*
 * gate - the one place that everything which would change the tree passes.
 *
 * It asks the policy, and where the answer is no it makes the record of who wanted what, before the reply: the caller is
 * still blocked, so what /proc says of him is true. The operations only learn the errno.
 */
#ifndef ROFUSE_FS_GATE_H
#define ROFUSE_FS_GATE_H

#include "assume.h"
#include "denial.h"
#include "policy.h"

struct node;
struct tree;
struct caller_memory;
struct writers;

struct gate {
    struct tree *tree;            /* borrowed */
    struct denial_log *log;       /* borrowed */
    struct caller_memory *memory; /* borrowed: reads callers' */
    struct counters *counters;    /* borrowed */
    struct writers *writers;      /* borrowed */
};

/* A change that somebody asks for. Pointers are borrowed for the call. */
struct change {
    enum denial_operation operation;
    struct node *node;  /* what is changed: a file, or the directory of @name */
    const char *name;   /* the name in the directory; NULL = the node itself */
    const char *target; /* rename, link: the other path, absolute inside the mount; symlink: its text; else NULL */
    int flags;          /* open flags, or -1 */
    int64_t mode;       /* mode argument, or -1 */
    bool name_unknown;  /* a name in the directory @node, but which one could not be found out */
};

#define CHANGE(what, where, child)                                                                                     \
    ((struct change){.operation = (what), .node = (where), .name = (child), .flags = -1, .mode = -1})

/* Asks the policy for a plain change. Returns 0 = allowed, or the positive errno to reply, recorded. */
int gate_check(const struct gate *gate, const struct assume_credentials *who, const struct change *change);

/* Takes a verdict that was asked for already; as gate_check(). Only refusals of writing are records: EXDEV and EBUSY are
 * answers that a writable root gives too. */
int gate_apply(const struct gate *gate, const struct assume_credentials *who, const struct change *change,
               struct policy_verdict verdict);

/*
 * gate_failed - an allowed change that the backing file system refused: EACCES and EPERM, ENOSPC and EDQUOT, and EROFS
 * (the backing directory itself lies on a read-only file system) are recorded, other errors are not denials.
 * @status: -errno. Returns the positive errno to reply.
 */
int gate_failed(const struct gate *gate, const struct assume_credentials *who, const struct change *change, int status);

/*
 * gate_done - an allowed change that was made, before the reply. Where it was made for learning's sake (policy_is_learned())
 * it is recorded as one that would have been refused.
 */
void gate_done(const struct gate *gate, const struct assume_credentials *who, const struct change *change);

/* A file of a route was made or opened for writing. */
void gate_opened(const struct gate *gate, const struct node *node);

/* The daemon has written so many bytes to a file of a route; not answered yet. */
void gate_wrote(const struct gate *gate, const struct assume_credentials *who, const struct node *node, uint64_t bytes);

/* Such a file that the kernel writes by itself has grown. */
void gate_grew(const struct gate *gate, const struct node *node, uint64_t bytes);

/* A refusal for another reason (noexec, nosuid, permission). Returns @error. */
int gate_record(const struct gate *gate, const struct assume_credentials *who, const struct change *change, int error,
                enum denial_why why);

#endif
