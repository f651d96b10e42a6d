/*
 * advise_comments - what all renderers say beside the declaration itself.
 */
#ifndef ROFUSE_SRC_ADVISE_COMMENTS_H
#define ROFUSE_SRC_ADVISE_COMMENTS_H

#include "advise_render.h"

/* Whether an advice is part of what is declared. */
bool advise_applies(const struct advise_output *output, const struct advice *advice);

/* "# TEXT" and a newline, escaped to one line. */
void advise_comment(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Comments before the declaration: for whom; of each part that applies why. */
void advise_comment_head(GString *out, const struct advise_output *output, const char *what);

/* Comments after it: settings, what is optional, choices, what was left out, notes. */
void advise_comment_rest(GString *out, const struct advise_output *output);

/* What is to be done where a copy of the image's directory is a volume, whose owner nobody can say; NULL: nothing. Owned by the
 * caller. */
char *advise_owner(const struct advice *advice);

/* What an advice declares, in docker's words: "--tmpfs /run", "-e A=b", the text of a setting. Owned by the caller. */
char *advise_option(const struct advice *advice);

/* The same with the value quoted for a shell: one line that is safe to print, and not to be escaped once more. */
char *advise_option_shell(const struct advice *advice);

/* The next step where something was refused while a program went on, and is not declared: a request may have failed of it. One
 * line, static; NULL: there is nothing of the kind. */
const char *advise_next_step(const struct advise_output *output);

#endif
