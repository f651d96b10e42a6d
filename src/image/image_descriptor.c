#include "image_descriptor.h"

#include "image_digest.h"
#include "image_json.h"
#include "text.h"

#include <string.h>

enum image_media image_media_of(const char *media_type)
{
    static const struct {
        const char *word;
        enum image_media media;
    } known[] = {
        {"application/vnd.oci.image.index.v1+json", IMAGE_MEDIA_INDEX},
        {"application/vnd.docker.distribution.manifest.list.v2+json", IMAGE_MEDIA_INDEX},
        {"application/vnd.oci.image.manifest.v1+json", IMAGE_MEDIA_MANIFEST},
        {"application/vnd.docker.distribution.manifest.v2+json", IMAGE_MEDIA_MANIFEST},
        {"application/vnd.oci.image.config.v1+json", IMAGE_MEDIA_CONFIG},
        {"application/vnd.docker.container.image.v1+json", IMAGE_MEDIA_CONFIG},
        {"application/vnd.oci.image.layer.v1.tar", IMAGE_MEDIA_LAYER},
        {"application/vnd.oci.image.layer.v1.tar+gzip", IMAGE_MEDIA_LAYER},
        {"application/vnd.oci.image.layer.v1.tar+zstd", IMAGE_MEDIA_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar", IMAGE_MEDIA_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", IMAGE_MEDIA_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", IMAGE_MEDIA_LAYER},
        {"application/vnd.docker.image.rootfs.diff.tar", IMAGE_MEDIA_LAYER},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", IMAGE_MEDIA_LAYER},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd", IMAGE_MEDIA_LAYER},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar", IMAGE_MEDIA_LAYER},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", IMAGE_MEDIA_LAYER},
    };
    for (size_t i = 0; media_type != NULL && i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].word, media_type) == 0)
            return known[i].media;
    }
    return IMAGE_MEDIA_OTHER;
}

static gboolean read_platform(const json_t *json, const char *what, struct image_descriptor *ret, GError **error)
{
    json_t *platform;
    const char *os = NULL, *architecture = NULL, *variant = NULL;
    if (!image_json_object(json, "platform", what, &platform, error) ||
        !image_json_string(platform, "os", what, &os, error) ||
        !image_json_string(platform, "architecture", what, &architecture, error) ||
        !image_json_string(platform, "variant", what, &variant, error))
        return FALSE;
    ret->has_platform = os != NULL && architecture != NULL;
    if (ret->has_platform)
        image_platform_set(&ret->platform, os, architecture, variant);
    return TRUE;
}

static gboolean read_names(const json_t *json, const char *what, struct image_descriptor *ret, GError **error)
{
    json_t *annotations;
    const char *tag = NULL, *full_name = NULL;
    if (!image_json_object(json, "annotations", what, &annotations, error) ||
        !image_json_string(annotations, "org.opencontainers.image.ref.name", what, &tag, error) ||
        !image_json_string(annotations, "io.containerd.image.name", what, &full_name, error))
        return FALSE;
    ret->tag = g_strdup(tag);
    ret->full_name = g_strdup(full_name);
    return TRUE;
}

static gboolean read_all(const json_t *json, const char *what, struct image_descriptor *ret, GError **error)
{
    const char *digest = NULL, *media_type = NULL;
    if (!json_is_object(json))
        return image_json_fail(error, what, "a descriptor is not an object");
    if (!image_json_string(json, "digest", what, &digest, error) ||
        !image_json_string(json, "mediaType", what, &media_type, error))
        return FALSE;
    if (digest == NULL || !image_digest_is_valid(digest)) {
        g_autofree char *shown = text_word(digest != NULL ? digest : "");
        return image_json_fail(error, what, "\"digest\": %s is neither a sha256 nor a sha512 digest", shown);
    }
    const json_t *size = json_object_get(json, "size");
    if (size != NULL && (!json_is_integer(size) || json_integer_value(size) < 0))
        return image_json_fail(error, what, "\"size\" is no size");
    ret->digest = g_strdup(digest);
    ret->media_type = g_strdup(media_type);
    ret->size = size != NULL ? json_integer_value(size) : -1;
    return read_platform(json, what, ret, error) && read_names(json, what, ret, error);
}

gboolean image_descriptor_parse(const json_t *json, const char *what, struct image_descriptor *ret, GError **error)
{
    *ret = (struct image_descriptor){.size = -1};
    if (read_all(json, what, ret, error))
        return TRUE;
    image_descriptor_clear(ret);
    return FALSE;
}

void image_descriptor_clear(struct image_descriptor *descriptor)
{
    g_free(descriptor->digest);
    g_free(descriptor->media_type);
    g_free(descriptor->tag);
    g_free(descriptor->full_name);
    image_platform_clear(&descriptor->platform);
    *descriptor = (struct image_descriptor){.size = -1};
}
