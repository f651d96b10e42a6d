/*
 * image_config_parse - an image's configuration, read from its JSON (OCI image-spec config.md; docker's is the same).
 */
#ifndef ROFUSE_SRC_IMAGE_CONFIG_PARSE_H
#define ROFUSE_SRC_IMAGE_CONFIG_PARSE_H

#include "image_config.h"

#include <glib.h>
#include <stddef.h>

/* More layers than any tool makes (docker: 127). */
#define IMAGE_LAYERS_MAX 1024

/*
 * image_config_parse - reads a configuration.
 *
 * @what:         the file's name for the error line.
 * @ret:          the caller's, image_config_clear(), on TRUE.
 * @ret_diff_ids: of the layers, first = bottom; valid sha256 digests, NULL-terminated; the caller's, g_strfreev().
 * FALSE with one line. Pure; any thread.
 */
gboolean image_config_parse(const char *text, size_t size, const char *what, struct image_config *ret,
                            char ***ret_diff_ids, GError **error);

#endif
