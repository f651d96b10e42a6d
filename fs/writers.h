/*
 * writers - which process last changed each route.
 *
 * /proc is read at most once a second for a route, so that a program which writes all the time pays for one look at itself
 * in a second, and others that write within that second are not told. A process that has gone since is told all the same.
 *
 * The lock is held over no system call. Any thread.
 */
#ifndef ROFUSE_FS_WRITERS_H
#define ROFUSE_FS_WRITERS_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct writers;

struct writer {
    pid_t pid;            /* of the process; -1 = unknown */
    uid_t uid;            /* file-system user of the request */
    char *comm;           /* owned; NULL = unknown */
    char *exe;            /* path as the process spells it; owned; NULL = unknown */
    char *container_id;   /* owned; NULL = in none that is known */
    struct timespec time; /* CLOCK_REALTIME, when it was looked at */
};

struct writers *writers_new(void);
void writers_free(struct writers *writers); /* NULL is allowed */

/* A request of a thread changes a route, and is not answered yet. @tid 0 (cannot be seen), and routes beyond COUNTERS_ROUTES:
 * nothing is noted. */
void writers_note(struct writers *writers, unsigned route, pid_t tid, uid_t uid, gid_t gid);

/* The last one that was noted of a route; false where there is none. Owned by the caller, writer_clear(). */
bool writers_last(struct writers *writers, unsigned route, struct writer *ret);
void writer_clear(struct writer *writer); /* safe on a zeroed struct */

#endif
