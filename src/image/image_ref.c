#include "image_ref.h"

#include "app_error.h"
#include "paths.h"
#include "text.h"

#include <string.h>

static const struct {
    const char *word;
    enum image_ref_kind kind;
} transports[] = {
    {"oci:", IMAGE_OCI},
    {"oci-archive:", IMAGE_OCI_ARCHIVE},
    {"docker-archive:", IMAGE_DOCKER_ARCHIVE},
};

/* What skopeo and podman know besides; none of them is the beginning of a name. */
static const char *const foreign[] = {
    "dir:", "docker:", "docker://", "docker-daemon:", "containers-storage:", "ostree:", "sif:", "http://", "https://",
};

static gboolean refuse(GError **error, const char *option, const char *text, const char *why)
{
    g_autofree char *shown = text_word(text);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s %s: %s", option, shown, why);
    return FALSE;
}

/* As with -v: what begins like a path is one. "library/nginx" is a name. */
static gboolean is_path(const char *text)
{
    return *text == '/' || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || g_str_has_prefix(text, "./") ||
           g_str_has_prefix(text, "../");
}

/* "PATH[:NAME]"; the first colon ends the path, as for skopeo. */
static gboolean read_place(const char *option, const char *text, const char *place, struct image_ref *ret,
                           GError **error)
{
    const char *colon = strchr(place, ':');
    g_autofree char *path = colon != NULL ? g_strndup(place, (gsize)(colon - place)) : g_strdup(place);
    if (*path == '\0')
        return refuse(error, option, text, "there is no path in it; write oci:DIR[:TAG] or oci-archive:FILE[:TAG]");
    if (colon != NULL && colon[1] == '\0')
        return refuse(error, option, text,
                      "nothing follows the last colon; write a name there, or leave the colon out");
    ret->path = paths_absolute(path, error);
    if (ret->path == NULL)
        return FALSE;
    ret->name = colon != NULL ? g_strdup(colon + 1) : NULL;
    return TRUE;
}

static gboolean read_kind(const char *option, const char *text, struct image_ref *ret, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(transports); i++) {
        if (g_str_has_prefix(text, transports[i].word)) {
            ret->kind = transports[i].kind;
            return read_place(option, text, text + strlen(transports[i].word), ret, error);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        if (g_str_has_prefix(text, foreign[i]))
            return refuse(error, option, text,
                          "such images are not read; copy it first: skopeo copy IMAGE oci:DIR, then give oci:DIR");
    }
    if (is_path(text)) {
        ret->kind = IMAGE_DIRECTORY;
        ret->path = paths_absolute(text, error);
        return ret->path != NULL;
    }
    ret->kind = IMAGE_STORED;
    ret->name = g_strdup(text);
    return TRUE;
}

gboolean image_ref_parse(const char *option, const char *text, struct image_ref *ret, GError **error)
{
    *ret = (struct image_ref){.kind = IMAGE_STORED};
    if (*text == '\0')
        return refuse(error, option, text,
                      "no image is named; write oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, ./DIR or a name");
    ret->text = g_strdup(text);
    if (read_kind(option, text, ret, error))
        return TRUE;
    image_ref_clear(ret);
    return FALSE;
}

void image_ref_clear(struct image_ref *ref)
{
    g_free(ref->path);
    g_free(ref->name);
    g_free(ref->text);
    *ref = (struct image_ref){.kind = IMAGE_STORED};
}
