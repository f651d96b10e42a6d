/*
 * advice_data - databases: what a program would keep, wherever it keeps it.
 *
 * SQLite and others make their files where they are told, beside a program's code as often as in a directory for data. They
 * are told by their names: a suffix that databases have (app.db, dump.rdb); a file beside another one that SQLite makes there
 * (X-journal, X-wal, X-shm); the set of files of a LevelDB. Not where all is for a while, as in /tmp, a cache, or a hidden
 * directory of a home; what was only removed, or got other attributes, is none either.
 *
 * Pure.
 */
#ifndef ROFUSE_SRC_ADVICE_DATA_H
#define ROFUSE_SRC_ADVICE_DATA_H

#include "advice_spec.h"

/* The database that a fact is about, a file or a directory; NULL where it is about none. Owned by the caller. */
char *advice_database_of_fact(const struct advice_input *input, const struct fact *fact);

/* Of one of the facts of a wish. */
char *advice_database(const struct advice_input *input, const struct advice_wish *wish);

/* Whether a fact is about a database that was to be changed. One that is only opened may be there to be read: SQLite and others
 * open for writing first. */
bool advice_changes_database(const struct advice_input *input, const struct fact *fact);

#endif
