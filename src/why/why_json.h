/*
 * why_json - an explanation (explain.h) as JSON, schema rofuse.why/1 (why.schema.json beside this file).
 */
#ifndef ROFUSE_SRC_WHY_JSON_H
#define ROFUSE_SRC_WHY_JSON_H

#include "explain.h"

#include <jansson.h>

/* @ids: who would write. @store: of images, by which a layer's digest is known. A new reference. */
json_t *why_to_json(const struct explanation *explanation, const struct access_subject *ids, const char *store);

#endif
