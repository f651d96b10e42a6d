#include "image_plan.h"

#include "app_error.h"
#include "image_config_parse.h"
#include "image_digest.h"
#include "image_index.h"
#include "image_json.h"
#include "image_platform.h"
#include "text.h"

#include <string.h>

gboolean image_plan_set_config(struct image_plan *plan, const char *what, size_t n, GError **error)
{
    g_auto(GStrv) diff_ids = NULL;
    if (!image_config_parse(plan->config_text, plan->config_size, what, &plan->config, &diff_ids, error))
        return FALSE;
    size_t n_ids = g_strv_length(diff_ids);
    if (n_ids != n)
        return image_json_fail(error, what, "has %zu \"diff_ids\" and the manifest %zu layers; the image is damaged",
                               n_ids, n);
    plan->id = image_digest_of(plan->config_text, plan->config_size);
    plan->layers = g_new0(struct image_plan_layer, n + 1);
    plan->n_layers = n;
    for (size_t i = 0; i < n; i++) {
        plan->layers[i].diff_id = g_strdup(diff_ids[i]);
        plan->layers[i].size = -1;
    }
    return TRUE;
}

static gboolean set_layer(struct image_plan_layer *layer, const json_t *json, const char *what, GError **error)
{
    struct image_descriptor descriptor;
    if (!image_descriptor_parse(json, what, &descriptor, error))
        return FALSE;
    gboolean done = image_media_of(descriptor.media_type) == IMAGE_MEDIA_LAYER;
    if (!done) {
        g_autofree char *shown = text_word(descriptor.media_type != NULL ? descriptor.media_type : "");
        image_json_fail(error, what, "a layer of the type %s cannot be unpacked", shown);
    } else {
        layer->digest = g_strdup(descriptor.digest);
        layer->path = image_digest_blob_path(descriptor.digest);
        layer->size = descriptor.size;
    }
    image_descriptor_clear(&descriptor);
    return done;
}

static gboolean read_config(struct image_plan *plan, const json_t *manifest, const char *what, size_t n, GError **error)
{
    struct image_descriptor config;
    if (!image_descriptor_parse(json_object_get(manifest, "config"), what, &config, error))
        return FALSE;
    g_autofree char *path = image_digest_blob_path(config.digest);
    g_autofree char *name = image_source_name(plan->source, path);
    gboolean done = image_media_of(config.media_type) == IMAGE_MEDIA_CONFIG;
    if (!done) {
        g_autofree char *shown = text_word(config.media_type != NULL ? config.media_type : "");
        image_json_fail(error, what, "its configuration has the type %s; that is no container image", shown);
    } else {
        plan->config_text = image_source_read_blob(plan->source, config.digest, config.size, &plan->config_size, error);
        done = plan->config_text != NULL && image_plan_set_config(plan, name, n, error);
    }
    image_descriptor_clear(&config);
    return done;
}

static gboolean read_manifest(struct image_plan *plan, const struct image_descriptor *descriptor, GError **error)
{
    size_t size;
    json_t *layers;
    g_autofree char *path = image_digest_blob_path(descriptor->digest);
    g_autofree char *what = image_source_name(plan->source, path);
    g_autofree char *text = image_source_read_blob(plan->source, descriptor->digest, descriptor->size, &size, error);
    json_t *manifest = text != NULL ? image_json_parse(text, size, what, error) : NULL;
    if (manifest == NULL)
        return FALSE;
    gboolean done = TRUE;
    if (!json_is_object(manifest) || json_object_get(manifest, "config") == NULL)
        done = image_json_fail(error, what, "there is no \"config\" in it; it is no manifest that can be read");
    done = done && image_json_array(manifest, "layers", what, &layers, error) &&
           read_config(plan, manifest, what, json_array_size(layers), error);
    for (size_t i = 0; done && i < plan->n_layers; i++)
        done = set_layer(&plan->layers[i], json_array_get(layers, i), what, error);
    json_decref(manifest);
    plan->manifest = g_strdup(descriptor->digest);
    return done;
}

