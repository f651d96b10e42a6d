#include "image_describe.h"

#include "image_digest.h"
#include "image_platform.h"
#include "image_progress.h"
#include "image_store.h"
#include "json_bytes.h"
#include "text.h"
#include "text_table.h"

#include <string.h>

#define SHORT_ID 12

struct image_record *image_describe_plan(const struct image_plan *plan)
{
    struct image_record *record = g_new0(struct image_record, 1);
    record->id = g_strdup(plan->id);
    record->manifest = g_strdup(plan->manifest);
    record->names = g_strdupv(plan->names);
    record->diff_ids = g_new0(char *, plan->n_layers + 1);
    record->digests = g_new0(char *, plan->n_layers + 1);
    for (size_t i = 0; i < plan->n_layers; i++) {
        record->diff_ids[i] = g_strdup(plan->layers[i].diff_id);
        record->digests[i] = g_strdup(plan->layers[i].digest != NULL ? plan->layers[i].digest : "");
    }
    const struct image_config *config = &plan->config;
    record->config = (struct image_config){
        .user = g_strdup(config->user),
        .env = g_strdupv(config->env),
        .entrypoint = g_strdupv(config->entrypoint),
        .cmd = g_strdupv(config->cmd),
        .working_dir = g_strdup(config->working_dir),
        .stop_signal = g_strdup(config->stop_signal),
        .volumes = g_strdupv(config->volumes),
        .os = g_strdup(config->os),
        .architecture = g_strdup(config->architecture),
        .variant = g_strdup(config->variant),
    };
    return record;
}

static char *platform_text(const struct image_record *record)
{
    struct image_platform platform = {0};
    image_platform_set(&platform, record->config.os, record->config.architecture, record->config.variant);
    char *text = image_platform_text(&platform);
    image_platform_clear(&platform);
    return text;
}

static uint64_t total_size(const char *store, const struct image_record *record)
{
    uint64_t total = 0;
    for (char **diff_id = record->diff_ids; *diff_id != NULL; diff_id++) {
        uint64_t size, entries;
        (void)image_store_layer_size(store, *diff_id, &size, &entries);
        total += size;
    }
    return total;
}

static char *date_text(int64_t seconds)
{
    g_autoptr(GDateTime) date = seconds > 0 ? g_date_time_new_from_unix_utc(seconds) : NULL;
    return date != NULL ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ") : NULL;
}

static void set_list(json_t *json, const char *key, char **list)
{
    json_bytes_set_list(json, key, (const char *const *)list, g_strv_length(list));
}

static json_t *config_json(const struct image_config *config)
{
    json_t *json = json_object();
    json_bytes_set(json, "user", config->user);
    set_list(json, "environment", config->env);
    set_list(json, "entrypoint", config->entrypoint);
    set_list(json, "command", config->cmd);
    json_bytes_set(json, "working_dir", config->working_dir);
    json_bytes_set(json, "stop_signal", config->stop_signal);
    set_list(json, "volumes", config->volumes);
    return json;
}

static json_t *layer_json(const char *store, const char *diff_id, const char *digest)
{
    uint64_t size, entries;
    json_t *json = json_object();
    bool is_there = image_store_layer_size(store, diff_id, &size, &entries);
    g_autofree char *path = image_store_layer_tree(store, diff_id);
    json_object_set_new(json, "diff_id", json_string(diff_id));
    json_object_set_new(json, "digest", *digest != '\0' ? json_string(digest) : json_null());
    json_bytes_set(json, "path", is_there ? path : NULL);
    json_object_set_new(json, "size", is_there ? json_integer((json_int_t)size) : json_null());
    json_object_set_new(json, "entries", is_there ? json_integer((json_int_t)entries) : json_null());
    return json;
}

/* What both the list and the description of one have. */
static json_t *summary_json(const char *store, const struct image_record *record)
{
    json_t *json = json_object();
    g_autofree char *platform = platform_text(record), *date = date_text(record->created);
    json_object_set_new(json, "id", json_string(record->id));
    set_list(json, "names", record->names);
    json_bytes_set(json, "platform", platform);
    json_object_set_new(json, "imported", date != NULL ? json_string(date) : json_null());
    json_object_set_new(json, "size", json_integer((json_int_t)total_size(store, record)));
    return json;
}

