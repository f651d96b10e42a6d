/*
 * why_text - an answer of schema rofuse.why/1 as text for people.
 */
#ifndef ROFUSE_SRC_WHY_TEXT_H
#define ROFUSE_SRC_WHY_TEXT_H

#include <jansson.h>

/* Ends in a newline; owned by the caller. What an answer lacks is left out. */
char *why_text(const json_t *why);

#endif
