/*
 * denial - a refused write as a record, and the way it takes to the sinks.
 *
 * denial_report() is called by the serving thread before it replies: the caller is still blocked, so its /proc entry is
 * there and is its own. The record then goes through a bounded queue to one thread that folds and hands it to the sinks,
 * each with a bounded queue and a thread of its own, so that a stuck terminal or a full disk stops neither a file
 * operation nor another sink. What did not fit is counted and the count is an event in the log.
 */
#ifndef ROFUSE_FS_DENIAL_H
#define ROFUSE_FS_DENIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct caller;
struct caller_memory;

enum denial_operation {
    DENIAL_OPEN, /* for writing, of what exists; flags tell how */
    DENIAL_CREATE,
    DENIAL_TMPFILE,
    DENIAL_MKDIR,
    DENIAL_MKNOD, /* mknod(2), mkfifo(3), bind(2) of a socket: mode tells the type */
    DENIAL_SYMLINK,
    DENIAL_LINK,
    DENIAL_UNLINK,
    DENIAL_RMDIR,
    DENIAL_RENAME,
    DENIAL_TRUNCATE,
    DENIAL_CHMOD,
    DENIAL_CHOWN,
    DENIAL_UTIMES,
    DENIAL_SETXATTR,
    DENIAL_REMOVEXATTR,
    DENIAL_SETFLAGS, /* FS_IOC_SETFLAGS, chattr */
    DENIAL_WRITE,
    DENIAL_FALLOCATE,
    DENIAL_COPY, /* copy_file_range */
    DENIAL_EXEC, /* refused by a noexec or nosuid route; learned: of a file that was changed in learn mode */
    DENIAL_N_OPERATIONS
};

enum denial_why {
    DENIAL_NOT_DECLARED,       /* no route covers the path */
    DENIAL_DECLARED_READ_ONLY, /* a route covers it and says ro */
    DENIAL_PERMISSION,         /* the route is writable, modes, owner or ACL refuse this caller */
    DENIAL_NO_SPACE,           /* ENOSPC, EDQUOT */
    DENIAL_DECLARED_NOEXEC,    /* exec of a file in a noexec route */
    DENIAL_DECLARED_NOSUID,    /* exec of a set-user-ID file in a nosuid route */
    DENIAL_N_WHYS
};

enum denial_place {
    DENIAL_PLACE_IMAGE, /* a layer holds the path (for a missing name: its directory) */
    DENIAL_PLACE_ROUTE,
    DENIAL_PLACE_MADE, /* a directory or file that exists in memory only */
};

/* What the operation knows. All pointers are borrowed for the call. */
struct denial_facts {
    enum denial_operation operation;
    enum denial_why why;
    int error; /* positive errno that the caller gets */
    pid_t tid; /* thread id of the request, 0 = cannot be seen from here */
    uid_t uid; /* file-system user and group of the request: right even where /proc is not readable */
    gid_t gid;
    const char *path;   /* absolute inside the mount; bytes, perhaps not UTF-8 */
    const char *target; /* rename, link: the other name; symlink: its text; else NULL */
    bool learned;       /* the change was made, on learn mode's throw-away layer; without it, it would be refused so */
    bool name_unknown;  /* path is the directory in which an unknown name was to be changed */
    int flags;          /* open flags, -1 = the operation has none */
    int64_t mode;       /* mode argument with its type bits, -1 = the operation has none */
    enum denial_place place;
    int layer;                /* PLACE_IMAGE: number of the layer, 0 = bottom */
    const char *layer_dir;    /* PLACE_IMAGE: its host directory */
    const char *route_target; /* PLACE_ROUTE: the route's target as resolved */
    const char *route_kind;   /* PLACE_ROUTE: tmpfs, volume, bind */
};

/* A record: the facts with strings owned, and who did it. Shared by the sinks; immutable once it has left the queue. */
struct denial_record {
    struct denial_facts facts; /* its pointers point into this record */
    struct timespec first;     /* CLOCK_REALTIME */
    struct timespec last;      /* = first unless folded */
    uint64_t count;            /* 1 unless folded */
    struct caller *caller;     /* never NULL; unknown fields say so */
};

enum denial_event_kind {
    DENIAL_EVENT_RECORD,  /* a denial (count 1), at once */
    DENIAL_EVENT_FOLDED,  /* folding on: the end of a window in which more of the same came; count, first, last */
    DENIAL_EVENT_DROPPED, /* records that did not fit into a queue, or not into the log, since the last such event */
};

