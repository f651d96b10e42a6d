/*
 * process_ends - watches how processes end that are in a refused call, and those that started them up to the entrypoint.
 *
 * A descriptor (pidfd_open(2)) is taken while the process is still blocked in its call, so that it is that process and no other
 * one for good, whenever it ends and whoever has its number then. How it ended is asked of the descriptor (PIDFD_GET_INFO with
 * PIDFD_INFO_EXIT, Linux 6.15), else of /proc/PID/stat as long as it is a zombie; else it is not known.
 *
 * Of its parents those are looked at that live where it does (struct caller_parent; where the record does not know it, in the
 * same root directory and mount namespace): what runs in the container, and not who started it; and only up to one that
 * passes on how its child ended (tini), or starts it anew (supervisord). Where
 * that is the daemon's own root directory and mount namespace, so that there is no container, only shells and tools are; and
 * who called a tool. At most PROCESS_ENDS_MOST at a time;
 * the one that was longest without a refusal goes first. All functions: any thread.
 */
#ifndef ROFUSE_SRC_PROCESS_ENDS_H
#define ROFUSE_SRC_PROCESS_ENDS_H

#include "class_rule.h"
#include "denial.h"

#include <glib.h>

#define PROCESS_ENDS_MOST 512

struct process_ends;
struct watched_process;

/* NULL with one line. Owned by the caller, process_ends_free(), when nobody calls any more. */
struct process_ends *process_ends_new(GError **error);
void process_ends_free(struct process_ends *ends); /* NULL is allowed */

/* What a process is called: a thread has a name of its own (libuv-worker), and then it is the executable's. Borrowed; may be
 * NULL. */
const char *process_ends_name(const struct caller *caller);

/* In the thread that serves the call, before it is answered: waits for nothing but this lock, and asks /proc for links only. */
void process_ends_refused(struct process_ends *ends, const struct denial_record *record, bool is_noise);

/* The process of a record, a new reference; NULL where it is not watched (too many, no /proc, long gone). */
struct watched_process *process_ends_find(struct process_ends *ends, const struct denial_record *record);
void process_ends_unref(struct process_ends *ends, struct watched_process *process); /* NULL is allowed */

/* When a process was refused, and what it was then, as in the record. */
struct process_refusal {
    struct timespec first;
    const char *comm, *executable; /* borrowed; may be NULL */
};

/* A process and its line for class_rule(), but for refused_ms; strings live until process_ends_case_clear(). */
void process_ends_case(struct process_ends *ends, struct watched_process *process,
                       const struct process_refusal *refusal, struct class_case *ret);
void process_ends_case_clear(struct class_case *what);

/* Waits until a process ended, process_ends_wake(), or @timeout_ms (-1 = for ever). One thread. */
void process_ends_wait(struct process_ends *ends, int timeout_ms);
void process_ends_wake(struct process_ends *ends);

/* Milliseconds of the clock that ends are measured by (CLOCK_BOOTTIME would count sleep; this is CLOCK_MONOTONIC). */
int64_t process_ends_now(void);

#endif
