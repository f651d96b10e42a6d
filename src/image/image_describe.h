/*
 * image_describe - what is known of an image, as JSON and for people.
 */
#ifndef ROFUSE_SRC_IMAGE_DESCRIBE_H
#define ROFUSE_SRC_IMAGE_DESCRIBE_H

#include "image.h"
#include "image_record.h"

#include <glib.h>
#include <jansson.h>

/* An image that lies in a source, as a record that has no date; owned by the caller. */
struct image_record *image_describe_plan(const struct image_plan *plan);

/* One object, schema rofuse.image/1; a new reference. */
json_t *image_describe_json(const char *store, const struct image_record *record);

/* Several lines; owned by the caller. */
char *image_describe_text(const char *store, const struct image_record *record);

/* One object, schema rofuse.images/1, with all of them; a new reference. A table; owned by the caller. */
json_t *image_describe_list_json(const char *store, const GPtrArray *records);
char *image_describe_list_text(const char *store, const GPtrArray *records);

#endif