struct denial_event {
    enum denial_event_kind kind;
    const struct denial_record *record; /* RECORD, FOLDED; borrowed for the call */
    uint64_t dropped;                   /* DROPPED */
    uint64_t dropped_records;           /* DROPPED by the queues: of them those that would have been told one by one */
    int dropped_error;                  /* DROPPED: why the log took nothing (errno); 0 = it could not keep up */
    struct timespec time;               /* when the event was made */
};

/*
 * A sink. write() runs in the sink's own thread and may block; reopen() is called in that thread after
 * denial_log_reopen(), and after that thread by denial_log_end(); close() once at the end, in the thread that frees the log.
 */
struct denial_sink {
    void (*write)(void *data, const struct denial_event *event);
    void (*reopen)(void *data); /* NULL = nothing to reopen */
    void (*close)(void *data);
    uint64_t (*lost)(void *data); /* denials given to write() that it could not keep; any thread; NULL = it keeps all */
    void *data;
};

struct denial_options {
    unsigned capacity;     /* records in each queue; 0 = 4096 */
    unsigned fold_seconds; /* 0 = off: one record per denied call */
};

struct denial_counters {
    uint64_t denied;  /* denial_report() calls, but for those of changes that were made */
    uint64_t learned; /* those of changes that were made */
    uint64_t folded;  /* of both, told only as part of a count */
    uint64_t dropped; /* of both, lost before they came to any sink, because the queue was full */
    uint64_t waiting; /* in that queue now */
};

/* Of one sink's own queue. */
struct denial_sink_counters {
    uint64_t waiting; /* events in it now */
    uint64_t dropped; /* denials that this sink has lost, those that came to no sink among them */
};

struct denial_log;

/* Copies the sinks (their data is owned by the log from here on, closed by denial_log_free(), or before a failure is
 * returned) and starts the threads, all signals blocked in them. Returns 0 or -errno. Call after the last fork. */
int denial_log_new(const struct denial_options *options, const struct denial_sink *sinks, size_t n_sinks,
                   struct denial_log **ret);

/*
 * denial_log_look - has every record shown to somebody in denial_report(), while its caller still waits.
 *
 * @look: called in the serving threads, several at once; must be quick, must not wait for a file operation of the mount, and
 * sees the very record that comes to the sinks later. Of calls that are told as a count only those of some other threads
 * than the first are shown (fold_again()), with @is_folded: such a record comes to no sink. @record: NULL = of a call that
 * is lost nothing more is known; the sinks hear of it as dropped. Call it before the first denial_report().
 */
typedef void denial_look(void *data, const struct denial_record *record, bool is_folded);
void denial_log_look(struct denial_log *log, denial_look *look, void *data);

/* Tells the device of the mount, by which records say who lives in it; what is reported before does not know it. Any thread. */
void denial_log_mounted(struct denial_log *log, dev_t device);

/* The reader of callers' memory, for whoever else asks about callers; owned by the log. */
struct caller_memory *denial_log_memory(struct denial_log *log);

/* Makes the record and queues it; reads the caller's /proc entry. Never blocks on a sink. Any thread, no lock held. */
void denial_report(struct denial_log *log, const struct denial_facts *facts);

void denial_log_counters(struct denial_log *log, struct denial_counters *ret);
/* The same of a sink, by its place among those that the log was made with; false where there are fewer. Any thread. */
bool denial_log_sink_counters(struct denial_log *log, size_t sink, struct denial_sink_counters *ret);

/* Asks every sink to reopen what it writes to (SIGHUP). Any thread; returns at once. */
void denial_log_reopen(struct denial_log *log);

/*
 * denial_log_tell - tells now what was folded: every window ends, and more of the same opens another one. What is on its way in
 * the queue should have come out of it. Any thread; returns at once.
 */
void denial_log_tell(struct denial_log *log);

/* Whether every sink has all that there is to tell by now: after denial_log_tell() also what was folded. Any thread. */
bool denial_log_has_told(struct denial_log *log);

/*
 * denial_log_end - the same as denial_log_free(), but that nothing is closed or freed: for a process that ends by _exit(2) while
 * some thread may still ask for the counters. Sinks say what is left to say in reopen(). denial_log_free() may follow.
 */
void denial_log_end(struct denial_log *log, unsigned seconds);

/*
 * Flushes folded records, gives each sink up to @seconds to write what is queued, and longer while it gets on with that, then
 * ends. A sink that is stuck in write() is left behind (its thread and data are not freed): what its data refers to must live
 * on with it. NULL is allowed.
 */
void denial_log_free(struct denial_log *log, unsigned seconds);

/* Names for people and schemas: "mkdir", "not-declared". Static text. */
const char *denial_operation_name(enum denial_operation operation);
const char *denial_why_name(enum denial_why why);

#endif
