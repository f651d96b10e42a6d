/*
 * run_init - the first process of a container of ours: sets it up, starts the program, and stays as its init.
 *
 * It has the program's user and rights, so nothing is to be had from it; its memory and its executable cannot be looked
 * at from inside (not dumpable), and the host's rofuse cannot be written to meanwhile, since the one that waits runs it
 * (ETXTBSY). It reaps orphans, passes signals that are sent to it from inside on to the program, and ends with the
 * program's status, which ends all others in its pid namespace. It dies with the process that started it.
 */
#ifndef ROFUSE_SRC_RUN_INIT_H
#define ROFUSE_SRC_RUN_INIT_H

#include "run_spec.h"

/*
 * run_init_main - in a new process of new namespaces, as pid 1.
 *
 * @channel: run_channel.h; waits there for "go", tells of terminal and program, or of what failed.
 * Never returns; exits with the program's status, 128 + N for a signal.
 */
_Noreturn void run_init_main(const struct run_spec *spec, int channel);

#endif
