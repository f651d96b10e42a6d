/*
 * run_request - what `rofuse run` was asked for, read from its arguments and checked against themselves.
 */
#ifndef ROFUSE_SRC_RUN_REQUEST_H
#define ROFUSE_SRC_RUN_REQUEST_H

#include "mount_request.h"
#include "run_report.h"
#include "run_spec.h"
#include "run_words.h"

#include <glib.h>
#include <stdbool.h>

struct run_request {
    struct mount_request *mount; /* without a mount point; owned, as all below */
    struct run_words words;
    enum run_runtime runtime;
    enum run_report_format report;
    char *report_file;   /* NULL = stderr */
    char *facts_file;    /* NULL = nobody wants them */
    bool remove_volumes; /* --rm: anonymous ones */
};

/* Reads the arguments of `rofuse run`. Owned by the caller, run_request_free(). NULL with one line. */
struct run_request *run_request_parse(int argc, char **argv, GError **error);
void run_request_free(struct run_request *request); /* NULL is allowed */

#endif
