#include "why_text.h"

#include "json_bytes.h"
#include "text.h"
#include "text_table.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* A name of KEY that is safe to print; "?" where it is missing. */
static char *word_of(const json_t *object, const char *key)
{
    g_autofree char *bytes = json_bytes_get(object, key);
    return bytes != NULL ? text_word(bytes) : g_strdup("?");
}

/* Words of ours. */
static char *said(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text_escape(text) : g_strdup("?");
}

/* Words of ours with names in them, which are escaped or quoted already. */
static char *message_of(const json_t *verdict)
{
    const char *text = json_string_value(json_object_get(verdict, "message"));
    return text != NULL ? text_escape_line(text) : g_strdup("?");
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* "directory 0:0 0755". */
static char *owner_words(const json_t *object)
{
    g_autofree char *type = said(object, "type"), *mode = said(object, "mode");
    return g_strdup_printf("%s %" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT " %s", type, number_of(object, "uid"),
                           number_of(object, "gid"), mode);
}

/* How many links to show: of a loop each of them once. */
static size_t links_to_show(const json_t *why, const json_t *links)
{
    size_t n = json_array_size(links);
    if (g_strcmp0(json_string_value(json_object_get(why, "errno")), "ELOOP") != 0)
        return n;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < n; i++)
        if (!g_hash_table_add(seen, word_of(json_array_get(links, i), "path")))
            return i;
    return n;
}

static void append_links(GString *text, const json_t *why)
{
    const json_t *links = json_object_get(why, "links");
    size_t n = links_to_show(why, links);
    for (size_t i = 0; i < n; i++) {
        const json_t *link = json_array_get(links, i);
        g_autofree char *path = word_of(link, "path"), *target = word_of(link, "target");
        g_autofree char *line = g_strdup_printf("%s -> %s", path, target);
        text_table_append_line(text, i == 0 ? "links" : "", line);
    }
    if (n < json_array_size(links))
        text_table_append_line(text, "", "and so on, a loop");
}

static void append_holder(GString *text, const json_t *why)
{
    const json_t *holder = json_object_get(why, "held_by");
    g_autofree char *line = NULL;
    if (json_is_string(json_object_get(holder, "route"))) {
        g_autofree char *route = word_of(holder, "route"), *kind = said(holder, "kind");
        g_autofree char *options = json_bytes_get(holder, "options"), *source = json_bytes_get(holder, "source");
        g_autofree char *from = source != NULL ? text_word(source) : NULL;
        g_autofree char *shown = options != NULL && *options != '\0' ? text_word(options) : g_strdup("rw");
        /* One that lies in a native route is native without saying so. */
        bool is_silent = json_is_true(json_object_get(holder, "native")) && !g_str_has_suffix(shown, "native");
        line = g_strdup_printf("%s: %s%s%s, %s%s", route, kind, from != NULL ? " " : "", from != NULL ? from : "",
                               shown, is_silent ? ", native" : "");
        text_table_append_line(text, "place", line);
    } else if (json_is_true(json_object_get(holder, "made"))) {
        text_table_append_line(
            text, "place",
            "in memory only: the image lacks it, and runtimes or places that are declared below need it");
    } else {
        text_table_append_line(text, "place",
                               json_is_true(json_object_get(holder, "learning"))
                                   ? "the image, under learn mode's throw-away layer"
                                   : "the image, read-only");
    }
}

static void append_permissions(GString *text, const json_t *why)
{
    const json_t *permissions = json_object_get(why, "permissions"), *acl = json_object_get(permissions, "acl");
    g_autofree char *path = word_of(permissions, "path"), *owner = owner_words(permissions);
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "%s: %s", path, owner);
    text_table_append_line(text, "owner", line->str);
    g_string_truncate(line, 0);
    for (size_t i = 0; i < json_array_size(acl); i++) {
        const json_t *entry = json_array_get(acl, i);
        g_autofree char *tag = said(entry, "entry"), *allows = said(entry, "allows");
        g_string_append_printf(line, "%s%s", i > 0 ? ", " : "", tag);
        if (json_is_integer(json_object_get(entry, "id")))
            g_string_append_printf(line, " %" JSON_INTEGER_FORMAT, number_of(entry, "id"));
        g_string_append_printf(line, " %s", allows);
    }
    if (line->len > 0)
        text_table_append_line(text, "acl", line->str);
}

