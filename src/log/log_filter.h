/*
 * log_filter - which events of a log are wanted. Pure; any thread.
 */
#ifndef ROFUSE_SRC_LOG_FILTER_H
#define ROFUSE_SRC_LOG_FILTER_H

#include "denial.h"

#include <glib.h>
#include <stdbool.h>

/* Zeroed: every event. Strings are borrowed. */
struct log_filter {
    bool has_since;
    struct timespec since;
    const char
        *process;     /* NULL = any; a number: the process's id, outside or inside; else its comm, its executable or the
                            last part of it */
    const char *path; /* NULL = any; a glob in which "*" also stands for slashes; one of the call's two names matches */
};

/*
 * log_filter_takes - whether an event is wanted.
 *
 * What the log lacks (DENIAL_EVENT_DROPPED) may have been of any process and path.
 */
bool log_filter_takes(const struct log_filter *filter, const struct denial_event *event);

/* The same for something about the mount itself, which is of no process and no path. */
bool log_filter_takes_notice(const struct log_filter *filter, const struct timespec *time);

#endif
