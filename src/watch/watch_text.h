/*
 * watch_text - text in columns of a terminal. Pure; any thread. Results are owned by the caller, g_free().
 */
#ifndef ROFUSE_SRC_WATCH_TEXT_H
#define ROFUSE_SRC_WATCH_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <time.h>

enum watch_cut { WATCH_CUT_END, WATCH_CUT_BEGIN };

/* UTF-8 as it is, or, without @utf8, with \\xHH for every byte beyond ASCII. */
char *watch_text_ascii(const char *text, bool utf8);

/* Bytes as text_escape() shows them; without @utf8, for terminals of ASCII alone, no other characters are left either. */
char *watch_text_safe(const char *bytes, bool utf8);

/* How many columns a text takes; the text is UTF-8. */
int watch_text_width(const char *text);

/* The text in exactly @width columns: with blanks behind it, or cut, where a mark shows that something is missing. */
char *watch_text_fit(const char *text, int width, enum watch_cut cut, bool utf8);

/* Words at line ends of at most @width columns, later lines indented; appended to @lines (of char *). A word that is longer
 * than a line is broken. */
void watch_text_wrap(GPtrArray *lines, const char *text, int width, int indent);

/* How long ago: "3s", "12m", "5h", "9d"; at most four columns. */
char *watch_text_age(const struct timespec *time, const struct timespec *now);

#endif
