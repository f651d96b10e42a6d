/*
 * watch_changes - which facts are new, or have changed, since the last time. Plain data; one thread.
 */
#ifndef ROFUSE_SRC_WATCH_CHANGES_H
#define ROFUSE_SRC_WATCH_CHANGES_H

#include "fact.h"

#include <glib.h>

struct watch_changes;

struct watch_changes *watch_changes_new(void);
void watch_changes_free(struct watch_changes *changes); /* NULL is allowed */

/* Those of all facts that are new or have another count, class or reason; in their order. Of const struct fact *, borrowed
 * from @facts; the array is owned by the caller. */
GPtrArray *watch_changes_find(struct watch_changes *changes, const GPtrArray *facts);

#endif