json_t *image_describe_json(const char *store, const struct image_record *record)
{
    json_t *json = summary_json(store, record), *layers = json_array();
    json_object_set_new(json, "schema", json_string("rofuse.image/1"));
    json_object_set_new(json, "manifest", record->manifest != NULL ? json_string(record->manifest) : json_null());
    json_object_set_new(json, "config", config_json(&record->config));
    for (size_t i = 0; record->diff_ids[i] != NULL; i++)
        json_array_append_new(layers, layer_json(store, record->diff_ids[i], record->digests[i]));
    json_object_set_new(json, "layers", layers);
    return json;
}

static void append_layers(GString *text, const char *store, const struct image_record *record)
{
    for (size_t i = 0; record->diff_ids[i] != NULL; i++) {
        uint64_t size, entries;
        bool is_there = image_store_layer_size(store, record->diff_ids[i], &size, &entries);
        g_autofree char *shown = is_there ? image_size_text(size) : g_strdup("not in the store");
        g_autofree char *line = g_strconcat(record->diff_ids[i], "  ", shown, NULL);
        text_table_append_line(text, i == 0 ? "layers" : "", line);
    }
}

/* With the labels that rofuse config has for the same things. */
char *image_describe_text(const char *store, const struct image_record *record)
{
    GString *text = g_string_new(NULL);
    const struct image_config *config = &record->config;
    g_autofree char *platform = platform_text(record), *date = date_text(record->created);
    g_autofree char *title = image_record_title(record), *shown = text_word(title);
    g_string_append_printf(text, "%s\n", shown);
    if (record->names[0] != NULL)
        text_table_append_list(text, "also", record->names + 1);
    text_table_append_text(text, "id", record->id);
    text_table_append_text(text, "manifest", record->manifest);
    text_table_append_text(text, "platform", platform);
    text_table_append_text(text, "imported", date);
    append_layers(text, store, record);
    text_table_append_list(text, "volumes", config->volumes);
    text_table_append_words(text, "entry", config->entrypoint[0] != NULL ? config->entrypoint : NULL);
    text_table_append_words(text, "command", config->cmd[0] != NULL ? config->cmd : NULL);
    text_table_append_list(text, "env", config->env);
    text_table_append_text(text, "user", config->user);
    text_table_append_text(text, "workdir", config->working_dir);
    text_table_append_text(text, "stop", config->stop_signal);
    return g_string_free(text, FALSE);
}

json_t *image_describe_list_json(const char *store, const GPtrArray *records)
{
    json_t *json = json_object(), *images = json_array();
    json_object_set_new(json, "schema", json_string("rofuse.images/1"));
    for (guint i = 0; i < records->len; i++) {
        const struct image_record *record = g_ptr_array_index(records, i);
        json_t *image = summary_json(store, record);
        json_object_set_new(image, "layers", json_integer(g_strv_length(record->diff_ids)));
        json_array_append_new(images, image);
    }
    json_object_set_new(json, "images", images);
    return json;
}

char *image_describe_list_text(const char *store, const GPtrArray *records)
{
    GString *text = g_string_new(NULL);
    int width = (int)strlen("NAME");
    for (guint i = 0; i < records->len; i++) {
        const struct image_record *record = g_ptr_array_index(records, i);
        for (char **name = record->names; *name != NULL; name++)
            width = MAX(width, (int)g_utf8_strlen(*name, 200));
    }
    g_string_append_printf(text, "%-*s  %-*s  %-14s  %10s  %s\n", width, "NAME", SHORT_ID, "ID", "PLATFORM", "SIZE",
                           "LAYERS");
    for (guint i = 0; i < records->len; i++) {
        const struct image_record *record = g_ptr_array_index(records, i);
        g_autofree char *platform = platform_text(record), *size = image_size_text(total_size(store, record));
        char *none[] = {"-", NULL};
        for (char **name = record->names[0] != NULL ? record->names : none; *name != NULL; name++) {
            g_autofree char *shown = text_word(*name);
            g_string_append_printf(text, "%-*s  %.*s  %-14s  %10s  %u\n", width, shown, SHORT_ID,
                                   image_digest_hex(record->id), platform, size, g_strv_length(record->diff_ids));
        }
    }
    return g_string_free(text, FALSE);
}
