/*
 * record_format - the events of the log in the format that was asked for. Any thread.
 */
#ifndef ROFUSE_SRC_RECORD_FORMAT_H
#define ROFUSE_SRC_RECORD_FORMAT_H

#include "denial.h"
#include "log_dest.h"

/* One event as a line that ends in a newline; @mount is the mount's name. Owned by the caller, g_free(). */
char *record_format_event(enum log_format format, const struct denial_event *event, const char *mount);

/* Something about the mount itself. @message is UTF-8. Owned by the caller, g_free(). */
char *record_format_notice(enum log_format format, const struct timespec *time, const char *message, const char *mount);

#endif
