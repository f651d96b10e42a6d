/*
 * complete_values - the names that there are just now, for completion: mounts, places, images, services.
 *
 * Nothing is waited for, mounted or written, and nothing is said: what cannot be read has no names. Of char *, owned by the
 * caller. Only while the process has one thread.
 */
#ifndef ROFUSE_SRC_COMPLETE_VALUES_H
#define ROFUSE_SRC_COMPLETE_VALUES_H

#include "paths.h"

#include <glib.h>
#include <stdbool.h>

/* Mount points and names. */
GPtrArray *complete_mounts(const struct paths *paths);

/* Targets of the routes of a mount. @word: what may name it; where it names none, or is NULL: of all mounts. */
GPtrArray *complete_targets(const struct paths *paths, const char *word);

/* Paths inside the mount (the same) that begin with @prefix; directories with a slash behind them. Symbolic links are
 * followed inside it, never out of it; a mount that does not answer has none. */
GPtrArray *complete_inside(const struct paths *paths, const char *word, const char *prefix, bool only_directories);

GPtrArray *complete_images(const struct paths *paths);

/* Of the Compose files that are named, or of the usual one. @files: NULL-terminated, or NULL. */
GPtrArray *complete_services(char *const *files);

#endif
