/*
 * caller - who sits in a request: the process as /proc tells it while it is blocked.
 *
 * The pid of a FUSE request is a thread id. Until the reply the thread waits for us, so its /proc entry is there and is its
 * own; read before the reply, never after. Everything is bounded, and what cannot be read is said to be unknown, not guessed.
 *
 * None of these files can wait for anything but the command line, which is in the caller's memory (caller_memory.h).
 */
#ifndef ROFUSE_FS_CALLER_H
#define ROFUSE_FS_CALLER_H

#include "caller_home.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define CALLER_MAX_PARENTS 16
#define CALLER_MAX_GROUPS 256
#define CALLER_MAX_ARGS 16384 /* bytes of the command line */
#define CALLER_MOST_ARGS 512  /* and how many words of it */

struct caller_parent {
    pid_t pid;
    char *comm; /* owned; NULL = unknown */
    char *exe;  /* owned; NULL = unknown (a kernel thread, or not ours to see) */
    enum caller_home home;
};

struct caller {
    pid_t tid;        /* of the request; 0 = it cannot be seen from our pid namespace: all else is unknown then */
    pid_t pid;        /* of the process; -1 = unknown */
    pid_t pid_inside; /* in its own pid namespace; -1 = unknown */
    char *comm;       /* of the thread; bytes; owned; NULL = unknown, as all strings here */
    char *exe;        /* path as the process itself spells it, as is cwd */
    bool exe_deleted; /* " (deleted)" was taken off it */
    char **args;      /* NULL-terminated; byte strings; owned; NULL = unknown */
    size_t n_args;
    bool args_truncated;
    char *cwd;
    uid_t uid; /* file-system ids of the request */
    gid_t gid;
    uid_t real_uid; /* (uid_t)-1 = unknown */
    gid_t real_gid;
    gid_t *groups; /* owned */
    size_t n_groups;
    bool groups_known;
    bool groups_truncated;
    bool has_start_time;
    struct timespec start_time;                       /* CLOCK_REALTIME */
    char *cgroup;                                     /* path in the unified hierarchy, or in the first one */
    char *container_id;                               /* found in the cgroup's path */
    struct caller_parent parents[CALLER_MAX_PARENTS]; /* the nearest first */
    size_t n_parents;
};

struct caller_memory;

/*
 * caller_read - all that is known of a caller.
 *
 * @memory: for the command line; NULL = without. @mount: the mount's device, by which parents' homes are told (caller_home.h);
 * 0 = not known. Never NULL, never fails. Owned by the caller of this, caller_free().
 * Any thread, no lock held.
 */
struct caller *caller_read(pid_t tid, uid_t uid, gid_t gid, struct caller_memory *memory, dev_t mount);
void caller_free(struct caller *caller); /* NULL is allowed */

/* The executable only, or the comm where it cannot be read, or "" : what folding goes by. Owned, g_free(). */
char *caller_executable(pid_t tid);

/* Supplementary groups of a thread; owned, g_free(). Returns 0 or -errno. */
int caller_groups(pid_t tid, gid_t **ret, size_t *ret_n);

/* Effective capabilities of a thread that count in our own user namespace: none for one that lives in another. Returns 0
 * or -errno. */
int caller_capabilities(pid_t tid, uint64_t *ret_effective);

/*
 * caller_capabilities_over - effective capabilities of a thread that count for a file: in a user namespace of its own only
 * those over files, and only where that namespace knows the file's owner and group (the kernel's
 * capable_wrt_inode_uidgid()).
 *
 * @uid, @gid: the file's, as we see them. Returns 0 or -errno.
 */
int caller_capabilities_over(pid_t tid, uid_t uid, gid_t gid, uint64_t *ret_effective);

/* Takes a container's id, 64 hexadecimal digits, out of a cgroup's path; owned, or NULL. Pure. */
char *caller_container_id(const char *cgroup);

#endif
