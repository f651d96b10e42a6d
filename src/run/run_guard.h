/*
 * run_guard - the process between us and a runtime, which ends all of a container when we end, however we do.
 *
 * A runtime that asks the kernel to be killed with its parent may do so too late: the init of bwrap 0.8 asks after it has
 * started the program, and does not look whether its parent is there still. Then nobody would ever end it.
 */
#ifndef ROFUSE_SRC_RUN_GUARD_H
#define ROFUSE_SRC_RUN_GUARD_H

#include <sys/types.h>

/*
 * run_guard_be - makes the calling process, a child of @parent with one thread, a guard; returns in a child of it, which is
 * to become the runtime, with a session of its own. All signals are blocked there.
 *
 * The guard ends when the runtime has ended, with its status as a shell says it; with 128 + N after a signal N that asks
 * to end, and with 128 + SIGTERM when @parent has ended. Before that it kills whatever of the container is left.
 */
pid_t run_guard_be(pid_t parent);

#endif
