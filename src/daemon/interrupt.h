/*
 * interrupt - lets a person end a set-up that takes long (the first copy into a large volume).
 *
 * The signals are blocked from early on, for the sake of the threads that serve later; so while the main thread is at
 * work a thread of its own watches for them, and for the end of whoever started us.
 */
#ifndef ROFUSE_SRC_INTERRUPT_H
#define ROFUSE_SRC_INTERRUPT_H

#include "patience.h"

#include <stdbool.h>

struct interrupt;

/*
 * interrupt_watch - starts to watch.
 *
 * @signal_fd:  a signalfd; SIGINT and SIGTERM count, others are left for later.
 * @starter_fd: the write end of a pipe whose reader started us, or -1.
 * @undo:       runs in the watching thread when the main thread takes too long to give up (it hangs on a file system, or has
 *              much to remove), or, where nobody started us, at the second signal; then the process ends with status 1.
 * Returns 0 or -errno. interrupt_end() must follow.
 */
int interrupt_watch(int signal_fd, int starter_fd, void (*undo)(void *data), void *data, struct interrupt **ret);

/* Is over when it has happened; until interrupt_end(). */
const struct patience *interrupt_patience(const struct interrupt *interrupt);

/* Stops watching; signals that come from now on wait in the signalfd. True: it has happened and was said, and what there is
 * should be given up. */
bool interrupt_end(struct interrupt *interrupt);

#endif
