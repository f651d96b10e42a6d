/*
 * fact_make - one refused call as a fact of its own, and two facts as one. Pure; any thread.
 */
#ifndef ROFUSE_SRC_FACT_MAKE_H
#define ROFUSE_SRC_FACT_MAKE_H

#include "denial.h"
#include "fact.h"

/* A fact of count 1, undecided, without knowledge. Owned by the caller. */
struct fact *fact_make(const struct denial_record *record);

/* Whether a path is one that programs try to write in vain as a matter of course: __pycache__. */
bool fact_is_noise(const char *path);

/* Whether a record is touch(1) of a file that is there: a question, or the change of a time at most. */
bool fact_is_touch_of_file(const struct denial_record *record);

/* Adds what @from tells to @into: calls, times, operations, paths; the directory becomes the one that holds both. Keeps the
 * place and id of @into, and the stronger class. */
void fact_merge(struct fact *into, const struct fact *from);

/* Sets the class where it is stronger than what is there (see enum fact_class). @reason: taken. Returns whether it was set. */
bool fact_decide(struct fact *fact, enum fact_class class, enum fact_because because, char *reason);

/* Whether two start times that records tell of one process id are of the same process. They are computed from two clocks, and
 * differ a little from record to record. */
bool fact_is_same_start(const struct timespec *a, const struct timespec *b);

#endif
