/*
 * record_value - what the formats of other tools (record_ecs, record_ocsf, record_falco) have in common.
 *
 * Their texts must be UTF-8 and have no place for the exact bytes: a name that is not UTF-8 is text_repair()ed in them.
 * What is unknown is left out. Pure; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_VALUE_H
#define ROFUSE_SRC_RECORD_VALUE_H

#include "denial.h"

#include <glib.h>
#include <jansson.h>

struct caller;

/* Sets a key to a text, a whole number, a time in UTC or any value, whose reference is taken; NULL (and a pid that is 0 or
 * less, an id that is (uid_t)-1) sets nothing. */
void record_put(json_t *object, const char *key, json_t *value);
void record_put_text(json_t *object, const char *key, const char *bytes);
/* errno and errno_number of an event of kind DROPPED, where the log could not be written. */
void record_put_dropped_error(json_t *object, const struct denial_event *event);
void record_put_pid(json_t *object, const char *key, pid_t pid);
void record_put_id(json_t *object, const char *key, uint32_t id); /* as a text: "0" */
void record_put_time(json_t *object, const char *key, const struct timespec *time);

/* The object; NULL, and the reference given back, where nothing is in it. */
json_t *record_unless_empty(json_t *object);

/* The last part of a path and what is before it, "/" for the root. Owned by the caller. */
char *record_base_name(const char *path);
char *record_directory(const char *path);

/* The process's name: the last part of the executable, else its comm, else NULL. Owned by the caller. */
char *record_process_name(const struct caller *caller);

/* The words of the command line with blanks between them; NULL = unknown. Owned by the caller. */
char *record_command_line(const struct caller *caller);

/* When it happened: a denial the time of the call, all else when the event was made. */
const struct timespec *record_when(const struct denial_event *event);

/* How many calls the event tells of; at least 1. */
json_int_t record_count(const struct denial_event *event);

/* "no place that may be written is declared here": a sentence for DENIAL_NOT_DECLARED and so on. Static. */
const char *record_why_sentence(const struct denial_facts *facts);

/* What the formats have no words for, under rofuse's own names: operation, why, errno, flags, mode, where the path is. A new
 * reference. */
json_t *record_own_fields(const struct denial_event *event, const char *mount);

/* One line that ends in a newline, ASCII alone. The reference is taken; owned by the caller, g_free(). */
char *record_line(json_t *object);

#endif
