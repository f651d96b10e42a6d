/*
 * record_ocsf - the events of the log in the Open Cybersecurity Schema Framework 1.3, one a line.
 *
 * A denial is a File System Activity (class_uid 1001) with the profiles host, container and security_control: action_id 2
 * (denied), disposition_id 2 (blocked), status_id 2 (failure); what learn mode let through has 1, 1 and 1. What is told of the log and the mount is a Base Event
 * (class_uid 0). What the schema has no attribute for is in "unmapped". record_value.h says how names are written. Pure but
 * for the host's name; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_OCSF_H
#define ROFUSE_SRC_RECORD_OCSF_H

#include "denial.h"

/* One event as a line that ends in a newline; @mount is the mount's name. Owned by the caller, g_free(). */
char *record_ocsf_event(const struct denial_event *event, const char *mount);

/* Something about the mount itself. @message is UTF-8. Owned by the caller, g_free(). */
char *record_ocsf_notice(const struct timespec *time, const char *message, const char *mount);

#endif
