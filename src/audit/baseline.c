#include "baseline.h"

#include "app_error.h"
#include "fact.h"
#include "json_bytes.h"
#include "pattern.h"
#include "text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA_OF_ANY "rofuse.baseline/"
#define SCHEMA SCHEMA_OF_ANY "1"
#define MOST_BYTES ((gsize)16 << 20)

static void free_place(void *data)
{
    struct baseline_place *place = data;
    g_free(place->place);
    g_free(place->program);
    g_free(place->why);
    g_free(place);
}

static int compare_places(const struct baseline_place *left, const struct baseline_place *right)
{
    int order = strcmp(left->place, right->place);
    if (order == 0)
        order = strcmp(left->program, right->program);
    return order != 0 ? order : strcmp(left->why, right->why);
}

static int compare(const void *a, const void *b)
{
    return compare_places(*(struct baseline_place *const *)a, *(struct baseline_place *const *)b);
}

/* Whether a place, which may be a pattern, stands for another one of the same program and reason. */
static bool covers(const struct baseline_place *wide, const struct baseline_place *narrow)
{
    return strcmp(wide->program, narrow->program) == 0 && strcmp(wide->why, narrow->why) == 0 &&
           (strcmp(wide->place, narrow->place) == 0 ||
            (strchr(wide->place, '*') != NULL && pattern_covers(wide->place, narrow->place)));
}

static bool is_covered_by_others(const GPtrArray *places, guint at)
{
    for (guint i = 0; i < places->len; i++) {
        if (i != at && covers(g_ptr_array_index(places, i), g_ptr_array_index(places, at)))
            return true;
    }
    return false;
}

/* In order, and each once: what a pattern stands for has other names in the next run. */
static GPtrArray *tidy(GPtrArray *places)
{
    g_ptr_array_sort(places, compare);
    for (guint i = places->len; i > 0; i--) {
        if (is_covered_by_others(places, i - 1))
            g_ptr_array_remove_index(places, i - 1);
    }
    return places;
}

GPtrArray *baseline_from_facts(const GPtrArray *facts)
{
    GPtrArray *places = g_ptr_array_new_with_free_func(free_place);
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        struct baseline_place *place = g_new0(struct baseline_place, 1);
        place->place = g_strdup(fact->place);
        place->program = fact->executable != NULL ? g_strdup(fact->executable) : fact_program(fact);
        place->why = g_strdup(denial_why_name(fact->why));
        g_ptr_array_add(places, place);
    }
    return tidy(places);
}

static gboolean fail(GError **error, const char *path, const char *what)
{
    g_autofree char *shown = text_word(path);
    return app_error_usage(error, "%s: %s; --update writes it anew", shown, what);
}

/* --update does not write over it. */
static gboolean fail_foreign(GError **error, const char *path, const char *what)
{
    g_autofree char *shown = text_word(path);
    return app_error_usage(error, "%s is no baseline: %s; name one, or a file that is not there for --update to write",
                           shown, what);
}

static gboolean read_place(const json_t *json, const char *path, GPtrArray *places, GError **error)
{
    struct baseline_place *place = g_new0(struct baseline_place, 1);
    place->place = json_bytes_get(json, "place");
    place->program = json_bytes_get(json, "program");
    place->why = json_bytes_get(json, "why");
    g_ptr_array_add(places, place);
    if (place->place != NULL && place->program != NULL && place->why != NULL)
        return TRUE;
    g_autofree char *what = g_strdup_printf("places[%u] has no \"place\", \"program\" or \"why\"", places->len - 1);
    return fail(error, path, what);
}

/* One of another version is not to be taken for something else. */
static gboolean check_schema(const char *path, const json_t *json, GError **error)
{
    const char *schema = json_string_value(json_object_get(json, "schema"));
    if (schema != NULL && strcmp(schema, SCHEMA) == 0 && json_is_array(json_object_get(json, "places")))
        return TRUE;
    if (schema == NULL || !g_str_has_prefix(schema, SCHEMA_OF_ANY))
        return fail_foreign(error, path, "its schema is not " SCHEMA);
    if (strcmp(schema, SCHEMA) == 0)
        return fail(error, path, "it has no list of \"places\"");
    g_autofree char *shown = text_word(schema);
    g_autofree char *what = g_strdup_printf("it is a %s, and this rofuse knows " SCHEMA, shown);
    return fail(error, path, what);
}

static gboolean read_places(const char *path, const char *text, gsize size, GPtrArray *places, GError **error)
{
    json_error_t why;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL) {
        g_autofree char *what = g_strdup_printf("line %d, column %d: %s", why.line, why.column, why.text);
        return fail_foreign(error, path, what);
    }
    const json_t *list = json_object_get(json, "places"), *item;
    gboolean done = check_schema(path, json, error);
    size_t i;
    json_array_foreach((json_t *)list, i, item)
    {
        done = done && read_place(item, path, places, error);
        if (!done)
            break;
    }
    json_decref(json);
    return done;
}

/* Of GLib's line, which names the file once more, or one beside it that nobody has given. */
static const char *reason_of(const GError *why)
{
    const char *colon = strrchr(why->message, ':');
    const char *reason = colon != NULL ? colon + 1 : why->message;
    return reason + strspn(reason, " ");
}

