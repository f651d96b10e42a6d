/*
 * record_text - the events of the log as lines for people.
 *
 *     12:34:56.789 mkdir /etc/foo EROFS /usr/bin/python3 pid 4242 (7 inside) uid 0: not-declared
 *     12:34:59.002 rename /app/a -> /app/b EROFS /usr/bin/mv pid 4250 uid 1000: declared-read-only (route /app)
 *     12:35:06.790 mkdir /etc/foo EROFS /usr/bin/python3 pid 4242 uid 0: not-declared, 17 times in 10 s
 *
 * Local time. Names are text_word()s, so that a line is one line, its words can be told apart and a terminal is safe.
 * Pure but for the time zone; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_TEXT_H
#define ROFUSE_SRC_RECORD_TEXT_H

#include "denial.h"

/* One event as a line that ends in a newline. Owned by the caller, g_free(). */
char *record_text_event(const struct denial_event *event);

/* The same without time and newline, for logs that have a time of their own. Owned by the caller, g_free(). */
char *record_text_message(const struct denial_event *event);

/* Something about the mount itself. Owned by the caller, g_free(). */
char *record_text_notice(const struct timespec *time, const char *message);

#endif
