/*
 * run_report - what a program tried to write, told when it has ended: from the records of the log.
 */
#ifndef ROFUSE_SRC_RUN_REPORT_H
#define ROFUSE_SRC_RUN_REPORT_H

#include "state.h"

#include <glib.h>
#include <stdbool.h>

enum run_report_format {
    RUN_REPORT_NONE,
    RUN_REPORT_TEXT,
    RUN_REPORT_JSON,
};

/*
 * run_report_make - the report.
 *
 * @log:   the mount's log, JSON lines (log.schema.json); a line that is none is passed over and counted.
 * @state: of the mount, for its routes. @written: for each route whether anything was written there; NULL = not known.
 * Text: at most some 25 lines, each escaped. JSON: one object, "schema": "rofuse.report/1", complete.
 * Returns text that ends with a newline; owned by the caller. NULL with one line where the log cannot be read.
 */
char *run_report_make(const char *log, const struct state *state, const bool *written, enum run_report_format format,
                      GError **error);

#endif
