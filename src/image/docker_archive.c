/*
 * docker_archive - what docker save writes: manifest.json, a list of {Config, RepoTags, Layers}.
 *
 * Source: moby's image/tarexport. Today's archives keep blobs/sha256/HEX and are OCI layouts too; older ones HEX.json and
 * ID/layer.tar, where a layer that comes twice is a link.
 */
#include "image_plan.h"

#include "image_digest.h"
#include "image_json.h"
#include "image_name.h"
#include "text.h"

#include <string.h>

static gboolean has_tag(char **tags, const char *name, gboolean (*is_same)(const char *tag, const char *name))
{
    for (char **tag = tags; *tag != NULL; tag++) {
        if (is_same(*tag, name))
            return TRUE;
    }
    return FALSE;
}

static gboolean fail_choice(const json_t *list, const char *what, const char *name, GError **error)
{
    GString *all = g_string_new(NULL);
    for (size_t i = 0; i < MIN(json_array_size(list), 20); i++) {
        const json_t *tags = json_object_get(json_array_get(list, i), "RepoTags");
        for (size_t j = 0; j < MIN(json_array_size(tags), 20); j++) {
            const char *tag = json_string_value(json_array_get(tags, j));
            g_autofree char *shown = text_word(tag != NULL ? tag : "");
            g_string_append_printf(all, "%s%s", all->len > 0 ? ", " : "", shown);
        }
    }
    g_autofree char *shown = text_word(name != NULL ? name : "");
    gboolean done = name != NULL ? image_json_fail(error, what, "has no image %s; it has: %s", shown, all->str)
                                 : image_json_fail(error, what, "has %zu images; say which one behind a colon: %s",
                                                   json_array_size(list), all->len > 0 ? all->str : "@0, @1, ...");
    g_string_free(all, TRUE);
    return done;
}

/* The image that is meant: by one of its tags, or by "@NUMBER" as for skopeo; the only one where @name is NULL. An item of
 * the wrong form ends it with one line; without one, none is meant. */
static const json_t *find(const json_t *list, const char *what, const char *name,
                          gboolean (*is_same)(const char *tag, const char *name), char ***ret_tags, GError **error)
{
    guint64 number = G_MAXUINT64;
    if (name != NULL && *name == '@' && !g_ascii_string_to_unsigned(name + 1, 10, 0, 100000, &number, NULL))
        number = G_MAXUINT64;
    for (size_t i = 0; i < json_array_size(list); i++) {
        g_auto(GStrv) tags = NULL;
        const json_t *item = json_array_get(list, i);
        if (!json_is_object(item)) {
            image_json_fail(error, what, "item %zu is not an object", i + 1);
            return NULL;
        }
        if (!image_json_strings(item, "RepoTags", what, FALSE, &tags, error))
            return NULL;
        if (name == NULL ? json_array_size(list) == 1 : i == number || has_tag(tags, name, is_same)) {
            *ret_tags = g_steal_pointer(&tags);
            return item;
        }
    }
    return NULL;
}

static const json_t *choose(const json_t *list, const char *what, const char *name, char ***ret_tags, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const json_t *item = find(list, what, name, image_name_equal, ret_tags, &cause);
    if (item == NULL && cause == NULL && name != NULL)
        item = find(list, what, name, image_name_is_local, ret_tags, &cause);
    if (item != NULL)
        return item;
    if (cause != NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    else if (json_array_size(list) == 0)
        image_json_fail(error, what, "has no image in it");
    else
        fail_choice(list, what, name, error);
    return NULL;
}

/* The file's name is the digest, "HEX.json" or "blobs/sha256/HEX"; other names say nothing. Owned; NULL = none. */
static char *digest_in_name(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *algorithm = g_path_get_basename(directory);
    if (g_str_has_suffix(base, ".json"))
        base[strlen(base) - strlen(".json")] = '\0';
    g_autofree char *digest = g_strconcat(g_str_has_prefix(path, "blobs/") ? algorithm : "sha256", ":", base, NULL);
    return image_digest_is_valid(digest) ? g_steal_pointer(&digest) : NULL;
}

static gboolean check_config(const struct image_plan *plan, const char *path, const char *what, GError **error)
{
    g_autofree char *digest = digest_in_name(path);
    if (digest == NULL)
        return TRUE;
    GChecksum *checksum = image_digest_checksum(digest);
    g_checksum_update(checksum, (const guchar *)plan->config_text, (gssize)plan->config_size);
    gboolean done = image_digest_matches(digest, checksum);
    g_checksum_free(checksum);
    if (!done)
        image_json_fail(error, what, "has not the digest that is its name; the image is damaged, save it again");
    return done;
}

static gboolean take_image(struct image_plan *plan, const json_t *item, const char *what, GError **error)
{
    const char *config = NULL;
    g_auto(GStrv) layers = NULL;
    if (!image_json_string(item, "Config", what, &config, error) ||
        !image_json_strings(item, "Layers", what, FALSE, &layers, error))
        return FALSE;
    if (config == NULL)
        return image_json_fail(error, what, "an image has no \"Config\"");
    g_autofree char *name = image_source_name(plan->source, config);
    plan->config_text = image_source_read(plan->source, config, &plan->config_size, error);
    if (plan->config_text == NULL || !check_config(plan, config, name, error) ||
        !image_plan_set_config(plan, name, g_strv_length(layers), error))
        return FALSE;
    for (size_t i = 0; i < plan->n_layers; i++) {
        plan->layers[i].path = g_strdup(layers[i]);
        plan->layers[i].digest = g_str_has_prefix(layers[i], "blobs/") ? digest_in_name(layers[i]) : NULL;
    }
    return TRUE;
}

gboolean image_plan_from_docker(struct image_plan *plan, const struct image_ref *ref, GError **error)
{
    size_t size;
    g_autofree char *what = image_source_name(plan->source, "manifest.json");
    if (!image_source_has(plan->source, "manifest.json"))
        return image_json_fail(error, what, "is missing; it is no archive of docker save%s",
                               image_source_has(plan->source, "oci-layout") ? ", read it with oci-archive:FILE" : "");
    g_autofree char *text = image_source_read(plan->source, "manifest.json", &size, error);
    json_t *list = text != NULL ? image_json_parse(text, size, what, error) : NULL;
    if (list == NULL)
        return FALSE;
    gboolean done = FALSE;
    if (!json_is_array(list)) {
        image_json_fail(error, what, "is not a JSON list");
    } else {
        const json_t *item = choose(list, what, ref->name, &plan->names, error);
        done = item != NULL && take_image(plan, item, what, error);
    }
    json_decref(list);
    return done;
}
