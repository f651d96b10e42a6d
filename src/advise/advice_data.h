/*
 * advice_data - databases: what a program would keep, wherever it keeps it.
 *
 * SQLite and others make their files where they are told, beside a program's code as often as in a directory for data. They
 * are told by their names: a suffix that databases have (app.db, dump.rdb); a file beside another one that SQLite makes there
 * (X-journal, X-wal, X-shm); the set of files of a LevelDB. Not where all is for a while, as in /tmp, a directory whose name
 * ends in "cache", or what is hidden in a home, however far below; what was only removed, or got other attributes, is none
 * either.
 *
 * Pure.
 */
#ifndef ROFUSE_SRC_ADVICE_DATA_H
#define ROFUSE_SRC_ADVICE_DATA_H

#include "advice_spec.h"

/* The set of the paths of all facts: input->tried, which all others here ask, so that a log of many facts is not gone through
 * for each of them. The paths are borrowed from the facts, the set is the caller's. */
GHashTable *advice_data_paths(const GPtrArray *facts);

/* The database that one of the facts of a wish is about, a file or a directory; NULL where there is none. Not of a fact that was
 * tolerated and need not have changed it. Owned by the caller. */
char *advice_database(const struct advice_input *input, const struct advice_wish *wish);

/* Whether a fact is about a database that was to be changed. One that is only opened may be there to be read: SQLite and others
 * open for writing first. Nor is it said where a fact of several files has some that were only opened or removed; but of one that
 * the image lacks. */
bool advice_changes_database(const struct advice_input *input, const struct fact *fact);

#endif
