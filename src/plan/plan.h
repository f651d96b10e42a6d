/*
 * plan - what a mount and its program are, put together from options, a Compose file and an image.
 *
 * What is said nearer wins: an option over the Compose file, the Compose file over the image. docker's rules for each:
 * a new entrypoint forgets the image's command; variables are replaced by name, routes by target.
 */
#ifndef ROFUSE_SRC_PLAN_H
#define ROFUSE_SRC_PLAN_H

#include "mount_request.h"
#include "paths.h"

#include <glib.h>
#include <stdbool.h>

struct compose_service;
struct image;

/* What the command line says of the process; NULL = nothing. Borrowed. */
struct plan_words {
    const char *entrypoint; /* --entrypoint: one word, not split; "" = none */
    char *const *command;
    char *const *env; /* "KEY=VALUE", or "KEY": as in this process, left out where it is not set */
    const char *user;
    const char *working_dir;
    const char *hostname;
};

/* All strings and lists are owned; lists are NULL-terminated and never NULL. */
struct plan {
    struct compose_service *service; /* or NULL; owned */
    struct image *image;             /* keeps its layers in the store; or NULL; owned */
    char **layers;                   /* absolute, first = bottom */
    struct mount_options *routes;
    char **entrypoint;
    char **command;
    char **env;
    char *user;        /* "" = root */
    char *working_dir; /* "/" where nobody says */
    char *stop_signal; /* "SIGTERM" where nobody says */
    char *hostname;    /* NULL = nobody says */
};

enum plan_purpose {
    PLAN_MOUNT,  /* the image is unpacked where that is needed, and what must exist is looked for */
    PLAN_SHOW,   /* nothing is changed; a service's image that is not to be had is a warning */
    PLAN_AUDIT,  /* as PLAN_SHOW without warnings: the caller has them in the service; and without files of variables.
                   A service's image may have any name */
    PLAN_ADVISE, /* as PLAN_SHOW without warnings, and a Compose file counts only where it is named */
};

/*
 * plan_make - finds out what a request means.
 *
 * @request: its image, layers, Compose files and routes are read, none is changed.
 * @words: of the process, or NULL.
 * Warnings are printed, but for PLAN_AUDIT. Only while the process has one thread. Owned by the caller, plan_free(). NULL with one line.
 */
struct plan *plan_make(const struct mount_request *request, const struct plan_words *words, const struct paths *paths,
                       enum plan_purpose purpose, GError **error);
void plan_free(struct plan *plan); /* NULL is allowed */

/* The services of the Compose files that a request means for a purpose: NULL-terminated, empty where it means none; owned
 * by the caller. NULL with one line. */
char **plan_services(const struct mount_request *request, enum plan_purpose purpose, GError **error);

/* Gives a request the plan's layers and routes, and the image's names, copied. */
void plan_apply(const struct plan *plan, struct mount_request *request);

#endif
