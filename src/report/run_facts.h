/*
 * run_facts - what the daemon of a run's mount has seen of the program, asked before the mount ends.
 */
#ifndef ROFUSE_SRC_RUN_FACTS_H
#define ROFUSE_SRC_RUN_FACTS_H

#include "fact_written.h"
#include "paths.h"
#include "state.h"

#include <glib.h>
#include <jansson.h>

struct run_seen {
    json_t *document;             /* rofuse.facts/1; owned */
    GPtrArray *facts;             /* of struct fact *, the same; owned */
    struct fact_written *written; /* how much was written where, or NULL; owned */
};

/*
 * run_facts_ask - asks the daemon of a mount whose program has ended.
 *
 * Waits for a short while until the last refusals have become facts and how the processes ended is known.
 * Owned by the caller, run_facts_free(). NULL with one line. One thread.
 */
struct run_seen *run_facts_ask(const struct paths *paths, const struct state *state, GError **error);
void run_facts_free(struct run_seen *seen); /* NULL is allowed */

/* The document, for a file; ends with a newline. Owned by the caller. */
char *run_facts_text(const struct run_seen *seen);

#endif
