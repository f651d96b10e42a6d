#include "image_record.h"

#include "app_error.h"
#include "image_config_parse.h"
#include "image_digest.h"
#include "image_json.h"
#include "image_name.h"
#include "image_platform.h"
#include "image_store.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "rofuse.image/1"
#define SHORT_ID 12

void image_record_free(struct image_record *record)
{
    if (record == NULL)
        return;
    g_free(record->id);
    g_free(record->manifest);
    g_strfreev(record->names);
    g_strfreev(record->diff_ids);
    g_strfreev(record->digests);
    image_config_clear(&record->config);
    g_free(record);
}

static void free_record(gpointer data)
{
    image_record_free(data);
}

static json_t *to_array(char **words)
{
    json_t *array = json_array();
    for (char **word = words; *word != NULL; word++)
        json_array_append_new(array, json_string(*word));
    return array;
}

static gboolean parse(const json_t *json, const char *what, struct image_record *record, GError **error)
{
    const char *schema = NULL, *manifest = NULL;
    if (!image_json_string(json, "schema", what, &schema, error) ||
        !image_json_string(json, "manifest", what, &manifest, error) ||
        !image_json_strings(json, "names", what, FALSE, &record->names, error) ||
        !image_json_strings(json, "digests", what, FALSE, &record->digests, error))
        return FALSE;
    record->manifest = g_strdup(manifest);
    record->created = json_integer_value(json_object_get(json, "created"));
    if (g_strcmp0(schema, SCHEMA) != 0 || g_strv_length(record->digests) != g_strv_length(record->diff_ids))
        return image_json_fail(error, what, "is none of this version; import the image again");
    return TRUE;
}

static char *read_text(const char *path, size_t *ret_size, GError **error)
{
    char *text = NULL;
    g_autoptr(GError) problem = NULL;
    if (!g_file_get_contents(path, &text, ret_size, &problem))
        image_json_fail(error, path, "cannot be read; import the image again");
    return text;
}

static struct image_record *read_record(const char *store, const char *id, GError **error)
{
    g_autofree char *directory = image_store_image_dir(store, id);
    g_autofree char *config = g_build_filename(directory, "config.json", NULL);
    g_autofree char *image = g_build_filename(directory, "image.json", NULL);
    g_autofree char *config_text = NULL, *image_text = NULL;
    gsize config_size, image_size;
    struct image_record *record = g_new0(struct image_record, 1);
    record->id = g_strdup(id);
    json_t *json = NULL;
    gboolean done = (config_text = read_text(config, &config_size, error)) != NULL &&
                    (image_text = read_text(image, &image_size, error)) != NULL &&
                    image_config_parse(config_text, config_size, config, &record->config, &record->diff_ids, error);
    json = done ? image_json_parse(image_text, image_size, image, error) : NULL;
    done = json != NULL && parse(json, image, record, error);
    json_decref(json);
    if (done)
        return record;
    image_record_free(record);
    return NULL;
}

static gint compare_records(gconstpointer a, gconstpointer b)
{
    const struct image_record *const *left = a, *const *right = b;
    const char *left_name = (*left)->names[0], *right_name = (*right)->names[0];
    /* Those without a name stand last. */
    if (left_name == NULL || right_name == NULL)
        return left_name == right_name ? strcmp((*left)->id, (*right)->id) : left_name == NULL ? 1 : -1;
    return strcmp(left_name, right_name);
}

GPtrArray *image_record_read_all(const char *store)
{
    GPtrArray *records = g_ptr_array_new_with_free_func(free_record);
    g_autofree char *directory = g_build_filename(store, "images", NULL);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *id = g_strconcat("sha256:", name, NULL);
        struct image_record *record = image_digest_is_valid(id) ? read_record(store, id, NULL) : NULL;
        if (record != NULL)
            g_ptr_array_add(records, record);
    }
    if (listing != NULL)
        g_dir_close(listing);
    g_ptr_array_sort(records, compare_records);
    return records;
}

static gboolean is_exact(const char *name, const char *word)
{
    return strcmp(name, word) == 0;
}

/* In which ways a word can mean a name, the nearest first. */
static gboolean (*const ways[])(const char *name, const char *word) = {is_exact, image_name_equal, image_name_is_local};

