/*
 * image_json - JSON of others, read with care: sizes, depth and types are checked, and an error says where.
 *
 * @what is the file's name for the error line ("/srv/app/index.json"), @key the member's. One thread at a time.
 */
#ifndef ROFUSE_SRC_IMAGE_JSON_H
#define ROFUSE_SRC_IMAGE_JSON_H

#include <glib.h>
#include <jansson.h>
#include <stddef.h>

/* What a manifest, an index or a configuration may have; registries take no more than 4 MiB. */
#define IMAGE_JSON_MAX ((size_t)8 << 20)

/* A new reference; NULL with one line. */
json_t *image_json_parse(const char *text, size_t size, const char *what, GError **error);

/*
 * Each looks for an optional member of an object. FALSE with one line where its type is another one; null counts as
 * missing.
 */
gboolean image_json_string(const json_t *object, const char *key, const char *what, const char **ret, GError **error);
gboolean image_json_array(const json_t *object, const char *key, const char *what, json_t **ret, GError **error);
gboolean image_json_object(const json_t *object, const char *key, const char *what, json_t **ret, GError **error);

/* A list of strings, owned by the caller, never NULL on TRUE. @allow_string: one string stands for a list of it. */
gboolean image_json_strings(const json_t *object, const char *key, const char *what, gboolean allow_string, char ***ret,
                            GError **error);

/* "WHAT: WHY" as APP_ERROR_FAILED; returns FALSE. */
gboolean image_json_fail(GError **error, const char *what, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
