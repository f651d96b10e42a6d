/*
 * watch_paint - what stands on the screen, line by line. Pure; one thread.
 */
#ifndef ROFUSE_SRC_WATCH_PAINT_H
#define ROFUSE_SRC_WATCH_PAINT_H

#include "watch_ui.h"

enum watch_style {
    WATCH_STYLE_PLAIN,
    WATCH_STYLE_BAR, /* title and keys */
    WATCH_STYLE_HEAD,
    WATCH_STYLE_FATAL,
    WATCH_STYLE_TOLERATED,
    WATCH_STYLE_QUIET, /* probes, and what is mended */
    WATCH_STYLE_MESSAGE,
};

struct watch_line {
    char *text; /* exactly as wide as the screen; owned */
    enum watch_style style;
    bool is_selected;
};

/*
 * watch_paint - the screen as it should be: exactly @height lines of @width columns.
 *
 * @ret_cursor: the column of the cursor in the last line while a question is asked, or -1.
 * Sets the page of @ui and brings its scrolling into bounds. Of struct watch_line *, owned by the caller.
 */
GPtrArray *watch_paint(struct watch_ui *ui, const struct timespec *now, int width, int height, bool utf8,
                       int *ret_cursor);

#endif
