/*
 * advice_target - which directory would have to be declared for a fact.
 */
#ifndef ROFUSE_SRC_ADVICE_TARGET_H
#define ROFUSE_SRC_ADVICE_TARGET_H

#include "advice.h"

struct advice_target {
    char *path;   /* NULL: no directory is to be declared, @reason says why; owned */
    char *reason; /* owned */
    bool is_new;  /* it is not there in the image */
};

void advice_target_of(const struct advice_input *input, const struct fact *fact, struct advice_target *ret);

/* Why nobody should declare a directory for a fact; NULL: it may be declared. Owned by the caller. */
char *advice_target_refusal(const struct fact *fact, const char *directory);

/* What the image has at a path. Where that is not known it counts as a directory that is there, and the answer is false;
 * /var/run is /run in any case. @ret: its path is owned by the caller. */
bool advice_look(const struct advice_input *input, const char *path, struct advice_seen *ret);

/* Whether a directory of the image, as advice_look() saw it, lets the user of a fact write, as far as modes tell. */
bool advice_lets_in(const struct advice_seen *seen, const struct fact *fact);

/* The route that holds a path, the longest target first; NULL where none does. Borrowed. */
const struct route_spec *advice_find_route(const struct advice_input *input, const char *path);

#endif
