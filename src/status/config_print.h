/*
 * config_print - what was understood of a service and of the command line, for people and for programs.
 */
#ifndef ROFUSE_SRC_CONFIG_PRINT_H
#define ROFUSE_SRC_CONFIG_PRINT_H

#include "route.h"

#include <stdbool.h>
#include <stddef.h>

/* Plain values, all borrowed. A list that is NULL was not said: the image's counts; lists are NULL-terminated. */
struct config_print {
    const char *file; /* the first Compose file, or NULL: there is none */
    const char *project;
    const char *service;
    const char *image;   /* a name, as registries know it */
    const char *source;  /* a reference for --image, or NULL */
    char *const *layers; /* directories, first = bottom */
    const struct route_spec *routes;
    size_t n_routes;
    char *const *external_volumes; /* volumes that must exist already */
    char *const *entrypoint;
    char *const *command;
    char *const *environment; /* "KEY=VALUE" */
    const char *user;
    const char *working_dir;
    const char *stop_signal;
    const char *hostname;
    bool read_only; /* the service says so itself */
    bool init, tty, stdin_open;
};

/* Lines for people; owned by the caller. */
char *config_print_text(const struct config_print *config);

/* One JSON object, schema rofuse.config/1; owned by the caller. */
char *config_print_json(const struct config_print *config);

#endif
