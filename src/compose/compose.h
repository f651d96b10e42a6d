/*
 * compose - one service of a Compose file, as far as a file system and a process are concerned (compose-spec; which
 * words are honoured, ignored and refused: compose_schema.h).
 */
#ifndef ROFUSE_SRC_COMPOSE_H
#define ROFUSE_SRC_COMPOSE_H

#include "mount_options.h"

#include <glib.h>
#include <stdbool.h>

/* Where something is said. */
struct compose_place {
    char *target; /* the route's; NULL = the service itself */
    char *file;   /* absolute */
    unsigned line;
};

/* All strings and lists are owned. A list that was not said is NULL, one that was said as empty is empty. */
struct compose_service {
    char *file;    /* the first file, absolute */
    char *project; /* its name, by which volumes are called */
    char *name;    /* of the service */
    char *image;   /* "image:", or NULL */
    char *source;  /* "x-rofuse: image:", a reference for image_ref_parse(), relative paths made absolute; or NULL */
    char
        *image_place; /* where the source, or else the image, is said: "FILE:LINE:COLUMN: services.NAME.KEY"; or NULL */
    bool read_only;
    struct mount_options *routes; /* volumes by the name that the store of volumes knows: PROJECT_KEY */
    GPtrArray *places;            /* struct compose_place: of the service, then of its tmpfs and volumes; owned */
    char **external_volumes;      /* names of volumes among them that must exist already; never NULL */
    char **entrypoint;
    char **command;
    char **environment; /* "KEY=VALUE", env_file first, sorted by nothing: the order of the files */
    char *user;
    char *working_dir;
    char *stop_signal;
    char *hostname;
    bool init, tty, stdin_open;
    char **unheeded; /* keys of the service that are about the process and have no effect here; never NULL */
    char **warnings; /* one line each: variables that are not set, secrets and configs that are not provided;
                        never NULL */
};

/* What a file shall be read as, though it says something else. */
struct compose_draft {
    const char *path; /* absolute */
    const char *text;
    size_t length;
};

struct compose_options {
    char *const *files;       /* NULL or empty: the usual names in @directory or a parent, as docker compose looks */
    const char *service;      /* NULL: the only one */
    const char *project;      /* NULL: COMPOSE_PROJECT_NAME, "name:" of the file, or the directory's name */
    const char *directory;    /* absolute; where relative names and the usual ones are looked for */
    char *const *environment; /* "KEY=VALUE" of this process, for interpolation; NULL = nothing is set */
    const char *home;         /* for "~", or NULL */
    const struct compose_draft *draft; /* of one of the files; NULL = none */
    bool no_env_files;                 /* they are not read: "environment" has less than the service would get */
};

/*
 * compose_load - reads a service.
 *
 * NULL with one line: "FILE:LINE:COLUMN: KEY: what is wrong; the mend". APP_ERROR_USAGE for what the person wrote,
 * APP_ERROR_FAILED for a file that cannot be read. Owned by the caller, compose_service_free(). Any thread.
 */
struct compose_service *compose_load(const struct compose_options *options, GError **error);
void compose_service_free(struct compose_service *service); /* NULL is allowed */

/* The same from the text of the only file, "compose.yaml" in the directory of the options: nothing of the file system is
 * looked at; what would take another file is an error. */
struct compose_service *compose_load_text(const struct compose_options *options, const char *text, size_t length,
                                          GError **error);

/* The names of all services, in the order of the files: NULL-terminated, owned by the caller. NULL with one line as
 * compose_load() says. */
char **compose_list(const struct compose_options *options, GError **error);

/* The file with a usual name that compose_load() would take in a directory or the nearest parent that has one; NULL
 * where there is none. Owned by the caller. */
char *compose_find_file(const char *directory);

#endif
