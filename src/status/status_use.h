/*
 * status_use - how the routes of a mount were written, put together from the counters (counters.h) and from what the daemon
 * says (daemon_status.c). Pure; any thread.
 */
#ifndef ROFUSE_SRC_STATUS_USE_H
#define ROFUSE_SRC_STATUS_USE_H

#include "status_text.h"

struct route_use {
    bool is_known; /* false: the daemon does not answer, the kernel serves the route alone, or there are too many */
    bool is_never; /* it may be written and never was */
    uint64_t changes, files, bytes, grown;
    int64_t last;         /* seconds since 1970; 0 = never */
    const json_t *writer; /* an object of "last_writer"; NULL = nobody is known; borrowed from the status */
};

/* Of the mount's route number @at. */
struct route_use status_route_use(const struct mount_status *status, size_t at);

#endif
