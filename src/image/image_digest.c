#include "image_digest.h"

#include <string.h>

static const struct {
    const char *prefix;
    GChecksumType type;
    size_t digits;
} algorithms[] = {{"sha256:", G_CHECKSUM_SHA256, 64}, {"sha512:", G_CHECKSUM_SHA512, 128}};

/* Which algorithm it is, -1 for none. */
static int find(const char *text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
        const char *hex = text + strlen(algorithms[i].prefix);
        if (g_str_has_prefix(text, algorithms[i].prefix) && strlen(hex) == algorithms[i].digits &&
            strspn(hex, "0123456789abcdef") == algorithms[i].digits)
            return (int)i;
    }
    return -1;
}

bool image_digest_is_valid(const char *text)
{
    return find(text) >= 0;
}

bool image_digest_is_sha256(const char *text)
{
    return find(text) == 0;
}

const char *image_digest_hex(const char *digest)
{
    return strchr(digest, ':') + 1;
}

GChecksum *image_digest_checksum(const char *digest)
{
    return g_checksum_new(algorithms[find(digest)].type);
}

bool image_digest_matches(const char *digest, GChecksum *checksum)
{
    return strcmp(image_digest_hex(digest), g_checksum_get_string(checksum)) == 0;
}

char *image_digest_of(const void *bytes, size_t size)
{
    g_autofree char *hex = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, size);
    return g_strconcat("sha256:", hex, NULL);
}

char *image_digest_blob_path(const char *digest)
{
    g_autofree char *algorithm = g_strndup(digest, strcspn(digest, ":"));
    return g_build_filename("blobs", algorithm, image_digest_hex(digest), NULL);
}