static const char *find_name(const struct image_record *record, const char *word, size_t way)
{
    for (char **name = record->names; *name != NULL; name++) {
        if (ways[way](*name, word))
            return *name;
    }
    return NULL;
}

const char *image_record_name_for(const struct image_record *record, const char *word)
{
    const char *found = NULL;
    for (size_t way = 0; found == NULL && way < G_N_ELEMENTS(ways); way++)
        found = find_name(record, word, way);
    return found;
}

static gboolean has_equal_name(const struct image_record *record, const char *word)
{
    for (char **name = record->names; *name != NULL; name++) {
        if (image_name_equal(*name, word))
            return TRUE;
    }
    return FALSE;
}

static gboolean has_id(const struct image_record *record, const char *word)
{
    const char *hex = g_str_has_prefix(word, "sha256:") ? word + strlen("sha256:") : word;
    return strlen(hex) >= 4 && g_str_has_prefix(image_digest_hex(record->id), hex);
}

/* By a name, in one of the ways. */
static struct image_record *find_by_name(GPtrArray *records, const char *word, size_t way)
{
    for (guint i = records->len; i-- > 0;) {
        if (find_name(g_ptr_array_index(records, i), word, way) != NULL)
            return g_ptr_array_steal_index(records, i);
    }
    return NULL;
}

struct image_record *image_record_find(const char *store, const char *word, GError **error)
{
    g_autoptr(GPtrArray) records = image_record_read_all(store);
    g_autofree char *shown = text_word(word);
    struct image_record *record = NULL;
    for (size_t way = 0; record == NULL && way < G_N_ELEMENTS(ways); way++)
        record = find_by_name(records, word, way);
    if (record != NULL)
        return record;
    guint found = 0, last = 0;
    for (guint i = 0; i < records->len; i++) {
        if (has_id(g_ptr_array_index(records, i), word)) {
            found++;
            last = i;
        }
    }
    if (found == 1)
        return g_ptr_array_steal_index(records, last);
    if (found > 1)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s is the beginning of %u images' ids; write more of it",
                    shown, found);
    else
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "there is no image %s in %s; rofuse image ls shows what there is, rofuse image import brings one "
                    "in (a directory is written ./DIR)",
                    shown, store);
    return NULL;
}

static json_t *to_json(const struct image_record *record)
{
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string(SCHEMA));
    json_object_set_new(json, "manifest", record->manifest != NULL ? json_string(record->manifest) : json_null());
    json_object_set_new(json, "names", to_array(record->names));
    json_object_set_new(json, "digests", to_array(record->digests));
    json_object_set_new(json, "created", json_integer(record->created));
    return json;
}

gboolean image_record_write(const char *store, const struct image_record *record, GError **error)
{
    g_autofree char *directory = image_store_image_dir(store, record->id);
    json_t *json = to_json(record);
    gboolean done = image_store_write_json(directory, "image.json", json, error);
    json_decref(json);
    return done;
}

gboolean image_record_drop_name(struct image_record *record, const char *name)
{
    char **to = record->names;
    gboolean is_dropped = FALSE;
    for (char **from = record->names; *from != NULL; from++) {
        if (image_name_equal(*from, name)) {
            g_free(*from);
            is_dropped = TRUE;
        } else {
            *to++ = *from;
        }
    }
    *to = NULL;
    return is_dropped;
}

static void add_name(struct image_record *record, const char *name)
{
    if (has_equal_name(record, name))
        return;
    guint n = g_strv_length(record->names);
    record->names = g_renew(char *, record->names, n + 2);
    record->names[n] = g_strdup(name);
    record->names[n + 1] = NULL;
}

/* A name is one image's. With the store's lock. */
static gboolean take_names(const char *store, const char *id, char **names, GError **error)
{
    g_autoptr(GPtrArray) records = image_record_read_all(store);
    gboolean done = TRUE;
    for (guint i = 0; done && i < records->len; i++) {
        struct image_record *record = g_ptr_array_index(records, i);
        gboolean is_changed = FALSE;
        for (char **name = names; strcmp(record->id, id) != 0 && *name != NULL; name++)
            is_changed |= image_record_drop_name(record, *name);
        done = !is_changed || image_record_write(store, record, error);
    }
    return done;
}

