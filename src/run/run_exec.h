/*
 * run_exec - becomes the program, or says as docker run does why it cannot.
 */
#ifndef ROFUSE_SRC_RUN_EXEC_H
#define ROFUSE_SRC_RUN_EXEC_H

#include "run_spec.h"

/* Exit statuses of docker run for a program that did not start. */
enum run_exec_status {
    RUN_EXEC_RUNTIME_FAILED = 125,
    RUN_EXEC_NOT_EXECUTABLE = 126,
    RUN_EXEC_NOT_FOUND = 127,
};

/*
 * run_exec - in the container: execve(2) of the spec's program, looked up in the PATH of its environment.
 *
 * Returns only where it could not: 126 or 127, with one line. A file without "#!" is not given to a shell.
 */
int run_exec(const struct run_spec *spec, GError **error);

/* The line for a program that cannot be started for a reason (an errno), and its status. */
int run_exec_failed(const char *program, int problem, GError **error);

#endif
