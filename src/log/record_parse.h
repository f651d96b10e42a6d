/*
 * record_parse - a line of the log (schema rofuse.log/1, log.schema.json) back as the event that it tells.
 *
 * Strict: what the schema does not allow is an error; but an unknown key is passed over, so that a log of a later version
 * can be read as far as it is known. Bounded, as a log can come from anywhere. Pure; any thread.
 */
#ifndef ROFUSE_SRC_RECORD_PARSE_H
#define ROFUSE_SRC_RECORD_PARSE_H

#include "denial.h"

#include <glib.h>
#include <stdbool.h>

#define RECORD_PARSE_MOST_LINE ((size_t)1 << 20)

/* An event with all that it points to. */
struct record_line {
    bool is_notice;            /* a notice: @message; else an event */
    char *mount;               /* the mount's name; owned */
    char *message;             /* NOTICE; owned */
    struct denial_event event; /* its record is owned by this; notice: only its time is set */
};

/*
 * record_parse - reads one line, with or without its newline.
 *
 * Owned by the caller, record_line_free(). NULL with one line (APP_ERROR_FAILED) that says what is wrong.
 */
struct record_line *record_parse(const char *line, size_t size, GError **error);
void record_line_free(struct record_line *line); /* NULL is allowed */

#endif
