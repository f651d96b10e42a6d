/*
 * counters - how often the kernel asked what, and how open files are served.
 *
 * They lie in memory that the owner of the session provides, so that another process can be shown them while the mount
 * serves: numbers that only grow, and what was agreed on when it was mounted. It is written for others to read; nothing here
 * is decided by it. Any thread; each number is true by itself, no two of them together.
 */
#ifndef ROFUSE_FS_COUNTERS_H
#define ROFUSE_FS_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* In the order of the requests' numbers in the protocol; a new one is added at the end. */
/* clang-format off */
#define COUNTERS_REQUESTS(X)                                                                                           \
    X(lookup) X(forget) X(getattr) X(setattr) X(readlink) X(symlink) X(mknod) X(mkdir) X(unlink) X(rmdir) X(rename)    \
    X(link) X(open) X(read) X(write) X(statfs) X(release) X(fsync) X(setxattr) X(getxattr) X(listxattr)                \
    X(removexattr) X(flush) X(opendir) X(readdir) X(fsyncdir) X(create) X(ioctl) X(fallocate) X(readdirplus)           \
    X(copy_file_range) X(lseek) X(tmpfile)
/* clang-format on */

enum counters_request {
#define COUNTERS_ENUM(name) COUNTERS_##name,
    COUNTERS_REQUESTS(COUNTERS_ENUM)
#undef COUNTERS_ENUM
        COUNTERS_N_REQUESTS
};

#define COUNTERS_NAME(name) #name,

/* Of open files; the last ones say why the daemon serves some of those that it serves. */
#define COUNTERS_FILES(X) X(passthrough) X(daemon) X(small) X(nearly_full) X(refused)

enum counters_file {
#define COUNTERS_ENUM(name) COUNTERS_FILE_##name,
    COUNTERS_FILES(COUNTERS_ENUM)
#undef COUNTERS_ENUM
        COUNTERS_N_FILES
};

/* What was agreed on with the kernel; set once, when the mount is made, unless it says otherwise. */
enum counters_feature {
    COUNTERS_FEATURE_PASSTHROUGH = 1,
    COUNTERS_FEATURE_IO_URING = 2,
    COUNTERS_FEATURE_KILLPRIV = 4,
    COUNTERS_FEATURE_LEARN = 8, /* learn mode is on; unlike the others it can change */
};

/* Routes beyond these are not counted. */
#define COUNTERS_ROUTES 64

/* How a route was written. */
struct counters_written {
    _Atomic uint64_t files; /* made, or opened for writing */
    _Atomic uint64_t bytes; /* that the daemon wrote */
    /* By which files grew that the kernel wrote by passthrough, as seen when they are closed: the least that was written, as
     * nobody sees what is written over. */
    _Atomic uint64_t grown;
    _Atomic uint64_t last; /* CLOCK_REALTIME seconds of the last change that came to the daemon; 0 = none */
};

struct counters {
    _Atomic uint64_t requests[COUNTERS_N_REQUESTS];
    _Atomic uint64_t files[COUNTERS_N_FILES];
    /* By route, in the order in which they were asked for: what was allowed to change it; by passthrough opens for writing,
     * not writes. */
    _Atomic uint64_t changes[COUNTERS_ROUTES];
    struct counters_written written[COUNTERS_ROUTES]; /* the same */
    _Atomic uint64_t features;
    _Atomic uint64_t learned;       /* changes that were made in learn mode alone */
    _Atomic uint64_t learned_bytes; /* that were written on its layer, whether they are still there or not */
    char library[16];               /* the version of libfuse; set before anybody reads */
};

static inline void counters_add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

#endif
