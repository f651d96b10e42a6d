/*
 * run_facts - what the daemon of a run's mount has seen of the program, asked before the mount ends.
 */
#ifndef ROFUSE_SRC_RUN_FACTS_H
#define ROFUSE_SRC_RUN_FACTS_H

#include "paths.h"
#include "state.h"

#include <glib.h>

/*
 * run_facts_ask - the facts of a mount whose program has ended, as a document rofuse.facts/1.
 *
 * Waits for a short while until the last refusals have become facts and how the processes ended is known.
 * Text that ends with a newline, owned by the caller. NULL with one line. One thread.
 */
char *run_facts_ask(const struct paths *paths, const struct state *state, GError **error);

#endif
