/*
 * history - the newest events of a mount's log, kept in the daemon's memory for whoever asks by the control socket.
 *
 * Each is a line of schema rofuse.log/1 with a number of its own. Bounded in number and bytes: the oldest go first. Any
 * thread.
 */
#ifndef ROFUSE_SRC_HISTORY_H
#define ROFUSE_SRC_HISTORY_H

#include "denial.h"

#include <stdint.h>

struct history;
struct patience;

/* @mount: the mount's name. With one reference. */
struct history *history_new(const char *mount);
void history_unref(struct history *history); /* NULL is allowed */

/*
 * history_sink - a sink that gives each event to another one and then puts it into the history: whoever hears of an event
 * finds what the other made of it.
 *
 * @first: the other; taken, closed with *@ret. Has neither reopen nor lost.
 * *@ret has a reference of its own, as its thread may outlive the log.
 */
void history_sink(struct history *history, const struct denial_sink *first, struct denial_sink *ret);

/* Something about the mount itself, as the logs have it. */
void history_notice(struct history *history, const char *message);

/* Says that nothing comes any more: nobody who waits for the next event waits any longer. */
void history_end(struct history *history);
bool history_has_ended(struct history *history);

/*
 * history_next - the event with number *@cursor, or the oldest that is left after it.
 *
 * @cursor: 0 = from the beginning; set to the number of the event after the one that is returned.
 * @timeout_ms: how long to wait for it where it is not there yet.
 * @ret_lost: how many were skipped because they are not kept any more.
 * Returns a line without its newline, owned by the caller, g_free(); NULL when there is none in that time.
 */
char *history_next(struct history *history, uint64_t *cursor, int timeout_ms, uint64_t *ret_lost);

/*
 * history_wait - waits until so many refused calls, since the beginning, have come by the sink or were lost before.
 *
 * At most @timeout_ms, and no longer than @patience lasts. Returns whether they have.
 */
bool history_wait(struct history *history, uint64_t n_calls, int timeout_ms, const struct patience *patience);

#endif
