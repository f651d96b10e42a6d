/*
 * knowledge - what is known of programs that break on a read-only root: what helps, and where it was met before.
 *
 * The entries are knowledge.json beside this file, which is part of the program; people can add to it (its first member says
 * how), and give a file of their own. An entry colours the advice; it never hides a record. Immutable; any thread.
 */
#ifndef ROFUSE_SRC_KNOWLEDGE_H
#define ROFUSE_SRC_KNOWLEDGE_H

#include "fact.h"

#include <glib.h>

#define KNOWLEDGE_SCHEMA "rofuse.knowledge/1"

struct knowledge;

/*
 * knowledge_new - the built-in entries, and those of a file before them.
 *
 * @path: the file; NULL = none. An entry with the id of a built-in one takes its place.
 * Owned by the caller, knowledge_free(). NULL with one line that says where the file is wrong (APP_ERROR_USAGE).
 */
struct knowledge *knowledge_new(const char *path, GError **error);
void knowledge_free(struct knowledge *knowledge); /* NULL is allowed */

/*
 * knowledge_apply - sets what is known of a fact: knowledge, note, reported, fixes, and the class where the entry has one.
 *
 * The first entry that matches counts. @image: name of the image, or NULL.
 * Returns whether one matched; otherwise the fact is as before.
 */
bool knowledge_apply(const struct knowledge *knowledge, const char *image, struct fact *fact);

/* All ids, in the order in which they are tried; owned by the caller, g_strfreev(). */
char **knowledge_ids(const struct knowledge *knowledge);

#endif
