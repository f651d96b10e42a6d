/*
 * run_words - the options that say how a program is started: the same for every command that starts one or describes it.
 */
#ifndef ROFUSE_SRC_RUN_WORDS_H
#define ROFUSE_SRC_RUN_WORDS_H

#include "plan.h"

#include <glib.h>

/* What GOption fills in, and what stands behind "--". All is owned; NULL = not said, but command, which is never NULL. */
struct run_words {
    char **env;
    char *entrypoint;
    char *user;
    char *working_dir;
    char *hostname;
    char **command;
};

/*
 * run_words_init - takes the command off the arguments: GOption would mix what is before "--" with what is behind.
 *
 * @argc, @argv: what is left, a new array of borrowed strings, which the caller frees with g_free().
 */
void run_words_init(struct run_words *words, int *argc, char ***argv);
void run_words_clear(struct run_words *words);

/* Appends GOptionEntry elements that fill @words. */
void run_words_add_entries(struct run_words *words, GArray *entries);

/* FALSE with one line (APP_ERROR_USAGE) where a word cannot be meant. */
gboolean run_words_check(const struct run_words *words, GError **error);

/* For plan_make(); borrows from @words. */
struct plan_words run_words_plan(const struct run_words *words);

#endif
