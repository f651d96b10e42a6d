/*
 * compose_project - all files of a project, read, interpolated, checked and merged; "extends" is followed.
 */
#ifndef ROFUSE_SRC_COMPOSE_PROJECT_H
#define ROFUSE_SRC_COMPOSE_PROJECT_H

#include "compose.h"
#include "compose_interpolate.h"
#include "compose_node.h"
#include "compose_vars.h"

/* How many files a project may read, with those that extends names, and how long a chain of extends may be. */
#define COMPOSE_FILES_MAX 256
#define COMPOSE_EXTENDS_MAX 32

struct compose_project {
    struct compose_forest *forest;
    struct compose_vars *vars;    /* the process's environment, then .env */
    struct compose_vars *missing; /* variables that are not set -> where that was first */
    struct compose_interpolation interpolation;
    char *file;                /* the first file, absolute */
    char *directory;           /* where it lies */
    char *shown_from;          /* error lines name files relative to this directory, where they lie below it */
    char *name;                /* the project's; "" while nothing has said it */
    bool is_named;             /* it was said before the files, which count no more */
    GPtrArray *roots;          /* of the files, in order; borrowed from the forest */
    struct compose_node *root; /* all of them merged, extends not followed */
    GPtrArray *extended;       /* struct compose_extended, owned */
    guint budget;              /* nodes that may still be made */
    guint n_files;
    bool reads_files; /* false: only the text that was given */
};

/*
 * compose_project_load - reads the files that the options name, or the usual ones.
 *
 * @text: NULL, or the content of the only file; then nothing of the file system is looked at.
 * Owned by the caller, compose_project_free(). NULL with one line as compose_load() says.
 */
struct compose_project *compose_project_load(const struct compose_options *options, const char *text, size_t length,
                                             GError **error);
void compose_project_free(struct compose_project *project); /* NULL is allowed */

/* A service with what it extends, from all files. @name NULL: the only one; then @ret_name says which. Owned by the
 * forest. NULL with one line. */
struct compose_node *compose_project_service(struct compose_project *project, const char *name, const char **ret_name,
                                             GError **error);

/* Reads a file of the project: "FILE:LINE:COLUMN: WHERE" of @at begins the error line. As compose_files_read(). */
char *compose_project_read(struct compose_project *project, const char *path, const struct compose_node *at,
                           const char *where, bool *ret_missing, size_t *ret_length, GError **error);

#endif
