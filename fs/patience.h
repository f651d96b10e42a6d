/*
 * patience - whether whoever waits for something that takes long still wants it.
 *
 * What takes long asks now and then, and ends with -ECANCELED where it is over.
 */
#ifndef ROFUSE_FS_PATIENCE_H
#define ROFUSE_FS_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>

struct patience {
    bool (*is_over)(void *data); /* quick; from the thread that works */
    void *data;
};

/* NULL is patience without end. */
static inline bool patience_is_over(const struct patience *patience)
{
    return patience != NULL && patience->is_over(patience->data);
}

#endif