/* What podman would call it: the full name where there is one, else the file's name with the tag. */
static char **layout_names(const struct image_ref *ref, const struct image_descriptor *descriptor)
{
    char **names = g_new0(char *, 2);
    const char *tag = descriptor->tag != NULL ? descriptor->tag : ref->name;
    if (descriptor->full_name != NULL) {
        names[0] = g_strdup(descriptor->full_name);
    } else if (tag != NULL && strpbrk(tag, ":/") != NULL) {
        names[0] = g_strdup(tag);
    } else {
        g_autofree char *base = g_path_get_basename(ref->path);
        if (ref->kind != IMAGE_OCI && strrchr(base, '.') > base)
            *strchr(base + 1, '.') = '\0';
        g_autofree char *text = g_utf8_make_valid(base, -1);
        names[0] = g_strdup_printf("%s:%s", text, tag != NULL ? tag : "latest");
    }
    return names;
}

/* With --platform the index was asked; without it an only image is taken, and said to be foreign. */
static void note_platform(const struct image_plan *plan, const char *platform)
{
    struct image_platform wanted = {0}, has = {0};
    if (platform != NULL || plan->config.architecture == NULL || !image_platform_parse("", NULL, &wanted, NULL))
        return;
    image_platform_set(&has, plan->config.os, plan->config.architecture, plan->config.variant);
    if (image_platform_score(&wanted, &has) == 0) {
        g_autofree char *its = image_platform_text(&has), *ours = image_platform_text(&wanted);
        g_autofree char *shown = text_word(plan->text);
        app_notice("%s is for %s, and this machine is %s", shown, its, ours);
    }
    image_platform_clear(&wanted);
    image_platform_clear(&has);
}

gboolean image_plan_from_layout(struct image_plan *plan, const struct image_ref *ref, const char *platform,
                                GError **error)
{
    struct image_descriptor descriptor;
    if (!image_index_choose(plan->source, ref->name, platform, &descriptor, error))
        return FALSE;
    gboolean done = read_manifest(plan, &descriptor, error);
    if (done)
        plan->names = layout_names(ref, &descriptor);
    image_descriptor_clear(&descriptor);
    return done;
}

/* A docker archive has one platform for each image. */
static gboolean check_platform(const struct image_plan *plan, const char *platform, GError **error)
{
    struct image_platform wanted = {0}, has = {0};
    if (platform == NULL)
        return TRUE;
    if (!image_platform_parse("--platform", platform, &wanted, error))
        return FALSE;
    image_platform_set(&has, plan->config.os, plan->config.architecture, plan->config.variant);
    g_autofree char *its = image_platform_text(&has), *asked = image_platform_text(&wanted);
    gboolean done = image_platform_score(&wanted, &has) > 0;
    if (!done)
        image_json_fail(error, plan->text, "is for %s; --platform says %s", its, asked);
    image_platform_clear(&wanted);
    image_platform_clear(&has);
    return done;
}

struct image_plan *image_plan_read(const struct image_ref *ref, const struct image_options *options, GError **error)
{
    struct image_plan *plan = g_new0(struct image_plan, 1);
    plan->text = g_strdup(ref->text);
    plan->source = image_source_open(ref, options->store, error);
    gboolean done = plan->source != NULL;
    if (done && ref->kind == IMAGE_DOCKER_ARCHIVE)
        done = image_plan_from_docker(plan, ref, error) && check_platform(plan, options->platform, error);
    else if (done)
        done = image_plan_from_layout(plan, ref, options->platform, error);
    if (done) {
        note_platform(plan, options->platform);
        return plan;
    }
    image_plan_free(plan);
    return NULL;
}

void image_plan_free(struct image_plan *plan)
{
    if (plan == NULL)
        return;
    image_source_free(plan->source);
    for (size_t i = 0; i < plan->n_layers; i++) {
        g_free(plan->layers[i].diff_id);
        g_free(plan->layers[i].digest);
        g_free(plan->layers[i].path);
    }
    g_free(plan->layers);
    g_free(plan->text);
    g_free(plan->id);
    g_free(plan->manifest);
    g_free(plan->config_text);
    image_config_clear(&plan->config);
    g_strfreev(plan->names);
    g_free(plan);
}
