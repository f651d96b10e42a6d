/*
 * run_program - what a plan says of the process, as something that can be started on its mount.
 */
#ifndef ROFUSE_SRC_RUN_PROGRAM_H
#define ROFUSE_SRC_RUN_PROGRAM_H

#include "counters.h"
#include "plan.h"
#include "run_spec.h"
#include "state.h"

#include <glib.h>
#include <stdbool.h>

/* A mount's name for the plan: the service's, or the image's last word; "run" where there is none. Owned by the caller. */
char *run_program_name(const struct plan *plan);

/* Whether the plan says what to run. FALSE with one line. */
gboolean run_program_is_said(const struct plan *plan, GError **error);

/*
 * run_program_spec - resolves user, environment and signal.
 *
 * @state: of the mount, which is live: the user's name is looked up in it. The environment gets PATH, HOME, HOSTNAME and,
 * for a terminal, TERM, where they are missing, as docker's. FALSE with one line; what @ret owns is the caller's.
 */
gboolean run_program_spec(const struct plan *plan, const struct state *state, enum run_runtime runtime,
                          struct run_spec *ret, GError **error);

/* For each of the state's routes whether something was written there; true where that cannot be known (a native route, no
 * counters). Owned by the caller. */
bool *run_program_written(const struct state *state, const struct counters *counters);

/* The number of "SIGTERM", "TERM", "RTMIN+3" or "15"; 0 where it is none. */
int run_program_signal(const char *text);

#endif
