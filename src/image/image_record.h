/*
 * image_record - what the store knows of an image: its configuration, its names, the layers that it lies on.
 */
#ifndef ROFUSE_SRC_IMAGE_RECORD_H
#define ROFUSE_SRC_IMAGE_RECORD_H

#include "image_config.h"
#include "image_plan.h"

#include <glib.h>
#include <stdint.h>

struct image_record {
    char *id;        /* "sha256:…"; owned, as all below */
    char *manifest;  /* digest, or NULL */
    char **names;    /* NULL-terminated */
    char **diff_ids; /* first = bottom; NULL-terminated */
    char **digests;  /* of the blobs, "" where not known; of the same length */
    int64_t created; /* when it was imported, seconds since 1970 */
    struct image_config config;
};

void image_record_free(struct image_record *record); /* NULL is allowed */

/* All that the store has, sorted by the first name; a damaged one is left out. Owned by the caller. */
GPtrArray *image_record_read_all(const char *store);

/* The one of a name, or of an id or its beginning. NULL with one line. Owned by the caller. */
struct image_record *image_record_find(const char *store, const char *word, GError **error);

/* Writes down an image that was imported, under @names and those that it has; other images lose them.
 * @ret_hold: keeps it from being removed; a descriptor to close. Takes the store's lock. FALSE with one line. */
gboolean image_record_keep(const char *store, const struct image_plan *plan, char **names, int *ret_hold,
                           GError **error);

/* Writes the names anew. With the store's lock. FALSE with one line. */
gboolean image_record_write(const char *store, const struct image_record *record, GError **error);

/* Takes a name away; FALSE where it has not got it. */
gboolean image_record_drop_name(struct image_record *record, const char *name);

/* Of the image's names the one that a person means by @word, which need not be the whole of it; NULL where it is none.
 * Borrowed from the record. */
const char *image_record_name_for(const struct image_record *record, const char *word);

/* Whether it is for a platform, "OS/ARCH[/VARIANT]"; NULL: any will do. FALSE with one line. */
gboolean image_record_check_platform(const struct image_record *record, const char *platform, GError **error);

/* How people see it: the first name, or the beginning of its id. Owned by the caller. */
char *image_record_title(const struct image_record *record);

/* The same for who asked for @word: that name, or its title where it is an id. */
char *image_record_title_for(const struct image_record *record, const char *word);

#endif
