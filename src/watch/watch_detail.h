/*
 * watch_detail - all that is known of one fact, in lines. Pure; any thread.
 */
#ifndef ROFUSE_SRC_WATCH_DETAIL_H
#define ROFUSE_SRC_WATCH_DETAIL_H

#include "watch_model.h"

/* Lines of at most @width columns: of char *, owned by the caller. */
GPtrArray *watch_detail(const struct watch_item *item, const struct timespec *now, int width, bool utf8);

#endif
