/*
 * run - starts a program on a root file system that is mounted, and waits for its end.
 */
#ifndef ROFUSE_SRC_RUN_H
#define ROFUSE_SRC_RUN_H

#include "run_spec.h"

/*
 * run_start_and_wait - runs it to its end.
 *
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH that come are passed on to the program, each SIGTERM as
 * its stop signal, none as SIGKILL; a terminal is handed over and taken back. The caller has one thread and the signals are blocked on
 * return as they were before.
 *
 * Returns the exit status as a shell would say it (128 + N for a signal), or -1 with one line where the program could
 * not be started; 125 to 127 of docker run are the command's business: the line says which it is.
 * @ret_not_started: set to 126 (cannot be executed), 127 (not found) or 125 (the runtime failed) with -1.
 */
int run_start_and_wait(const struct run_spec *spec, int *ret_not_started, GError **error);

#endif
