/*
 * fact_written - how much a run has written where: what a tmpfs must have room for, if the same is to go well again.
 *
 * From the counters of routes and what lies on learn mode's layer. More than was kept may be said of a place, never less:
 * what was written over counts twice, and each file is taken for a page more. Part of rofuse.facts/1 ("written").
 */
#ifndef ROFUSE_SRC_FACT_WRITTEN_H
#define ROFUSE_SRC_FACT_WRITTEN_H

#include "json_read.h"

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FACT_WRITTEN_MOST 4096

/* Once made it does not change, but for fact_written_add(). */
struct fact_written {
    GArray *places; /* of struct fact_written_place */
    uint64_t gone;  /* bytes that were written in learn mode and are not there any more; nobody knows where */
};

struct fact_written_place {
    char *path; /* absolute and clean, a directory: what was written in it or below it; owned */
    uint64_t bytes, files;
};

/* Owned by the caller, who shares it with others: fact_written_unref(). Any thread, as all here. */
struct fact_written *fact_written_new(void);
struct fact_written *fact_written_ref(struct fact_written *written); /* NULL is allowed, as for the next */
void fact_written_unref(struct fact_written *written);

/* Adds to a place; beside the last one that was added, the same path is the same place. False: there are too many. */
bool fact_written_add(struct fact_written *written, const char *path, uint64_t bytes, uint64_t files);

/* What the files written in a directory or below it take on a tmpfs, whole pages; 0: nothing, or @written is NULL. */
uint64_t fact_written_below(const struct fact_written *written, const char *directory);

/*
 * fact_written_limit - the size to give to a tmpfs.
 *
 * @content: bytes of the image that it starts with. @written: bytes that a run needs beside them. Four times what was
 * written, as one run says little about the next, and the content; rounded up to a power of two, and 16 MiB at least.
 */
uint64_t fact_written_limit(uint64_t content, uint64_t written);

/* A new reference. */
json_t *fact_written_to_json(const struct fact_written *written);

/* Back: "written" of a document, or NULL where there is none, or the reader has failed. Owned by the caller. */
struct fact_written *fact_written_from_json(struct json_read *read, const json_t *document);

#endif
