/*
 * compose_dotenv - files of variables: .env and env_file, in the format of docker compose (docs.docker.com, "Syntax for
 * environment files").
 *
 * KEY=VALUE or KEY: VALUE, "export" before it is allowed; "#" begins a comment at the start of a line and after a blank.
 * Values bare or in double quotes are interpolated, in single quotes they are literal; quoted ones may have several
 * lines. \n \r \t \\ \" \$ … have a meaning in double quotes, \' in single ones. KEY alone takes its value from the
 * environment, where it is set.
 */
#ifndef ROFUSE_SRC_COMPOSE_DOTENV_H
#define ROFUSE_SRC_COMPOSE_DOTENV_H

#include "compose_interpolate.h"

#include <stddef.h>

#define COMPOSE_DOTENV_MAX (1024 * 1024)

struct compose_dotenv {
    const char *name;                    /* of the file, for error lines; escaped */
    struct compose_interpolation *state; /* its @vars win over what the file says, for interpolation; its @more is set
                                            to @into meanwhile */
    bool is_raw;                         /* env_file's "format: raw": KEY=VALUE lines, taken as they are */
    struct compose_vars *into;           /* what the file sets */
};

/* Reads a text. FALSE with one line "FILE:LINE:COLUMN: …" (APP_ERROR_USAGE). */
gboolean compose_dotenv_parse(const struct compose_dotenv *dotenv, const char *text, size_t length, GError **error);

#endif
