#include "image_index.h"

#include "app_error.h"
#include "image_digest.h"
#include "image_json.h"
#include "image_name.h"
#include "text.h"

#include <string.h>

#define DEPTH_MAX 4
#define DESCRIPTORS_MAX 4096
/* Of an error line's list. */
#define SHOWN_MAX 20

/* What is gathered while an index is read. */
struct gathering {
    const struct image_source *source;
    const char *tag;
    GPtrArray *found; /* struct image_descriptor of manifests, owned */
    GPtrArray *tags;  /* char *, all that the top has, owned */
    unsigned seen;
};

static void free_descriptor(gpointer data)
{
    image_descriptor_clear(data);
    g_free(data);
}

static gboolean gather(struct gathering *gathering, const json_t *index, const char *what,
                       const struct image_descriptor *above, unsigned depth, GError **error);

static gboolean gather_nested(struct gathering *gathering, const struct image_descriptor *descriptor, unsigned depth,
                              GError **error)
{
    size_t size;
    g_autofree char *path = image_digest_blob_path(descriptor->digest);
    g_autofree char *what = image_source_name(gathering->source, path);
    if (depth >= DEPTH_MAX)
        return image_json_fail(error, what, "indexes are nested more than %d deep", DEPTH_MAX);
    g_autofree char *text =
        image_source_read_blob(gathering->source, descriptor->digest, descriptor->size, &size, error);
    json_t *index = text != NULL ? image_json_parse(text, size, what, error) : NULL;
    gboolean done = index != NULL && gather(gathering, index, what, descriptor, depth + 1, error);
    json_decref(index);
    return done;
}

