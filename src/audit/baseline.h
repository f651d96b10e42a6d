/*
 * baseline - the places in which a program is known to be refused (or, in learn mode, to write), for a gate in CI.
 *
 * A file of schema rofuse.baseline/1 that a person can read and keep in version control: places as patterns, with the program
 * and the reason, in a fixed order, without pids and times. Whether a write was refused or learned makes no difference: what
 * learn mode lists is what would be refused without it.
 */
#ifndef ROFUSE_SRC_BASELINE_H
#define ROFUSE_SRC_BASELINE_H

#include <glib.h>
#include <jansson.h>

struct baseline_place {
    char *place;   /* pattern; bytes; owned, as the next two */
    char *program; /* the executable, or what it is called where that is unknown */
    char *why;     /* "not-declared" */
};

/* Places, none of which another one stands for, in order. Elements are struct baseline_place; owned by the caller. @facts: of struct
 * fact. Any thread, as all here. */
GPtrArray *baseline_from_facts(const GPtrArray *facts);

/* Reads a file. NULL with one line: APP_ERROR_FAILED for one that cannot be read, APP_ERROR_USAGE for one that is none. */
GPtrArray *baseline_read(const char *path, GError **error);

/* The places as a JSON array; a new reference. */
json_t *baseline_to_json(const GPtrArray *places);

/* Its text; owned by the caller, g_free(). */
char *baseline_text(const GPtrArray *places);

/* Writes a file as a whole, in the place of what is there (a symbolic link is followed). FALSE with one line; then what
 * was there is still there. */
gboolean baseline_write(const char *path, const GPtrArray *places, GError **error);

/*
 * Those of a run that the baseline lacks, and those of the baseline that a run lacks. A pattern of the baseline stands for all
 * places of the same program and reason that it covers (pattern.h). The array is the caller's, its elements are borrowed.
 */
GPtrArray *baseline_new(const GPtrArray *known, const GPtrArray *places);
GPtrArray *baseline_gone(const GPtrArray *known, const GPtrArray *places);

#endif
