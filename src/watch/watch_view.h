/*
 * watch_view - the two ways in which rofuse watch shows a mount: on the whole screen, and as lines.
 */
#ifndef ROFUSE_SRC_WATCH_VIEW_H
#define ROFUSE_SRC_WATCH_VIEW_H

#include "watch_feed.h"

#include <glib.h>
#include <stdbool.h>

/*
 * watch_view_screen - takes the terminal until the person quits or a signal comes; then it is as it was.
 *
 * @state_dir: value of --state-dir, or NULL. Ends by the signal where one came. False where this terminal cannot show it.
 */
bool watch_view_screen(struct watch_feed *feed, const char *state_dir);

/* A line on stdout for each fact that is new or has changed, in JSON or for people, until the daemon ends or nobody reads.
 * FALSE with one line. */
gboolean watch_view_lines(struct watch_feed *feed, bool as_json, GError **error);

#endif
