/*
 * why_words - what an explanation (explain.h) says, in words for people. Pure; results are owned by the caller; any thread.
 */
#ifndef ROFUSE_SRC_WHY_WORDS_H
#define ROFUSE_SRC_WHY_WORDS_H

#include "explain.h"

#include <glib.h>

/* Names for schemas: "write", "whiteout-file", "not-declared". Static text. */
const char *why_operation_name(enum explain_operation operation);
const char *why_form_name(enum explain_form form);
const char *why_reason_name(enum explain_reason reason);
const char *why_rule_name(enum access_rule rule);
const char *why_tag_name(enum access_tag tag);
const char *why_type_name(mode_t mode);

/* "rw-". */
char *why_bits(unsigned bits);

/* One line: what would happen, and why. */
char *why_message(const struct explanation *explanation, const struct explain_verdict *verdict);

/* Declarations, in docker's words, that would let the path be written: the first is what a program's own temporary files
 * need, the others are for what is to stay. An option, a blank and its value, not quoted for a shell (as why_message() has
 * them). Empty where none is needed or none helps; NULL-terminated, g_strfreev(). */
char **why_declarations(const struct explanation *explanation);

#endif
