/*
 * merge_check - whether a changed Compose file means what it meant, and the advice, and nothing else.
 */
#ifndef ROFUSE_SRC_MERGE_CHECK_H
#define ROFUSE_SRC_MERGE_CHECK_H

#include "advise_merge.h"

/*
 * merge_check - compares the two texts of the file.
 *
 * @options: how the whole project is read, with the old file. @draft: the new text of that file. @applied: of const struct
 * advice *, what was put in; @names: of char *, of the same length: for a volume what the file calls it.
 * FALSE with one line.
 */
gboolean merge_check(const struct compose_options *options, const char *old_text, size_t old_length,
                     const struct compose_draft *draft, const GPtrArray *applied, const GPtrArray *names,
                     GError **error);

#endif
