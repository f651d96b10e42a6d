/*
 * run_watch - waits for a container's end; signals and the terminal go through here meanwhile.
 */
#ifndef ROFUSE_SRC_RUN_WATCH_H
#define ROFUSE_SRC_RUN_WATCH_H

#include "run_spec.h"

#include <signal.h>

struct run_watch {
    const struct run_spec *spec;
    pid_t pid;     /* our child: the container's init, or a runtime; reaped by run_watch_wait() */
    int signal_fd; /* of run_signals_block(); borrowed */
    int channel;   /* run_channel.h, borrowed; -1 = none */
    int master;    /* of a terminal that we made, taken; -1 = the runtime sees to it, or the channel brings one */
    /* Passes a signal on to the program; false = there is none yet, and the child ends all by SIGTERM. NULL = the program that
     * the channel told of. */
    bool (*forward)(const struct run_watch *watch, int number);
};

/*
 * run_watch_wait - until the child has ended.
 *
 * Returns the program's status as a shell would say it, or -1 with one line where the channel said that it did not
 * start; then *@ret_not_started is 125, 126 or 127. A signal that comes before the program runs ends the set-up.
 */
int run_watch_wait(struct run_watch *watch, int *ret_not_started, GError **error);

/* Blocks the signals that are passed on, SIGTTOU too, and keeps the mask as it was. A signalfd, owned by the caller; -1
 * with one line. */
int run_signals_block(sigset_t *ret_old, GError **error);

#endif
