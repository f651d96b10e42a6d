/*
 * watch_edit - one line of text that a person edits. Pure data; one thread.
 */
#ifndef ROFUSE_SRC_WATCH_EDIT_H
#define ROFUSE_SRC_WATCH_EDIT_H

#include "watch_key.h"

#include <glib.h>
#include <stdbool.h>

struct watch_edit {
    GString *text; /* UTF-8; owned */
    gsize cursor;  /* in bytes, at the beginning of a character */
};

void watch_edit_init(struct watch_edit *edit, const char *text); /* the cursor stands at the end */
void watch_edit_clear(struct watch_edit *edit);                  /* safe on a zeroed one */

/* Does what a key means for the line; false where it means nothing. Control characters are not taken. */
bool watch_edit_key(struct watch_edit *edit, int key);

#endif
