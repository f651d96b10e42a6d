/*
 * advise_command - a command line over several lines, as docker, podman and rofuse take it.
 */
#ifndef ROFUSE_SRC_ADVISE_COMMAND_H
#define ROFUSE_SRC_ADVISE_COMMAND_H

#include <glib.h>

/* "OPTION VALUE \", indented; the value is quoted where a shell needs it. */
void advise_command_option(GString *out, const char *option, const char *value);

/* Variables, "-e NAME=VALUE". */
struct advise_output;
void advise_command_variables(GString *out, const struct advise_output *output);

#endif
