/*
 * sink - the ends of the log: a file, stderr, the journal.
 *
 * Each makes a struct denial_sink (fs/denial.h) whose write() runs in a thread of its own and may block. What could
 * not be written is counted, and told in the log as soon as there is room again.
 */
#ifndef ROFUSE_SRC_SINK_H
#define ROFUSE_SRC_SINK_H

#include "denial.h"
#include "log_dest.h"
#include "notice_box.h"

#include <glib.h>

/* How many denials are lost when an event is: its weight in "dropped". */
uint64_t sink_event_weight(const struct denial_event *event);

/*
 * sink_fd_new - writes lines to a descriptor.
 *
 * @fd:     owned by the sink from here on.
 * @path:   what to open again on request, or NULL for never.
 * @box:    borrowed; a reference of its own is taken.
 * @mount:  the mount's name, copied.
 * The sink's data is freed by its close(). Used by sink_file and sink_stderr.
 */
void sink_fd_new(int fd, const char *path, enum log_format format, struct notice_box *box, const char *mount,
                 struct denial_sink *ret);

/* A file, opened at once so that a wrong path is an error now; opened anew after SIGHUP. FALSE with one line. */
gboolean sink_file_new(const char *path, enum log_format format, struct notice_box *box, const char *mount,
                       struct denial_sink *ret, GError **error);

/* A copy of this process's stderr as it is now. FALSE with one line. */
gboolean sink_stderr_new(enum log_format format, struct notice_box *box, const char *mount, struct denial_sink *ret,
                         GError **error);

/* True where a journal listens (systemd-journald's native socket). */
bool sink_journald_exists(void);

/* The journal: MESSAGE is the line for people, ROFUSE_* fields the facts, ROFUSE_RECORD the JSON. FALSE with one line
 * where there is no journal. */
gboolean sink_journald_new(struct notice_box *box, const char *mount, struct denial_sink *ret, GError **error);

#endif
