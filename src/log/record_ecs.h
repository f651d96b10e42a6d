/*
 * record_ecs - the events of the log as documents of the Elastic Common Schema 8.11, one a line.
 *
 * A denial has event.category "file", event.type "denied" and what was to be done ("creation", "change", "deletion"),
 * event.outcome "failure"; what learn mode let through is "allowed", a "success". What the schema has no field for is below "rofuse". record_value.h says how names are written.
 * Pure; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_ECS_H
#define ROFUSE_SRC_RECORD_ECS_H

#include "denial.h"

/* One event as a line that ends in a newline; @mount is the mount's name. Owned by the caller, g_free(). */
char *record_ecs_event(const struct denial_event *event, const char *mount);

/* Something about the mount itself. @message is UTF-8. Owned by the caller, g_free(). */
char *record_ecs_notice(const struct timespec *time, const char *message, const char *mount);

#endif
