/*
 * record_names - the words of a record that fs/ has as numbers: errno, open flags, times.
 */
#ifndef ROFUSE_SRC_RECORD_NAMES_H
#define ROFUSE_SRC_RECORD_NAMES_H

#include "denial.h"

#include <glib.h>
#include <stdbool.h>
#include <time.h>

/* "EROFS"; the number for one that has no name. Owned by the caller. */
char *record_errno_name(int error);

/* Calls for each name of an open(2) flag word, the access mode first ("O_WRONLY", "O_CREAT"); bits without a name as
 * one "0x…" at the end. The text lives for the call only. */
void record_each_flag(int flags, void (*each)(void *data, const char *name), void *data);

/* RFC 3339, UTC, nine digits: "2024-11-24T00:00:00.123456789Z". Owned by the caller. */
char *record_time_utc(const struct timespec *time);

/* Reads what record_time_utc() writes, of the years 1970 to 9999. False for anything else. */
bool record_time_parse(const char *text, struct timespec *ret);

/* A flag word from the names of record_each_flag(), added to @flags (0 at first). False for an unknown name. */
bool record_flag_parse(const char *name, int *flags);

/* An operation or a reason by its name (denial_operation_name(), denial_why_name()). False for a word that is none. */
bool record_operation_parse(const char *name, enum denial_operation *ret);
bool record_why_parse(const char *name, enum denial_why *ret);

/* Local time of day with milliseconds: "12:34:56.789". Owned by the caller. */
char *record_time_local(const struct timespec *time);

#endif
