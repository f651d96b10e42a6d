/*
 * watch_screen - the terminal: paints lines and reads keys, by ncurses. One at a time; one thread.
 */
#ifndef ROFUSE_SRC_WATCH_SCREEN_H
#define ROFUSE_SRC_WATCH_SCREEN_H

#include "watch_key.h"

#include <glib.h>
#include <stdbool.h>

struct watch_screen;

/* Takes the terminal of stdin and stdout. NULL where it cannot place a cursor (TERM=dumb, or unknown). Owned by the caller,
 * watch_screen_end(), which gives the terminal back as it was. */
struct watch_screen *watch_screen_start(void);
void watch_screen_end(struct watch_screen *screen); /* NULL is allowed */

/* Whether its characters are UTF-8. */
bool watch_screen_is_utf8(void);

void watch_screen_size(const struct watch_screen *screen, int *ret_width, int *ret_height);

/* The terminal has another size (SIGWINCH). */
void watch_screen_resized(struct watch_screen *screen);

/* Shows lines of struct watch_line (watch_paint.h); @cursor: its column in the last line, -1 = none. */
void watch_screen_show(struct watch_screen *screen, const GPtrArray *lines, int cursor);

/* The next key, WATCH_KEY_NONE where none is pressed. */
int watch_screen_key(struct watch_screen *screen);

#endif
