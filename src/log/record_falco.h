/*
 * record_falco - the events of the log as Falco's JSON output (json_output: true), one a line, for what reads Falco's alerts.
 *
 * A denial is the rule "Write denied by read-only root", what learn mode let through "Write let through by learn mode". output_fields has Falco's names of fields, null where Falco would
 * not know either, and rofuse's own below "rofuse."; container.id is cut to 12 digits as there. record_value.h says how names
 * are written. Pure but for the host's name; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_FALCO_H
#define ROFUSE_SRC_RECORD_FALCO_H

#include "denial.h"

/* One event as a line that ends in a newline; @mount is the mount's name. Owned by the caller, g_free(). */
char *record_falco_event(const struct denial_event *event, const char *mount);

/* Something about the mount itself. @message is UTF-8. Owned by the caller, g_free(). */
char *record_falco_notice(const struct timespec *time, const char *message, const char *mount);

#endif
