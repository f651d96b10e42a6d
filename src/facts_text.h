/*
 * facts_text - facts for people: what was refused, what that meant, what is known to help.
 */
#ifndef ROFUSE_SRC_FACTS_TEXT_H
#define ROFUSE_SRC_FACTS_TEXT_H

#include "fact.h"
#include "fact_json.h"

/*
 * facts_text - the worst first, and of one class in order of appearance.
 *
 * @facts: of struct fact *. @now: for how long ago it was.
 * Owned by the caller. Pure.
 */
char *facts_text(const struct facts_head *head, const GPtrArray *facts, const struct timespec *now);

#endif
