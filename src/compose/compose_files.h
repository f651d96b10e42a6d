/*
 * compose_files - which files a project has, how they are read, and what it is called.
 */
#ifndef ROFUSE_SRC_COMPOSE_FILES_H
#define ROFUSE_SRC_COMPOSE_FILES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * compose_files_read - a whole regular file.
 *
 * @place: what begins the error line: the file's own name, or "FILE:LINE:COLUMN: KEY" that names it.
 * @ret_missing: set to true, with NULL and no error, where there is no such file; NULL: that is an error as well.
 * Owned by the caller. NULL with one line (APP_ERROR_FAILED). Never waits for a pipe.
 */
char *compose_files_read(const char *path, const char *place, size_t limit, bool *ret_missing, size_t *ret_length,
                         GError **error);

/* PATH, from @base where it is relative; owned by the caller. */
char *compose_files_absolute(const char *base, const char *path);

/* A path as people will look for it: relative, where it is below @directory. Owned by the caller. */
char *compose_files_shown(const char *directory, const char *path);

/* The override file that docker compose reads with a file of a usual name in the same directory; NULL where there is
 * none. Owned by the caller. */
char *compose_files_find_override(const char *file);

/* Whether it is a project's name: lower case letters, digits, "_" and "-", a letter or digit first. */
bool compose_files_is_project(const char *name);

/* A project's name from a directory's: in lower case, other characters left out; "" where nothing is left. Owned by the
 * caller. */
char *compose_files_project_of(const char *directory);

#endif
