/*
 * json_read - members of JSON objects that were written by somebody, read with care.
 *
 * The first thing that is wrong is kept as an error with one line, WHAT: "KEY" is …, and everything after that reads as
 * missing; so a reader reads all it wants and asks once, at the end. null counts as missing. One thread at a time.
 */
#ifndef ROFUSE_SRC_JSON_READ_H
#define ROFUSE_SRC_JSON_READ_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct json_read {
    const char *what; /* name of the document for the error line; borrowed */
    GError *error;    /* APP_ERROR_FAILED; NULL as long as all is well */
};

/* Whether a member may be missing. */
enum json_read_need { JSON_READ_OPTIONAL, JSON_READ_REQUIRED };

/* Keeps an error, unless there is one: WHAT: "KEY" WHY. */
void json_read_fail(struct json_read *read, const char *key, const char *why);

/* Passes the error on, if there is one. Returns whether all was well. */
gboolean json_read_end(struct json_read *read, GError **error);

/* Borrowed; NULL where it is missing or no such thing. @object may be NULL (all is missing). */
const json_t *json_read_object(struct json_read *read, const json_t *object, const char *key, enum json_read_need need);
const json_t *json_read_array(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                              size_t most);
const char *json_read_word(struct json_read *read, const json_t *object, const char *key, enum json_read_need need);

/* Bytes as in json_bytes.h: owned by the caller; NULL where they are missing. */
char *json_read_bytes(struct json_read *read, const json_t *object, const char *key, enum json_read_need need);

/* A list of them, NULL-terminated, owned, g_strfreev(); NULL where it is missing. */
char **json_read_bytes_list(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                            size_t most);

/* An absolute path: json_read_bytes() that must begin with a slash. */
char *json_read_path(struct json_read *read, const json_t *object, const char *key, enum json_read_need need);

/* From @least to @most; @missing where it is missing and may be. */
int64_t json_read_integer(struct json_read *read, const json_t *object, const char *key, enum json_read_need need,
                          int64_t least, int64_t most, int64_t missing);

/* A user's or group's id; UINT32_MAX where it is missing (null: not known). */
uint32_t json_read_id(struct json_read *read, const json_t *object, const char *key);

/* Missing is false. */
bool json_read_true(struct json_read *read, const json_t *object, const char *key);

/* A time as record_time_utc() writes it; *ret_has says whether it was there; NULL = it must be. */
struct timespec json_read_time(struct json_read *read, const json_t *object, const char *key, bool *ret_has);

#endif
