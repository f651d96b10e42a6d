/*
 * class_parent - whether one of those that started a process has no part in how its refusal is judged (class_rule.h), nor has
 * anybody above it.
 *
 * Who lives outside of the container has none, whatever it is called: that is told by its root directory, where the record
 * has it (struct caller_parent). Nor has one that passes on how its child ended or starts it anew, by its name. A runtime is
 * told by its name only where it is not known to live in the container: a program in there may be called so, too.
 *
 * Pure; any thread.
 */
#ifndef ROFUSE_SRC_CLASS_PARENT_H
#define ROFUSE_SRC_CLASS_PARENT_H

#include "fact.h"

struct caller;

/* Of a record. @i: which of the caller's parents. */
bool class_parent_is_apart(const struct caller *caller, size_t i);

/* Of a fact, of which the executables are known. */
bool class_parent_of_fact_is_apart(const struct fact *fact, guint i);

#endif
