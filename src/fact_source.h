/*
 * fact_source - the facts that a command works on: of a live mount, or of a log of the past.
 */
#ifndef ROFUSE_SRC_FACT_SOURCE_H
#define ROFUSE_SRC_FACT_SOURCE_H

#include "fact_json.h"
#include "mount_ask.h"
#include "paths.h"

#include <glib.h>

struct fact_source {
    GPtrArray *facts;          /* of struct fact, with what is known of their programs; owned */
    struct facts_head head;    /* what stands around them; owned */
    struct asked_mount *asked; /* the mount, still connected; NULL for a log; owned */
    char *name;                /* the mount's, or the log's path; for people; owned */
};

/*
 * fact_source_open - reads the facts.
 *
 * @word: a mount point or a name; NULL = the only mount. @from: a file of rofuse.log/1 lines, instead of a mount, or NULL; a
 * line that is none is passed over with a note. @image: for a log, the name of the image that it is of, or NULL.
 * Owned by the caller, fact_source_free(). NULL with one line. One thread.
 */
struct fact_source *fact_source_open(const struct paths *paths, const char *word, const char *from, const char *image,
                                     GError **error);
void fact_source_free(struct fact_source *source); /* NULL is allowed */

#endif
