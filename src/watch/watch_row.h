/*
 * watch_row - facts as lines of text. Pure; any thread. Results are owned by the caller, g_free().
 */
#ifndef ROFUSE_SRC_WATCH_ROW_H
#define ROFUSE_SRC_WATCH_ROW_H

#include "fact.h"
#include "watch_model.h"

/* A row of the table and the heads of its columns, each exactly @width columns. */
char *watch_row(const struct watch_item *item, const struct timespec *now, int width, bool utf8);
char *watch_row_head(int width, bool utf8);

/* Their names: "mkdir, create" for @between ", ". */
char *watch_row_operations(const struct fact *fact, const char *between);

/*
 * watch_row_line - a line for a pipe or a log, ended by a newline:
 *
 *     12:34:56.789 fatal nginx /var/cache/nginx/client_temp mkdir EROFS not-declared 3 times: REASON
 *
 * Local time, of the latest call. ASCII alone unless @utf8.
 */
char *watch_row_line(const struct fact *fact, bool utf8);

#endif
