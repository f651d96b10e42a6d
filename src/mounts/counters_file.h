/*
 * counters_file - the counters of a mount as other commands see them: a small file beside its state, which the daemon maps.
 */
#ifndef ROFUSE_SRC_COUNTERS_FILE_H
#define ROFUSE_SRC_COUNTERS_FILE_H

#include "counters.h"

#include <stdbool.h>

/*
 * counters_file_map - the counters of a mount that begins, all zero, in @directory/@name.counters.
 *
 * Where no file can be made they are in memory only: nobody is shown them, and everything else works. Never NULL; ended by
 * counters_file_unmap(). One thread.
 */
struct counters *counters_file_map(const char *directory, const char *name);

/* Ends them; NULL is allowed. */
void counters_file_unmap(struct counters *counters);

/* Removes the file of a mount that is no more. */
void counters_file_remove(const char *directory, const char *name);

/* What they say now. False where there are none, or of another version of the program. */
bool counters_file_read(const char *directory, const char *name, struct counters *ret);

#endif