GPtrArray *baseline_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize size;
    g_autoptr(GError) why = NULL;
    g_autofree char *shown = text_word(path);
    if (!g_file_get_contents(path, &text, &size, &why)) {
        if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            app_error_failed(error, "there is no baseline %s; --update writes it", shown);
        else
            app_error_failed(error, "the baseline %s cannot be read: %s", shown, reason_of(why));
        return NULL;
    }
    if (size > MOST_BYTES) {
        app_error_usage(error, "the baseline %s is too large to be one", shown);
        return NULL;
    }
    GPtrArray *places = g_ptr_array_new_with_free_func(free_place);
    if (read_places(path, text, size, places, error))
        return tidy(places);
    g_ptr_array_unref(places);
    return NULL;
}

json_t *baseline_to_json(const GPtrArray *places)
{
    json_t *list = json_array();
    for (guint i = 0; i < places->len; i++) {
        const struct baseline_place *place = g_ptr_array_index(places, i);
        json_t *object = json_object();
        json_bytes_set(object, "place", place->place);
        json_bytes_set(object, "program", place->program);
        json_object_set_new(object, "why", json_string(place->why));
        json_array_append_new(list, object);
    }
    return list;
}

char *baseline_text(const GPtrArray *places)
{
    json_t *json = json_pack("{s:s, s:o}", "schema", SCHEMA, "places", baseline_to_json(places));
    char *dumped = json_dumps(json, JSON_INDENT(2));
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(json);
    return text;
}

static gboolean fail_write(GError **error, const char *path, const GError *why)
{
    g_autofree char *shown = text_word(path);
    g_autofree char *directory = g_path_get_dirname(path);
    if (!g_file_test(directory, G_FILE_TEST_EXISTS)) {
        g_autofree char *quoted = text_word(directory);
        return app_error_failed(error,
                                "the baseline %s cannot be written: there is no directory %s; make it: mkdir -p %s",
                                shown, quoted, quoted);
    }
    return app_error_failed(error, "the baseline %s cannot be written: %s", shown, reason_of(why));
}

/* @why: of stat(). Where nothing is, there is nothing to lose; a link would be. */
static gboolean check_none(const char *path, int why, GError **error)
{
    struct stat link;
    g_autofree char *shown = text_word(path);
    if (why != ENOENT)
        return app_error_failed(error, "the baseline %s cannot be written: %s", shown, g_strerror(why));
    return lstat(path, &link) != 0 ||
           app_error_usage(error, "%s is a symbolic link to what is not there; name another file, or remove it", shown);
}

/* A slip of the hand, --baseline compose.yaml, costs nothing: only an empty file and a baseline are written over. */
static gboolean check_old(const char *path, GError **error)
{
    struct stat st;
    g_autofree char *text = NULL, *shown = text_word(path);
    gsize size = 0;
    if (stat(path, &st) != 0)
        return check_none(path, errno, error);
    if (!S_ISREG(st.st_mode))
        return app_error_usage(error, "%s is no regular file and is not written over; name another file", shown);
    bool is_small = (guint64)st.st_size <= MOST_BYTES;
    g_autoptr(GError) why = NULL;
    if (is_small && !g_file_get_contents(path, &text, &size, &why))
        return app_error_failed(
            error, "%s is there, cannot be read (%s), and is not written over; name another file, or remove it", shown,
            reason_of(why));
    if (is_small && size == 0)
        return TRUE;
    json_t *json = is_small ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *schema = json_string_value(json_object_get(json, "schema"));
    bool is_baseline = schema != NULL && g_str_has_prefix(schema, SCHEMA_OF_ANY);
    json_decref(json);
    return is_baseline ||
           app_error_usage(error, "%s is there and is no baseline; name another file, or remove it", shown);
}

gboolean baseline_write(const char *path, const GPtrArray *places, GError **error)
{
    g_autofree char *text = baseline_text(places);
    g_autoptr(GError) why = NULL;
    if (!check_old(path, error))
        return FALSE;
    /* Where the link leads: the file is replaced, not the link. */
    char *resolved = realpath(path, NULL);
    gboolean done = g_file_set_contents_full(resolved != NULL ? resolved : path, text, -1,
                                             G_FILE_SET_CONTENTS_CONSISTENT, 0644, &why);
    free(resolved);
    return done || fail_write(error, path, why);
}

/* Names that change are one pattern only where there were some of them: a run with fewer of them has them one by one. */
static bool is_among(const struct baseline_place *place, const GPtrArray *other, bool stands_for_some)
{
    for (guint i = 0; i < other->len; i++) {
        const struct baseline_place *one = g_ptr_array_index(other, i);
        if (covers(one, place) || (stands_for_some && covers(place, one)))
            return true;
    }
    return false;
}

/* @stand_for_some: a place is there, too, where one is that it stands for. */
static GPtrArray *those_not_among(const GPtrArray *places, const GPtrArray *other, bool stand_for_some)
{
    GPtrArray *missing = g_ptr_array_new();
    for (guint i = 0; i < places->len; i++) {
        const struct baseline_place *place = g_ptr_array_index(places, i);
        if (!is_among(place, other, stand_for_some))
            g_ptr_array_add(missing, (void *)place);
    }
    return missing;
}

GPtrArray *baseline_new(const GPtrArray *known, const GPtrArray *places)
{
    return those_not_among(places, known, false);
}

GPtrArray *baseline_gone(const GPtrArray *known, const GPtrArray *places)
{
    return those_not_among(known, places, true);
}
