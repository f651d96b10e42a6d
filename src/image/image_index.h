/*
 * image_index - which manifest of an OCI layout is meant (OCI image-spec image-layout.md, image-index.md).
 */
#ifndef ROFUSE_SRC_IMAGE_INDEX_H
#define ROFUSE_SRC_IMAGE_INDEX_H

#include "image_descriptor.h"
#include "image_source.h"

#include <glib.h>

/*
 * image_index_choose - the manifest with a tag, of a platform.
 *
 * @tag: "org.opencontainers.image.ref.name", or NULL: there must be one image only (of that platform).
 * @platform: as --platform says it, or NULL: this machine's, and a layout's only image is taken whatever it is for.
 * @ret: the caller's, image_descriptor_clear(). FALSE with one line that tells what there is.
 */
gboolean image_index_choose(const struct image_source *source, const char *tag, const char *platform,
                            struct image_descriptor *ret, GError **error);

#endif
