/*
 * fact_json - facts as JSON, schema rofuse.facts/1 (facts.schema.json beside this file), and back.
 *
 * Byte strings are as in json_bytes.h; lists of them too ("paths", "paths_bytes"). Pure; any thread.
 */
#ifndef ROFUSE_SRC_FACT_JSON_H
#define ROFUSE_SRC_FACT_JSON_H

#include "fact.h"
#include "fact_written.h"

#include <jansson.h>

#define FACTS_SCHEMA "rofuse.facts/1"

/* What stands around the facts. */
struct facts_head {
    char *mount;                  /* the mount's name, or NULL where that is not known; owned */
    char *image;                  /* name of its image, or NULL; owned */
    uint64_t denied;              /* calls that the facts speak for */
    uint64_t left_out;            /* calls that belong to facts too many */
    uint64_t dropped;             /* calls that the log lacks */
    struct fact_written *written; /* how much was written where, or NULL where that is not known; owned */
};

void facts_head_clear(struct facts_head *head);

/* One fact; a new reference. */
json_t *fact_to_json(const struct fact *fact);

/* The document. @facts: of struct fact *. A new reference. */
json_t *facts_to_json(const struct facts_head *head, const GPtrArray *facts);

/*
 * facts_from_json - reads a document with care: it may come from anywhere.
 *
 * @what: its name for the error line. @ret_head: facts_head_clear(); may be NULL.
 * Returns an array of struct fact *, owned by the caller; NULL with one line (APP_ERROR_FAILED) that says where it is wrong.
 * Unknown keys are passed over.
 */
GPtrArray *facts_from_json(const json_t *document, const char *what, struct facts_head *ret_head, GError **error);

/* The same from text, at most FACTS_MOST_BYTES of it. */
#define FACTS_MOST_BYTES ((size_t)64 << 20)
GPtrArray *facts_from_text(const char *text, size_t size, const char *what, struct facts_head *ret_head,
                           GError **error);

#endif
