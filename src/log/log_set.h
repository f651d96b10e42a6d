/*
 * log_set - all the logs of one mount: the sinks behind one denial log, and the way for notices into them.
 */
#ifndef ROFUSE_SRC_LOG_SET_H
#define ROFUSE_SRC_LOG_SET_H

#include "denial.h"
#include "log_dest.h"

#include <glib.h>

struct log_set;

/*
 * log_set_open - opens every destination and starts the log's threads; after the last fork.
 *
 * @fold: seconds, 0 = off. @mount: the mount's name.
 * @more: sinks beside the destinations, [@n_more]; taken, and closed where this fails.
 * Owned by the caller, log_set_close(). NULL with one line that names the destination; then nothing stays open.
 */
struct log_set *log_set_open(const struct log_dest *dests, size_t n, unsigned fold, const char *mount,
                             const struct denial_sink *more, size_t n_more, GError **error);

/* The denial log, for the session; owned by the set. */
struct denial_log *log_set_denials(const struct log_set *set);

/* One line about the mount into every log. Never blocks. */
void log_set_notice(struct log_set *set, const char *message);

/* Opens the files anew (SIGHUP). Returns at once. */
void log_set_reopen(struct log_set *set);

/* Writes what is queued and frees nothing, as some thread may still use the set; to be followed by _exit(2). NULL is allowed. */
void log_set_end(struct log_set *set, unsigned seconds);

/* Writes what is queued and ends (denial_log_free()). NULL is allowed. */
void log_set_close(struct log_set *set, unsigned seconds);

#endif
