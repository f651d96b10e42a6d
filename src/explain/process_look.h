/*
 * process_look - what the links of /proc/PID tell of a process: where it lives, who hears it, and whether a person sits at it.
 *
 * Links are read and never followed, as what they lead to may be a file of our own mount, which waits for us. So nothing here
 * waits. Any thread.
 */
#ifndef ROFUSE_SRC_PROCESS_LOOK_H
#define ROFUSE_SRC_PROCESS_LOOK_H

#include <stdbool.h>
#include <sys/types.h>

/* Where a process lives: its mount namespace, and its root directory as the one who looks sees it. */
struct process_home {
    char mounts[64];
    char root[4096];
};

/* False where it cannot be seen; what can be is in *ret. */
bool process_home_read(pid_t pid, struct process_home *ret);
bool process_home_is_same(const struct process_home *a, const struct process_home *b);

/* Whether its stderr is /dev/null. */
bool process_is_quiet(pid_t pid);

/* Whether it is a shell that a person types commands at. */
bool process_is_prompt(pid_t pid, const char *comm, const char *executable);

#endif
