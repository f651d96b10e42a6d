/*
 * record_json - the events of the log as JSON Lines, schema rofuse.log/1 (log.schema.json beside this file).
 *
 * One object without newline in it; everything beyond ASCII is \u-escaped, so that a line is a line to every reader and
 * harmless on a terminal. What is unknown is null, never left out or guessed; byte strings are as in json_bytes.h.
 * Pure; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_JSON_H
#define ROFUSE_SRC_RECORD_JSON_H

#include "denial.h"

/* One event as a line that ends in a newline; @mount is the mount's name. Owned by the caller, g_free(). */
char *record_json_event(const struct denial_event *event, const char *mount);

/* Something about the mount itself, for the same log ("notice"). @message is UTF-8. Owned by the caller, g_free(). */
char *record_json_notice(const struct timespec *time, const char *message, const char *mount);

#endif
