/*
 * watch_remedy - what to declare so that a fact does not come again, as a first proposal that a person can edit.
 *
 * Pure; any thread. Results are owned by the caller, g_free().
 */
#ifndef ROFUSE_SRC_WATCH_REMEDY_H
#define ROFUSE_SRC_WATCH_REMEDY_H

#include "fact.h"

/* Values of --tmpfs and of --volume: those of the knowledge base where it has one; else for the fact's directory, or, where
 * that is the root, for what was to be made there. A tmpfs starts with what the image has there, for root; for other users
 * it starts empty and is theirs. */
char *watch_remedy_tmpfs(const struct fact *fact);
char *watch_remedy_volume(const struct fact *fact);

/* Why no place that is declared would help, as a sentence without a full stop; NULL where one does. */
char *watch_remedy_why_not(const struct fact *fact);

/* What is opened with the proposal that nobody should want writable, a line for the screen; static; NULL where nothing is. */
const char *watch_remedy_price(const struct fact *fact);

#endif
