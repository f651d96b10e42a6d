/*
 * advice_list - an advice_list as advice_make() builds it.
 */
#ifndef ROFUSE_SRC_ADVICE_LIST_H
#define ROFUSE_SRC_ADVICE_LIST_H

#include "advice.h"

/* An empty one; owned by the caller, advice_list_free(). */
struct advice_list *advice_list_new(void);

/* An advice without anything, for its array, which frees it. */
struct advice *advice_list_new_advice(void);
void advice_list_free_advice(void *advice);

#endif
