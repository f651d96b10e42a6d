/*
 * facts_recent - the latest attempts, by process: whether a program tries one directory after the other, and which processes
 * are seen to go on. Bounded; not locked.
 */
#ifndef ROFUSE_SRC_FACTS_RECENT_H
#define ROFUSE_SRC_FACTS_RECENT_H

#include "denial.h"
#include "fact.h"

struct facts_recent;

struct facts_recent *facts_recent_new(void);
void facts_recent_free(struct facts_recent *recent); /* NULL is allowed */

/*
 * facts_recent_alternative - the fact that a new one is the continuation of, or NULL.
 *
 * That is: the same process made the same attempt (operation, reason, name but for what changes) in another directory less
 * than two seconds before, and one of the two is for temporary files. Borrowed from facts_recent_add().
 */
struct fact *facts_recent_alternative(const struct facts_recent *recent, const struct denial_record *record,
                                      const struct fact *fact);

/*
 * facts_recent_made - the fact of the same process' making of the very file that it changes or removes now, or NULL.
 *
 * In learn mode alone: how a file was made may tell that its name is made up, where the name by itself does not.
 */
struct fact *facts_recent_made(const struct facts_recent *recent, const struct denial_record *record,
                               const struct fact *fact);

/* Adds what @fact tells to the one that it continues: its directory is an alternative. */
void facts_recent_merge(struct fact *into, const struct fact *fact);

/* The fact that a record like this was folded to, or NULL. */
struct fact *facts_recent_find(const struct facts_recent *recent, const struct denial_record *record);

/*
 * facts_recent_add - keeps an attempt. @fact: borrowed, until facts_recent_replace() or the end.
 *
 * @judge: earlier attempts that are long enough ago are decided where this one tells that somebody is still there, who acts
 * or has started who acts: the same process, which went on; or the one that ran a small tool, however that ended.
 */
void facts_recent_add(struct facts_recent *recent, const struct denial_record *record, struct fact *fact, bool judge);

/* A fact has become part of another. */
void facts_recent_replace(struct facts_recent *recent, const struct fact *old, struct fact *by);

#endif
