/*
 * fold - the same fact again within a window becomes a count.
 *
 * A fact is an executable, an operation, a place (the path) and a reason. Its first denial opens a window and is told at
 * once; the rest only count until the window ends. Not locked: the log's lock guards it.
 */
#ifndef ROFUSE_FS_FOLD_H
#define ROFUSE_FS_FOLD_H

#include "record.h"

#define FOLD_MOST_OTHERS 8
#define FOLD_MOST_OTHERS_A_SECOND 64 /* in all windows together */

struct fold;

/* Folds within windows of @seconds; more windows, or more bytes of their records, than given end the oldest before its time. */
struct fold *fold_new(unsigned seconds, size_t most_windows, size_t most_bytes);
void fold_free(struct fold *fold); /* drops what is open; NULL is allowed */

/*
 * fold_again - counts a denial if its fact has an open window.
 *
 * @executable, facts: what it is; borrowed. @now_ns: CLOCK_MONOTONIC.
 * Returns true when it was counted: nothing more is to be told of it now. *ret_is_other (may be NULL): then, whether it is of a
 * thread that was not seen in this window before; that is said of FOLD_MOST_OTHERS at most, and of
 * FOLD_MOST_OTHERS_A_SECOND of all windows.
 */
bool fold_again(struct fold *fold, const char *executable, const struct denial_facts *facts, uint64_t now_ns,
                bool *ret_is_other);

/* Opens a window for an event that is being told; keeps a ref on it. Where one is open by now, that one goes on. */
void fold_open(struct fold *fold, const char *executable, struct shared_event *first, uint64_t now_ns);

/*
 * fold_ended - takes out a window that ended by @now_ns (or, UINT64_MAX, any; or the oldest when there are too many).
 *
 * Returns false when there is none; else @ret_event is the event to tell, owned, or NULL where there was just one denial.
 */
bool fold_ended(struct fold *fold, uint64_t now_ns, struct shared_event **ret_event);

/* When the oldest window ends, or UINT64_MAX. */
uint64_t fold_next_end(const struct fold *fold);

#endif
