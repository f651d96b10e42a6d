/*
 * pattern - file names whose changing part is taken out, so that a thousand temporary files are one place.
 *
 * What changes becomes "*": what mkstemp(3), tempfile.py, mktemp(1), sed -i, bash, NFS and others make up, numbers of four
 * digits and more with what hangs on them (dates, times), digests, UUIDs, ids of processes and of Exim's messages. Other names
 * remain as they are.
 * Results are owned by the caller, g_free(). Pure.
 */
#ifndef ROFUSE_SRC_PATTERN_H
#define ROFUSE_SRC_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PATTERN_MOST_PIDS 4

/* What is known of whoever chose a name. */
struct pattern_hints {
    pid_t pids[PATTERN_MOST_PIDS]; /* his ids: their numbers are no part of the name; 0 and 1 are passed over */
    bool is_made_up; /* the file was created as mkstemp(3) does it: exclusively, for reading and writing, mode 0600 */
};

/* "sh-thd.1732406400" and "sh-thd.*", "passwdaB3xYz" and "passwd*", "app-2024-11-24.log" and "app-*.log". @hints: NULL =
 * nothing is known. */
char *pattern_of(const char *name, const struct pattern_hints *hints);

/*
 * pattern_of_directory - the same for a directory's path, with more reserve: a part of it changes only where the whole of it
 * is a number of four digits, one of the ids, a digest, a UUID, or a temporary directory's name.
 */
char *pattern_of_directory(const char *path, const struct pattern_hints *hints);

/* Whether a pattern stands for a place, which may be a narrower pattern: "*" for any part of a name, "**" for any part of a
 * path. In time that grows with the product of their lengths. Any thread. */
bool pattern_covers(const char *pattern, const char *place);

#endif