static gboolean has_digest(const GPtrArray *found, const char *digest)
{
    for (guint i = 0; i < found->len; i++) {
        const struct image_descriptor *descriptor = g_ptr_array_index(found, i);
        if (strcmp(descriptor->digest, digest) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Podman writes a whole name as the tag: that counts as a name. */
static bool is_tag(const char *tag, const char *asked)
{
    return tag != NULL && (strcmp(tag, asked) == 0 || (strchr(tag, '/') != NULL && (image_name_equal(tag, asked) ||
                                                                                    image_name_is_local(tag, asked))));
}

/* Takes over @descriptor. */
static gboolean gather_one(struct gathering *gathering, struct image_descriptor *descriptor,
                           const struct image_descriptor *above, unsigned depth, GError **error)
{
    if (above == NULL && descriptor->tag != NULL)
        g_ptr_array_add(gathering->tags, g_strdup(descriptor->tag));
    bool is_meant = above != NULL || gathering->tag == NULL || is_tag(descriptor->tag, gathering->tag) ||
                    is_tag(descriptor->full_name, gathering->tag);
    /* Buildkit's attestations are for "unknown/unknown". */
    bool is_image = !descriptor->has_platform || strcmp(descriptor->platform.os, "unknown") != 0;
    gboolean done = TRUE;
    if (above != NULL) {
        g_free(descriptor->tag);
        g_free(descriptor->full_name);
        descriptor->tag = g_strdup(above->tag);
        descriptor->full_name = g_strdup(above->full_name);
    }
    enum image_media media = image_media_of(descriptor->media_type);
    if (is_meant && media == IMAGE_MEDIA_INDEX)
        done = gather_nested(gathering, descriptor, depth, error);
    else if (is_meant && is_image && media == IMAGE_MEDIA_MANIFEST &&
             !has_digest(gathering->found, descriptor->digest)) {
        g_ptr_array_add(gathering->found, g_memdup2(descriptor, sizeof *descriptor));
        return TRUE;
    }
    image_descriptor_clear(descriptor);
    return done;
}

static gboolean gather(struct gathering *gathering, const json_t *index, const char *what,
                       const struct image_descriptor *above, unsigned depth, GError **error)
{
    json_t *manifests;
    if (!json_is_object(index))
        return image_json_fail(error, what, "is not a JSON object");
    if (!image_json_array(index, "manifests", what, &manifests, error))
        return FALSE;
    if (manifests == NULL)
        return image_json_fail(error, what, "there is no \"manifests\" in it; it is no index");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        struct image_descriptor descriptor;
        if (++gathering->seen > DESCRIPTORS_MAX)
            return image_json_fail(error, what, "names more than %d manifests", DESCRIPTORS_MAX);
        if (!image_descriptor_parse(json_array_get(manifests, i), what, &descriptor, error) ||
            !gather_one(gathering, &descriptor, above, depth, error))
            return FALSE;
    }
    return TRUE;
}

/* What the manifest's configuration says, where the index does not. */
static void read_platform(const struct image_source *source, struct image_descriptor *descriptor)
{
    size_t size;
    const char *os = NULL, *architecture = NULL, *variant = NULL;
    struct image_descriptor config;
    g_autofree char *text = image_source_read_blob(source, descriptor->digest, descriptor->size, &size, NULL);
    json_t *manifest = text != NULL ? image_json_parse(text, size, "", NULL) : NULL;
    if (manifest != NULL && image_descriptor_parse(json_object_get(manifest, "config"), "", &config, NULL)) {
        g_autofree char *config_text = image_source_read_blob(source, config.digest, config.size, &size, NULL);
        json_t *json = config_text != NULL ? image_json_parse(config_text, size, "", NULL) : NULL;
        os = json_string_value(json_object_get(json, "os"));
        architecture = json_string_value(json_object_get(json, "architecture"));
        variant = json_string_value(json_object_get(json, "variant"));
        descriptor->has_platform = os != NULL && architecture != NULL;
        if (descriptor->has_platform)
            image_platform_set(&descriptor->platform, os, architecture, variant);
        json_decref(json);
        image_descriptor_clear(&config);
    }
    json_decref(manifest);
}

/* "a, b, c", each once. Owned by the caller. */
static char *list_words(const GPtrArray *words)
{
    GString *list = g_string_new(NULL);
    guint shown = 0;
    for (guint i = 0; i < words->len && shown < SHOWN_MAX; i++) {
        bool is_double = false;
        for (guint j = 0; j < i && !is_double; j++)
            is_double = strcmp(g_ptr_array_index(words, i), g_ptr_array_index(words, j)) == 0;
        if (is_double)
            continue;
        g_autofree char *word = text_word(g_ptr_array_index(words, i));
        g_string_append_printf(list, "%s%s", shown++ > 0 ? ", " : "", word);
    }
    if (shown == 0)
        g_string_append(list, "none");
    return g_string_free(list, FALSE);
}

static gboolean fail_platform(const struct gathering *gathering, const struct image_platform *wanted, const char *what,
                              GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < gathering->found->len; i++) {
        const struct image_descriptor *descriptor = g_ptr_array_index(gathering->found, i);
        if (descriptor->has_platform)
            g_ptr_array_add(words, image_platform_text(&descriptor->platform));
    }
    g_autofree char *list = list_words(words), *asked = image_platform_text(wanted);
    return image_json_fail(error, what, "has no image for %s; give one of these with --platform: %s", asked, list);
}

/* The best for the platform; NULL with one line where there is none, or more than one. */
static struct image_descriptor *choose(const struct gathering *gathering, const struct image_platform *wanted,
                                       const char *what, GError **error)
{
    struct image_descriptor *best = NULL;
    int best_score = 0;
    bool is_one = true;
    for (guint i = 0; i < gathering->found->len; i++) {
        struct image_descriptor *descriptor = g_ptr_array_index(gathering->found, i);
        if (!descriptor->has_platform)
            read_platform(gathering->source, descriptor);
        int score = descriptor->has_platform ? image_platform_score(wanted, &descriptor->platform) : 0;
        if (score > best_score)
            best = descriptor;
        is_one = score > best_score || (is_one && score < best_score) || score == 0;
        best_score = MAX(score, best_score);
    }
    if (best == NULL) {
        fail_platform(gathering, wanted, what, error);
    } else if (!is_one) {
        g_autofree char *tags = list_words(gathering->tags);
        image_json_fail(error, what, "has several images; say which one with a tag behind a colon: %s", tags);
        best = NULL;
    }
    return best;
}

static gboolean choose_any(const struct gathering *gathering, const char *platform, const char *what,
                           struct image_descriptor *ret, GError **error)
{
    if (gathering->found->len == 0) {
        g_autofree char *tags = list_words(gathering->tags), *tag = text_word(gathering->tag ? gathering->tag : "");
        return gathering->tag != NULL
                   ? image_json_fail(error, what, "has no image with the tag %s; its tags: %s", tag, tags)
                   : image_json_fail(error, what, "has no image in it");
    }
    struct image_descriptor *best = g_ptr_array_index(gathering->found, 0);
    if (gathering->found->len > 1 || platform != NULL) {
        struct image_platform wanted = {0};
        best = NULL;
        if (image_platform_parse("--platform", platform, &wanted, error))
            best = choose(gathering, &wanted, what, error);
        image_platform_clear(&wanted);
    }
    if (best == NULL)
        return FALSE;
    *ret = *best;
    *best = (struct image_descriptor){.size = -1};
    return TRUE;
}

static gboolean check_version(const struct image_source *source, GError **error)
{
    size_t size;
    const char *version = NULL;
    g_autofree char *what = image_source_name(source, "oci-layout");
    if (!image_source_has(source, "oci-layout")) {
        /* What skopeo calls "dir:" has a manifest.json too, and a version. */
        bool is_docker = image_source_has(source, "manifest.json") && !image_source_has(source, "version");
        return image_json_fail(error, what, "is missing; it is %s",
                               is_docker ? "an archive of docker save, read it with docker-archive:FILE"
                                         : "no OCI layout");
    }
    g_autofree char *text = image_source_read(source, "oci-layout", &size, error);
    json_t *json = text != NULL ? image_json_parse(text, size, what, error) : NULL;
    gboolean done = json != NULL && image_json_string(json, "imageLayoutVersion", what, &version, error);
    if (done && (version == NULL || !g_str_has_prefix(version, "1.")))
        done = image_json_fail(error, what, "its \"imageLayoutVersion\" is not 1.0.0");
    json_decref(json);
    return done;
}

gboolean image_index_choose(const struct image_source *source, const char *tag, const char *platform,
                            struct image_descriptor *ret, GError **error)
{
    size_t size;
    if (!check_version(source, error))
        return FALSE;
    struct gathering gathering = {.source = source, .tag = tag};
    gathering.found = g_ptr_array_new_with_free_func(free_descriptor);
    gathering.tags = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *what = image_source_name(source, "index.json");
    g_autofree char *text = image_source_read(source, "index.json", &size, error);
    json_t *index = text != NULL ? image_json_parse(text, size, what, error) : NULL;
    gboolean done = index != NULL && gather(&gathering, index, what, NULL, 0, error) &&
                    choose_any(&gathering, platform, what, ret, error);
    json_decref(index);
    g_ptr_array_free(gathering.found, TRUE);
    g_ptr_array_free(gathering.tags, TRUE);
    return done;
}
