/*
 * fact_crowd - where a program has too many places in one directory, or below it, they are one. Not locked.
 *
 * More than FACTS_MOST_NAMES places of one directory become "DIR/ *"; places in more than FACTS_MOST_DIRECTORIES directories
 * below one become "DIR/ **", but not right below the root, where one would not know any more what is meant.
 */
#ifndef ROFUSE_SRC_FACT_CROWD_H
#define ROFUSE_SRC_FACT_CROWD_H

#include "fact.h"

#include <stddef.h>

struct fact_crowds;

struct fact_crowds *fact_crowds_new(void);
void fact_crowds_free(struct fact_crowds *crowds); /* NULL is allowed */

/* About how many bytes it takes: names are chosen by programs, and facts that were folded leave their directories here. */
size_t fact_crowds_memory(const struct fact_crowds *crowds);

/* The place that a fact's is part of by now ("/var/cache/x/ *"), borrowed; NULL = its own. */
const char *fact_crowds_place(const struct fact_crowds *crowds, const struct fact *fact);

/* Counts a new fact. Returns the place that it and others are now, for the table to merge them; NULL = it stays on its own.
 * Borrowed. */
const char *fact_crowds_add(struct fact_crowds *crowds, const struct fact *fact);

/* Whether a fact belongs to what became one place by @like: the same program and reason, and its place in there. */
bool fact_crowds_holds(const char *place, const struct fact *like, const struct fact *fact);

#endif
