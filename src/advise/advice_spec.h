/*
 * advice_spec - what to declare at a target: kind, owner, size.
 */
#ifndef ROFUSE_SRC_ADVICE_SPEC_H
#define ROFUSE_SRC_ADVICE_SPEC_H

#include "advice.h"

/* A place that facts want. */
struct advice_wish {
    char *target; /* canonical; owned */
    bool is_new;  /* it is not there in the image */
    bool passes;  /* it was made of places for what passes, whatever its own name says */
    enum advice_need need;
    const struct fact_fix *fix; /* of the knowledge base, TMPFS or VOLUME, for this target, or NULL; borrowed */
    const char *note;           /* of the knowledge base, or NULL; borrowed */
    GPtrArray *more;            /* of const struct fact_fix *, borrowed: for what it was joined with */
    GPtrArray *facts;           /* of const struct fact *, borrowed */
};

/* Whether the image has something in a directory that would be missed, but for what lies below @others (of struct advice_wish *;
 * NULL = none). @ret_others: whether something of it does. */
bool advice_has_content(const struct advice_input *input, const struct advice_wish *wish, const GPtrArray *others,
                        bool *ret_others);

/* Whether it would be a volume. */
bool advice_is_lasting(const struct advice_input *input, const struct advice_wish *wish);

/* Whether its place is more than one program's own for a while: shared by many, a program's settings or code, a home. Its owner
 * and mode are kept as far as can be. */
bool advice_is_wide(const struct advice_wish *wish);

/* The advice for a wish, in an advice that is empty. @names: of volumes, those taken already; owned strings. */
void advice_spec_make(const struct advice_input *input, const struct advice_wish *wish, const GPtrArray *others,
                      GPtrArray *names, struct advice *ret);

#endif