static struct image_record *new_record(const struct image_plan *plan)
{
    struct image_record *record = g_new0(struct image_record, 1);
    record->id = g_strdup(plan->id);
    record->manifest = g_strdup(plan->manifest);
    record->names = g_new0(char *, 1);
    record->digests = g_new0(char *, plan->n_layers + 1);
    for (size_t i = 0; i < plan->n_layers; i++)
        record->digests[i] = g_strdup(plan->layers[i].digest != NULL ? plan->layers[i].digest : "");
    record->created = g_get_real_time() / G_USEC_PER_SEC;
    return record;
}

/* Holds what is there. One that cannot be read, as after a loss of power, is removed: a new import is to mend it. */
static int hold_whole(const char *store, const char *id, const char *directory)
{
    int hold = image_store_hold(directory);
    struct image_record *record = hold >= 0 ? read_record(store, id, NULL) : NULL;
    if (hold < 0 || record != NULL) {
        image_record_free(record);
        return hold;
    }
    close(hold);
    int lock = image_store_lock(store, NULL);
    if (lock >= 0) {
        (void)image_store_remove(store, directory, NULL);
        close(lock);
    }
    return -1;
}

/* Makes STORE/images/HEX, whole, unless it is there. */
static int make_directory(const char *store, const struct image_plan *plan, GError **error)
{
    g_autofree char *directory = image_store_image_dir(store, plan->id);
    int hold = hold_whole(store, plan->id, directory);
    if (hold >= 0)
        return hold;
    struct image_tmp tmp;
    struct image_record *record = new_record(plan);
    json_t *json = to_json(record);
    if (image_tmp_make(store, &tmp, error)) {
        if (image_store_write(tmp.path, "config.json", plan->config_text, plan->config_size, error) &&
            image_store_write_json(tmp.path, "image.json", json, error))
            hold = image_tmp_keep(store, &tmp, directory, error);
        image_tmp_clear(&tmp);
    }
    json_decref(json);
    image_record_free(record);
    return hold;
}

static gboolean set_names(const char *store, const char *id, char **names, GError **error)
{
    int lock = image_store_lock(store, error);
    if (lock < 0)
        return FALSE;
    struct image_record *record = read_record(store, id, error);
    gboolean done = record != NULL;
    guint before = done ? g_strv_length(record->names) : 0;
    for (char **name = names; done && *name != NULL; name++)
        add_name(record, *name);
    if (done && g_strv_length(record->names) != before)
        done = take_names(store, id, names, error) && image_record_write(store, record, error);
    image_record_free(record);
    close(lock);
    return done;
}

gboolean image_record_keep(const char *store, const struct image_plan *plan, char **names, int *ret_hold,
                           GError **error)
{
    int hold = make_directory(store, plan, error);
    if (hold < 0)
        return FALSE;
    if (!set_names(store, plan->id, names, error)) {
        close(hold);
        return FALSE;
    }
    *ret_hold = hold;
    return TRUE;
}

char *image_record_title(const struct image_record *record)
{
    return record->names[0] != NULL ? g_strdup(record->names[0]) : g_strndup(image_digest_hex(record->id), SHORT_ID);
}

char *image_record_title_for(const struct image_record *record, const char *word)
{
    const char *name = image_record_name_for(record, word);
    return name != NULL ? g_strdup(name) : image_record_title(record);
}

gboolean image_record_check_platform(const struct image_record *record, const char *platform, GError **error)
{
    struct image_platform wanted = {0}, has = {0};
    if (platform == NULL)
        return TRUE;
    if (!image_platform_parse("--platform", platform, &wanted, error))
        return FALSE;
    image_platform_set(&has, record->config.os, record->config.architecture, record->config.variant);
    gboolean done = image_platform_score(&wanted, &has) > 0;
    g_autofree char *its = image_platform_text(&has), *title = image_record_title(record);
    g_autofree char *shown = text_word(title);
    if (!done)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the image %s is for %s; import it for --platform %s", shown,
                    its, platform);
    image_platform_clear(&wanted);
    image_platform_clear(&has);
    return done;
}
