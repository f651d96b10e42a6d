/*
 * advise_command - a command line over several lines, as docker, podman and rofuse take it.
 */
#ifndef ROFUSE_SRC_ADVISE_COMMAND_H
#define ROFUSE_SRC_ADVISE_COMMAND_H

#include "advise_render.h"
#include "advise_words.h"

/* How one of them is called. */
struct advise_starter {
    const char *title;   /* the first comment */
    const char *command; /* "docker run --rm --read-only" */
    const char *image;   /* the option that names the image, or NULL: it stands by itself */
    enum advise_dialect dialect;
    /* The option for a place, and its value, owned by the caller; NULL: the place needs none. */
    const char *(*place)(const struct advice *advice, char **ret_value);
    void (*comment)(GString *out,
                    const struct advice *advice); /* what the option cannot say of a place; NULL = nothing */
};

/* Comments, and the command with places, variables and the image. Owned by the caller. */
char *advise_command(const struct advise_output *output, const struct advise_starter *starter);

#endif