/* What hides a layer's file, after "hidden by". */
static char *hider_words(const json_t *hider)
{
    const char *form = json_string_value(json_object_get(hider, "form"));
    g_autofree char *path = word_of(hider, "path"), *attribute = word_of(hider, "attribute");
    json_int_t layer = number_of(hider, "layer");
    if (g_strcmp0(form, "route") == 0)
        return g_strdup_printf("the place %s", path);
    if (g_strcmp0(form, "whiteout-file") == 0)
        return g_strdup_printf("layer %" JSON_INTEGER_FORMAT ": a .wh. file for %s", layer, path);
    if (g_strcmp0(form, "whiteout-device") == 0)
        return g_strdup_printf("layer %" JSON_INTEGER_FORMAT ": a whiteout (device 0:0) at %s", layer, path);
    if (g_strcmp0(form, "whiteout-attribute") == 0)
        return g_strdup_printf("layer %" JSON_INTEGER_FORMAT ": a whiteout (%s) at %s", layer, attribute, path);
    if (g_strcmp0(form, "opaque-file") == 0)
        return g_strdup_printf("layer %" JSON_INTEGER_FORMAT ": %s is opaque (.wh..wh..opq)", layer, path);
    if (g_strcmp0(form, "opaque-attribute") == 0)
        return g_strdup_printf("layer %" JSON_INTEGER_FORMAT ": %s is opaque (%s)", layer, path, attribute);
    return g_strdup_printf("layer %" JSON_INTEGER_FORMAT ", which has %s itself", layer, path);
}

static void append_layers(GString *text, const json_t *why)
{
    const json_t *layers = json_object_get(why, "layers");
    if (json_array_size(layers) == 0)
        text_table_append_line(text, "layers", "none has it");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i), *hider = json_object_get(layer, "hidden_by");
        g_autofree char *digest = json_bytes_get(layer, "digest");
        g_autofree char *name = digest != NULL ? text_escape(digest) : word_of(layer, "directory");
        g_autofree char *owner = owner_words(layer);
        g_autofree char *by = json_is_object(hider) ? hider_words(hider) : NULL;
        g_autofree char *line = g_strdup_printf("%" JSON_INTEGER_FORMAT "  %s", number_of(layer, "layer"), name);
        g_autofree char *more =
            g_strdup_printf("   %s%s%s", owner, by != NULL ? ", hidden by " : "", by != NULL ? by : "");
        text_table_append_line(text, i == 0 ? "layers" : "", line);
        text_table_append_line(text, "", more);
    }
}

static void append_user(GString *text, const json_t *why)
{
    const json_t *user = json_object_get(why, "user"), *groups = json_object_get(user, "groups");
    g_autofree char *name = json_bytes_get(user, "name");
    g_autofree char *shown = name != NULL ? text_word(name) : NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "%s%s%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT "%s", shown != NULL ? shown : "",
                    shown != NULL ? ", " : "", number_of(user, "uid"), number_of(user, "gid"),
                    json_array_size(groups) > 0 ? ", groups" : "");
    for (size_t i = 0; i < json_array_size(groups); i++)
        g_string_append_printf(line, " %" JSON_INTEGER_FORMAT, json_integer_value(json_array_get(groups, i)));
    text_table_append_line(text, "user", line->str);
}

static void append_verdicts(GString *text, const json_t *why)
{
    const json_t *verdicts = json_object_get(why, "verdicts");
    for (size_t i = 0; i < json_array_size(verdicts); i++) {
        const json_t *verdict = json_array_get(verdicts, i);
        g_autofree char *operation = said(verdict, "operation"), *path = word_of(verdict, "path");
        g_autofree char *error = said(verdict, "errno");
        g_autofree char *message = message_of(verdict);
        bool is_allowed = number_of(verdict, "errno_number") == 0;
        g_autofree char *line = g_strdup_printf("%s: %s", path, is_allowed ? "allowed" : error);
        text_table_append_line(text, operation, line);
        if (!is_allowed || g_strcmp0(json_string_value(json_object_get(verdict, "reason")), "learned") == 0)
            text_table_append_line(text, "", message);
    }
}

/* Where somebody has made the mount read-only for the kernel, who then answers without asking us. */
static void append_read_only(GString *text, const json_t *why)
{
    g_auto(GStrv) places = json_bytes_get_list(why, "read_only_at");
    for (char **place = places; *place != NULL; place++) {
        g_autofree char *shown = text_word(*place);
        g_autofree char *line = g_strdup_printf("%s: there the kernel refuses every write by itself", shown);
        text_table_append_line(text, place == places ? "readonly" : "", line);
    }
}

char *why_text(const json_t *why)
{
    GString *text = g_string_new(NULL);
    g_autofree char *path = word_of(why, "path"), *resolved = word_of(why, "resolved");
    bool exists = json_is_true(json_object_get(why, "exists"));
    g_string_append_printf(text, "%s%s%s\n", path, strcmp(path, resolved) != 0 ? " -> " : "",
                           strcmp(path, resolved) != 0 ? resolved : "");
    append_links(text, why);
    if (!exists) {
        g_autofree char *stopped = word_of(why, "stopped_at"), *error = said(why, "errno");
        g_autofree char *line = g_strdup_printf("%s: %s", stopped, error);
        text_table_append_line(text, "missing", line);
    }
    append_holder(text, why);
    append_permissions(text, why);
    append_layers(text, why);
    append_user(text, why);
    append_verdicts(text, why);
    append_read_only(text, why);
    return g_string_free(text, FALSE);
}
