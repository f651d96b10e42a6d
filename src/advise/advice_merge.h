/*
 * advice_merge - as few places as will do.
 */
#ifndef ROFUSE_SRC_ADVICE_MERGE_H
#define ROFUSE_SRC_ADVICE_MERGE_H

#include "advice_spec.h"

/* A wish with a target of its own; owned by the caller, advice_wish_free(). */
struct advice_wish *advice_wish_new(const char *target, bool is_new, const struct fact *fact);
void advice_wish_free(struct advice_wish *wish);

/* Adds a wish, which is taken, to a list of owned ones; what wants the same target becomes one. */
void advice_merge_add(GPtrArray *wishes, struct advice_wish *wish);

/* The nearest wish for a path or for what it lies in; NULL where there is none. Borrowed. */
struct advice_wish *advice_merge_find(const GPtrArray *wishes, const char *path);

/*
 * advice_merge - joins what can be one: a place with what lies below it, several directories of one directory with that one.
 *
 * Nothing is opened by it but a directory of which all that was asked for is a part, and whose other content is of no
 * concern; nor is anything hidden that a program would look for; nor is a wide place (advice_is_wide()) given to a user who
 * wants a part of it alone.
 */
void advice_merge(const struct advice_input *input, GPtrArray *wishes);

/* Gives those of @wishes to @above whose targets lie in one of it; they are removed. */
void advice_merge_covered(GPtrArray *wishes, const GPtrArray *above);

#endif
