#include "image_config.h"
#include "image_config_parse.h"

#include "image_digest.h"
#include "image_json.h"
#include "text.h"

#include <string.h>

void image_config_init(struct image_config *config)
{
    *config = (struct image_config){
        .env = g_new0(char *, 1),
        .entrypoint = g_new0(char *, 1),
        .cmd = g_new0(char *, 1),
        .volumes = g_new0(char *, 1),
    };
}

void image_config_clear(struct image_config *config)
{
    g_free(config->user);
    g_strfreev(config->env);
    g_strfreev(config->entrypoint);
    g_strfreev(config->cmd);
    g_free(config->working_dir);
    g_free(config->stop_signal);
    g_strfreev(config->volumes);
    g_free(config->os);
    g_free(config->architecture);
    g_free(config->variant);
    *config = (struct image_config){0};
}

/* An empty string is how docker writes "not said". */
static gboolean take_string(const json_t *object, const char *key, const char *what, char **ret, GError **error)
{
    const char *value = NULL;
    if (!image_json_string(object, key, what, &value, error))
        return FALSE;
    g_free(*ret);
    *ret = value != NULL && *value != '\0' ? g_strdup(value) : NULL;
    return TRUE;
}

static gboolean take_list(const json_t *object, const char *key, const char *what, gboolean allow_string, char ***ret,
                          GError **error)
{
    char **list;
    if (!image_json_strings(object, key, what, allow_string, &list, error))
        return FALSE;
    g_strfreev(*ret);
    *ret = list;
    return TRUE;
}

/* {"/data": {}}: the keys are what is meant. */
static gboolean take_volumes(json_t *object, const char *what, char ***ret, GError **error)
{
    json_t *volumes;
    if (!image_json_object(object, "Volumes", what, &volumes, error))
        return FALSE;
    char **list = g_new0(char *, json_object_size(volumes) + 1);
    size_t n = 0;
    const char *path;
    json_t *value;
    json_object_foreach(volumes, path, value)
    {
        if (*path != '/') {
            g_autofree char *shown = text_word(path);
            g_strfreev(list);
            return image_json_fail(error, what, "\"Volumes\": %s is no absolute path", shown);
        }
        list[n++] = g_strdup(path);
    }
    g_strfreev(*ret);
    *ret = list;
    return TRUE;
}

static gboolean read_process(json_t *root, const char *what, struct image_config *ret, GError **error)
{
    json_t *config;
    if (!image_json_object(root, "config", what, &config, error))
        return FALSE;
    if (config == NULL)
        return TRUE;
    return take_string(config, "User", what, &ret->user, error) &&
           take_list(config, "Env", what, FALSE, &ret->env, error) &&
           take_list(config, "Entrypoint", what, TRUE, &ret->entrypoint, error) &&
           take_list(config, "Cmd", what, TRUE, &ret->cmd, error) &&
           take_string(config, "WorkingDir", what, &ret->working_dir, error) &&
           take_string(config, "StopSignal", what, &ret->stop_signal, error) &&
           take_volumes(config, what, &ret->volumes, error);
}

static gboolean read_diff_ids(const json_t *root, const char *what, char ***ret, GError **error)
{
    json_t *rootfs;
    if (!image_json_object(root, "rootfs", what, &rootfs, error))
        return FALSE;
    if (rootfs == NULL)
        return image_json_fail(error, what,
                               "there is no \"rootfs\" in it; it is no image's configuration, or one of "
                               "before docker 1.10");
    g_auto(GStrv) list = NULL;
    if (!take_list(rootfs, "diff_ids", what, FALSE, &list, error))
        return FALSE;
    if (g_strv_length(list) > IMAGE_LAYERS_MAX)
        return image_json_fail(error, what, "the image has more than %d layers", IMAGE_LAYERS_MAX);
    for (char **id = list; *id != NULL; id++) {
        if (!image_digest_is_sha256(*id)) {
            g_autofree char *shown = text_word(*id);
            return image_json_fail(error, what, "\"diff_ids\": %s is not sha256: and 64 hexadecimal digits", shown);
        }
    }
    *ret = g_steal_pointer(&list);
    return TRUE;
}

static gboolean read_all(json_t *root, const char *what, struct image_config *ret, char ***ret_diff_ids, GError **error)
{
    if (!json_is_object(root))
        return image_json_fail(error, what, "is not a JSON object");
    return read_process(root, what, ret, error) && take_string(root, "os", what, &ret->os, error) &&
           take_string(root, "architecture", what, &ret->architecture, error) &&
           take_string(root, "variant", what, &ret->variant, error) && read_diff_ids(root, what, ret_diff_ids, error);
}

gboolean image_config_parse(const char *text, size_t size, const char *what, struct image_config *ret,
                            char ***ret_diff_ids, GError **error)
{
    json_t *root = image_json_parse(text, size, what, error);
    if (root == NULL)
        return FALSE;
    image_config_init(ret);
    gboolean done = read_all(root, what, ret, ret_diff_ids, error);
    json_decref(root);
    if (!done)
        image_config_clear(ret);
    return done;
}
