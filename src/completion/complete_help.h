/*
 * complete_help - what a command's --help says, for completion: so what is completed is what the help tells, and no second
 * list of options has to be kept.
 *
 * Pure; any thread.
 */
#ifndef ROFUSE_SRC_COMPLETE_HELP_H
#define ROFUSE_SRC_COMPLETE_HELP_H

#include <glib.h>

struct help_entry {
    char *name;  /* "--log" or "status"; owned, as all here */
    char *alias; /* "-v"; NULL = none */
    char *value; /* "json|text", "DIR"; NULL = it takes none */
    char *text;  /* what it is for, in a line */
};

struct help {
    GPtrArray *commands; /* of struct help_entry *; empty where there are none */
    GPtrArray *options;  /* of struct help_entry * */
    char **parameters;   /* "[MOUNTPOINT|NAME]", "PATH", "TARGET..."; up to "[--"; never NULL */
};

/* Reads the text of --help, the program's or a command's. Owned by the caller, help_free(). */
struct help *help_parse(const char *text);
void help_free(struct help *help); /* NULL is allowed */

/* The option with this name or alias; NULL where there is none. Borrowed. */
const struct help_entry *help_find_option(const struct help *help, const char *word);

#endif
