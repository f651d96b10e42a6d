/*
 * report_file - where the report of a run is written: a file, a pipe, or a descriptor that this process was given.
 */
#ifndef ROFUSE_SRC_REPORT_FILE_H
#define ROFUSE_SRC_REPORT_FILE_H

#include <glib.h>
#include <stdbool.h>

struct report_file {
    const char *name;   /* borrowed */
    const char *option; /* that names it, for error lines; borrowed */
    int fd;             /* owned; -1 = none */
    bool is_given;      /* it continues what is there */
};

/*
 * report_file_open - a file is made where there is none, and stays as it is until there is a report.
 *
 * /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N are the descriptors of those numbers themselves, as for a
 * shell's >&N: opened anew, a regular file would be written from its beginning. @name, @option: borrowed. FALSE with one line.
 */
gboolean report_file_open(struct report_file *file, const char *name, const char *option, GError **error);

/* The report takes the place of what is in a file; a descriptor gets it behind what it got before. FALSE with one line. */
gboolean report_file_write(const struct report_file *file, const char *text, GError **error);

void report_file_close(struct report_file *file); /* safe where none is open */

#endif
