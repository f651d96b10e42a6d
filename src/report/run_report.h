/*
 * run_report - what a program could not write, told when it has ended: the facts of its log, and advice.
 */
#ifndef ROFUSE_SRC_RUN_REPORT_H
#define ROFUSE_SRC_RUN_REPORT_H

#include "run_facts.h"
#include "state.h"

#include <glib.h>
#include <stdbool.h>

enum run_report_format {
    RUN_REPORT_NONE,
    RUN_REPORT_TEXT,
    RUN_REPORT_JSON,
};

/* All is borrowed. */
struct run_report_input {
    const char *log; /* the mount's, complete, in rofuse.log/1; a line that is none is passed over and counted */
    const struct state *state;   /* of the mount, for its name, image, layers and routes */
    const bool *written;         /* for each route whether anything was written there; NULL = not known */
    const struct run_seen *seen; /* what its daemon said; NULL = it did not answer */
};

/*
 * run_report_make - the report.
 *
 * The counts are the log's, which has all that came; how the processes went on is the daemon's.
 * Text: at most some 25 lines, each escaped. JSON: one object, "schema": "rofuse.report/1", complete.
 * Returns text that ends with a newline; owned by the caller. NULL with one line where the log cannot be read.
 */
char *run_report_make(const struct run_report_input *input, enum run_report_format format, GError **error);

#endif
