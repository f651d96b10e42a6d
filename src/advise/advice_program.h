/*
 * advice_program - what of a program lies in the place that it wants to write to.
 */
#ifndef ROFUSE_SRC_ADVICE_PROGRAM_H
#define ROFUSE_SRC_ADVICE_PROGRAM_H

#include "advice_spec.h"

/* Whether the program's own files do: its executable, or a script or library that it was told of. */
bool advice_holds_program(const struct advice_wish *wish);

/* Whether something was executed that does, from the image or since it was written. */
bool advice_executes(const struct advice_wish *wish);

/* Whether all that a fact writes lies in directories that somebody makes in the place at every start, and gives to whom they are
 * for: it is he to whom the place must be open. */
bool advice_is_made_for(const struct advice_wish *wish, const struct fact *fact);

#endif
