/*
 * advice_route - mends what is declared already: owner, exec, size.
 */
#ifndef ROFUSE_SRC_ADVICE_ROUTE_H
#define ROFUSE_SRC_ADVICE_ROUTE_H

#include "advice.h"

enum advice_mend {
    ADVICE_MEND_NONE,    /* no option helps; @ret_text: what would */
    ADVICE_MEND_SPEC,    /* @spec was changed; @ret_text: why */
    ADVICE_MEND_CHOICE,  /* the same, but it was declared so on purpose */
    ADVICE_MEND_OUTSIDE, /* @ret_text: what to do outside of the declaration */
};

/*
 * advice_mend_route - what would let a fact's calls through.
 *
 * @spec: of the route that holds the place, as it is to be; earlier facts may have changed it. @ret_text: owned by the caller.
 */
enum advice_mend advice_mend_route(const struct advice_input *input, const struct fact *fact, struct route_spec *spec,
                                   char **ret_text);

#endif
