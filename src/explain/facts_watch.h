/*
 * facts_watch - the facts of a mount as its daemon makes them: a sink of the log, and a look at how the processes go on.
 *
 * A thread of its own decides the classes (class_rule.h); nothing that it waits for holds up a file operation.
 */
#ifndef ROFUSE_SRC_FACTS_WATCH_H
#define ROFUSE_SRC_FACTS_WATCH_H

#include "denial.h"
#include "facts.h"

struct facts_watch;
struct patience;

/*
 * @options: is_watched and knowledge are set. @knowledge: taken over, whatever comes of it; NULL is allowed.
 * Owned by the caller, facts_watch_free(). NULL with one line. Call after the last fork.
 */
struct facts_watch *facts_watch_new(const struct facts_options *options, struct knowledge *knowledge, GError **error);

/*
 * Ends it, after the log, whose look it uses, has been freed. A sink that the log did not wait for any longer goes on, and has
 * what it needs until it is closed. NULL is allowed.
 */
void facts_watch_free(struct facts_watch *watch);

/* For denial_log_look(): called with a record while its caller waits; what is folded is watched, too. @data: the watch. */
void facts_watch_refused(void *data, const struct denial_record *record, bool is_folded);

/* A sink of it. */
void facts_watch_sink(struct facts_watch *watch, struct denial_sink *ret);

/*
 * facts_watch_settle - waits until it is known how the processes of all facts go on.
 *
 * At most @timeout_ms; and no longer than a moment for how a process ended that is gone, which some kernels never tell
 * (pidfd_status.h), or than @patience lasts. Any thread.
 */
void facts_watch_settle(struct facts_watch *watch, int timeout_ms, const struct patience *patience);

/* How many calls were refused so far, or let happen by learn mode, of which the sink is told one by one. Any thread. */
uint64_t facts_watch_count(struct facts_watch *watch);

/* The table; borrowed. */
struct facts *facts_watch_facts(struct facts_watch *watch);

#endif
