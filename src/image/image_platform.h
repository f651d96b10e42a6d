/*
 * image_platform - "OS/ARCH[/VARIANT]" in Go's words, and which of several images suits one.
 *
 * Sources: OCI image-spec image-index.md ("platform"), containerd's platforms package for what the words mean. Pure
 * but for uname(2); any thread.
 */
#ifndef ROFUSE_SRC_IMAGE_PLATFORM_H
#define ROFUSE_SRC_IMAGE_PLATFORM_H

#include <glib.h>

struct image_platform {
    char *os, *architecture; /* never NULL; owned */
    char *variant;           /* NULL = not said; owned */
};

/* What a person wrote; FALSE with one line (APP_ERROR_USAGE). @text NULL: this machine's. The caller's to clear. */
gboolean image_platform_parse(const char *option, const char *text, struct image_platform *ret, GError **error);

/* From an image's own words; NULL is "". The caller's to clear. */
void image_platform_set(struct image_platform *ret, const char *os, const char *architecture, const char *variant);
void image_platform_clear(struct image_platform *platform); /* safe on a zeroed struct */

/*
 * How well an image of platform @has suits @wanted: 0 not at all, else the more the better. 32-bit ARM runs what was
 * made for older variants; arm64/v8 and amd64/v1 are what one means without a variant.
 */
int image_platform_score(const struct image_platform *wanted, const struct image_platform *has);

/* "linux/arm/v7"; owned by the caller. */
char *image_platform_text(const struct image_platform *platform);

#endif
