/*
 * command_parse - what every command does alike: reads its options, prints its result.
 */
#ifndef ROFUSE_SRC_COMMAND_PARSE_H
#define ROFUSE_SRC_COMMAND_PARSE_H

#include <glib.h>

/*
 * command_parse - reads a command's options with GOption; "--help" prints and ends the program.
 *
 * @command: "mount"; @parameters: what follows the options in the usage line; @summary, @examples: the text around
 * them.
 * @entries: as for g_option_context_add_main_entries(); @data: for callbacks.
 * FALSE with one line.
 */
gboolean command_parse(int argc, char **argv, const char *command, const char *parameters, const char *summary,
                       const char *examples, const GOptionEntry *entries, gpointer data, GError **error);

/* Prints a text on stdout, all of it. FALSE with one line: "rofuse status > /dev/full" is a failure. */
gboolean command_print(const char *text, GError **error);

#endif
