/*
 * intent - what system call a blocked thread is in, and what it would change.
 *
 * From /proc/TID/syscall, which needs the privilege to trace the thread (PTRACE_MODE_ATTACH_FSCREDS). Where it cannot be
 * read, for a system call that is not known to change anything, and for callers of another architecture, whose numbers mean
 * something else, the intent is not known.
 */
#ifndef ROFUSE_FS_INTENT_H
#define ROFUSE_FS_INTENT_H

#include "denial.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct caller_memory;

enum {
    INTENT_CHANGES_DIRECTORY = 1, /* makes, removes or renames a name */
    INTENT_CHANGES_FILE = 2, /* content or attributes, where a read-only mount is asked before the mode is: truncating,
                                     times, extended attributes */
    INTENT_OPENS_FOR_WRITE = 4, /* an open of what exists, where the mode is asked first */
    INTENT_CHANGES_OWNER = 8,   /* chown */
};

struct intent {
    bool known;
    bool in_memory; /* not known yet: the flags stand in the caller's memory (openat2) */
    enum denial_operation operation;
    unsigned effect;    /* a set of INTENT_* */
    int flags;          /* open flags, or -1 */
    int64_t mode;       /* mode argument, or -1 */
    bool by_descriptor; /* of an open file, without a way to it */
    bool two_paths;     /* rename: which of the two is meant is not known from here */
    bool has_name;
    char name[NAME_MAX + 1]; /* last component of the (first) path, when has_name */
    uid_t uid;               /* chown: the arguments, -1 = as it is */
    gid_t gid;
};

/* The registers of a system call. */
struct intent_call {
    long number;
    uint64_t arguments[6];
};

/* Which argument is the path (its address), in @ret_path; -1 = none. The caller's memory is not looked at. Pure. */
void intent_classify(const struct intent_call *call, struct intent *ret, int *ret_path);

/*
 * intent_read - the intent of a thread that is blocked in a request of ours.
 *
 * @memory: for the name (and openat2's flags), which are in the caller's memory; NULL = without.
 * Returns 0, or -errno where nothing can be read (-EACCES, -ENOENT, -EAGAIN: the thread did not come to rest within some
 * milliseconds). Any thread, no lock held.
 */
int intent_read(pid_t tid, struct caller_memory *memory, struct intent *ret);

/* What paths a system call was given, as they stand in the caller's memory; owned. */
struct intent_paths {
    char *changed[2]; /* what is to change: of rename both; "" = an open file; NULL = none */
    char *passed;     /* link: what is to get another name */
};

/* Reads them, for one whose intent is known. Returns 0 or -errno (as intent_read(), and of caller_memory_read()); then there
 * is nothing to clear. */
int intent_read_paths(pid_t tid, struct caller_memory *memory, struct intent_paths *ret);
void intent_paths_clear(struct intent_paths *paths);

#endif
