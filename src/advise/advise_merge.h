/*
 * advise_merge - puts advice into a person's Compose file: as text, at the places where it belongs, so that comments, order,
 * quotes and indentation of everything else stay as they are, byte by byte.
 */
#ifndef ROFUSE_SRC_ADVISE_MERGE_H
#define ROFUSE_SRC_ADVISE_MERGE_H

#include "advise_render.h"
#include "compose.h"

struct advise_merge {
    const struct advise_output *output;    /* the advice; borrowed */
    const struct compose_options *options; /* all files of the project; the last one is changed; borrowed */
    const char *service;                   /* its name; borrowed */
    const char *file;                      /* the file to be changed, as the person calls it; borrowed */
    const char *path;                      /* absolute; borrowed */
};

/*
 * advise_merge_text - the file with the advice in it.
 *
 * What it means afterwards is compared with what it meant, and with the advice: it is that, or an error.
 * @text: what the file says. @ret_diff: a unified diff, "" where nothing is to be changed; owned by the caller.
 * Owned by the caller. NULL with one line that says what to write by hand, where the keys come from elsewhere.
 */
char *advise_merge_text(const struct advise_merge *merge, const char *text, size_t length, size_t *ret_length,
                        char **ret_diff, GError **error);

#endif
