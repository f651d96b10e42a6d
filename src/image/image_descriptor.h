/*
 * image_descriptor - what a manifest or an index says of a blob (OCI image-spec descriptor.md), and media types.
 */
#ifndef ROFUSE_SRC_IMAGE_DESCRIPTOR_H
#define ROFUSE_SRC_IMAGE_DESCRIPTOR_H

#include "image_platform.h"

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum image_media {
    IMAGE_MEDIA_OTHER,
    IMAGE_MEDIA_INDEX,    /* OCI's index, docker's manifest list */
    IMAGE_MEDIA_MANIFEST, /* OCI's, docker's schema 2 */
    IMAGE_MEDIA_CONFIG,
    IMAGE_MEDIA_LAYER, /* a tar, plain or compressed, with old names for layers that are not to be distributed */
};

struct image_descriptor {
    char *digest; /* valid; owned, as all below */
    int64_t size; /* -1 = not said */
    char *media_type;
    char *tag;       /* org.opencontainers.image.ref.name, or NULL */
    char *full_name; /* io.containerd.image.name, or NULL */
    bool has_platform;
    struct image_platform platform;
};

enum image_media image_media_of(const char *media_type); /* NULL is OTHER */

/* Reads one; @json may be anything. FALSE with one line that names @what. The caller's to clear. */
gboolean image_descriptor_parse(const json_t *json, const char *what, struct image_descriptor *ret, GError **error);
void image_descriptor_clear(struct image_descriptor *descriptor);

#endif
