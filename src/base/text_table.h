/*
 * text_table - columns of text, for people.
 */
#ifndef ROFUSE_SRC_TEXT_TABLE_H
#define ROFUSE_SRC_TEXT_TABLE_H

#include <glib.h>

/* "  LABEL    VALUE" and a newline. */
void text_table_append_line(GString *text, const char *label, const char *value);

/* The same with a text, escaped; nothing for NULL. */
void text_table_append_text(GString *text, const char *label, const char *value);

/* The same for each text of a list, the label before the first; nothing for NULL. */
void text_table_append_list(GString *text, const char *label, char *const *list);

/* The words of a command on one line, each as one word; nothing for NULL, which is what was not said. */
void text_table_append_words(GString *text, const char *label, char *const *words);

/* Rows of @columns cells each, every column as wide as its widest cell; @label stands before the first row, as in
 * text_table_append_line(); NULL: none, and no indentation. */
void text_table_append(GString *text, const char *label, const GPtrArray *cells, guint columns);

#endif
