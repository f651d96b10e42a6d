/*
 * text_edit - changes to a text at known places, and what they change line by line.
 */
#ifndef ROFUSE_SRC_TEXT_EDIT_H
#define ROFUSE_SRC_TEXT_EDIT_H

#include <glib.h>
#include <stddef.h>

struct text_edits {
    const char *text; /* borrowed */
    size_t length;
    GArray *edits; /* private; in order of @start */
};

void text_edits_init(struct text_edits *edits, const char *text, size_t length);
void text_edits_clear(struct text_edits *edits);

/* Puts @with in the place of the bytes [@start, @end). Of several at one place the one added first stands first. No two may
 * touch the same bytes. */
void text_edits_replace(struct text_edits *edits, size_t start, size_t end, const char *with);

/* The text with all changes; owned by the caller. */
char *text_edits_apply(const struct text_edits *edits, size_t *ret_length);

/* A unified diff, "" where nothing is changed; @name: of the file, escaped already. Owned by the caller. */
char *text_edits_diff(const struct text_edits *edits, const char *name);

#endif
