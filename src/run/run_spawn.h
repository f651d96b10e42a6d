/*
 * run_spawn - starts a runtime of somebody else.
 */
#ifndef ROFUSE_SRC_RUN_SPAWN_H
#define ROFUSE_SRC_RUN_SPAWN_H

#include "run_spec.h"

struct run_spawn {
    char *const *argv; /* the first is a path */
    const int *fds;    /* which it gets besides 0 to 2, under their own numbers */
    size_t n_fds;
    int terminal; /* becomes its terminal and 0 to 2, where has_terminal */
    bool has_terminal;
    bool is_guarded;                /* by a process between us and it (run_guard.h), whose pid is what is returned */
    bool keeps_session;             /* ours, for one that sees to our terminal itself */
    const struct run_spec *becomes; /* first takes the spec's user and groups; NULL = remains who we are */
    const char *shows_root; /* binds the spec's root there, seen by it alone; needs the right to mount; or NULL */
};

/*
 * run_spawn - with our environment, all signals as at the start of a program, and dying (SIGTERM) when we do.
 *
 * Returns its pid, to be waited for; -1 with one line. One that cannot be executed ends with 127 and a line on stderr.
 */
pid_t run_spawn(const struct run_spawn *spawn, GError **error);

#endif
