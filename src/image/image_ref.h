/*
 * image_ref - how a person names an image: as skopeo and podman write it, a directory, or a name in the store.
 */
#ifndef ROFUSE_SRC_IMAGE_REF_H
#define ROFUSE_SRC_IMAGE_REF_H

#include <glib.h>

enum image_ref_kind {
    IMAGE_OCI,            /* oci:DIR[:TAG] */
    IMAGE_OCI_ARCHIVE,    /* oci-archive:FILE[:TAG] */
    IMAGE_DOCKER_ARCHIVE, /* docker-archive:FILE[:REF] */
    IMAGE_DIRECTORY,      /* what begins with "/", "./" or "../", or is "." or "..": one layer, unpacked */
    IMAGE_STORED,         /* anything else ("library/nginx:1" too): a name or an id of an image that the store has */
};

struct image_ref {
    enum image_ref_kind kind;
    char *path; /* absolute; NULL for IMAGE_STORED; owned */
    char *name; /* tag, reference, name or id; NULL = not said; owned */
    char *text; /* as it was written; owned */
};

/*
 * image_ref_parse - reads a reference; nothing of the file system is looked at but the working directory.
 *
 * @option: what it was the value of ("--image"), for the error line. FALSE with one line (APP_ERROR_USAGE).
 * @ret: what it owns is the caller's, image_ref_clear().
 */
gboolean image_ref_parse(const char *option, const char *text, struct image_ref *ret, GError **error);
void image_ref_clear(struct image_ref *ref); /* safe on a zeroed struct */

#endif
