#include "why_json.h"

#include "json_bytes.h"
#include "record_names.h"
#include "state.h"
#include "why_words.h"

#include <glib.h>
#include <string.h>

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, text != NULL ? json_string(text) : json_null());
}

static void set_errno(json_t *object, int error)
{
    g_autofree char *name = error != 0 ? record_errno_name(error) : NULL;
    set_text(object, "errno", name);
    json_object_set_new(object, "errno_number", json_integer(error));
}

static void set_bits(json_t *object, const char *key, unsigned bits)
{
    g_autofree char *text = why_bits(bits);
    set_text(object, key, text);
}

static void set_mode(json_t *object, mode_t mode)
{
    g_autofree char *text = g_strdup_printf("%04o", (unsigned)(mode & 07777));
    set_text(object, "mode", text);
}

static void set_owner(json_t *object, const struct stat *st)
{
    set_text(object, "type", why_type_name(st->st_mode));
    json_object_set_new(object, "uid", json_integer(st->st_uid));
    json_object_set_new(object, "gid", json_integer(st->st_gid));
    set_mode(object, st->st_mode);
}

/* Of a layer in the store: STORE/layers/ALGORITHM/HEX/tree. */
static void set_digest(json_t *object, const char *directory, const char *store)
{
    g_autofree char *layers = g_strconcat(store, "/layers/", NULL);
    g_autofree char *digest = NULL;
    if (g_str_has_prefix(directory, layers)) {
        g_auto(GStrv) parts = g_strsplit(directory + strlen(layers), "/", 3);
        if (g_strv_length(parts) == 3 && strcmp(parts[2], "tree") == 0)
            digest = g_strconcat(parts[0], ":", parts[1], NULL);
    }
    json_bytes_set(object, "digest", digest);
}

static json_t *hider_to_json(const struct explanation *explanation, int hider)
{
    if (hider == EXPLAIN_SEEN)
        return json_null();
    json_t *json = json_object();
    if (hider == EXPLAIN_UNDER_ROUTE) {
        set_text(json, "form", "route");
        json_bytes_set(json, "path", explanation->route_target);
        return json;
    }
    const struct explain_hider *by = &explanation->hiders[hider];
    set_text(json, "form", why_form_name(by->form));
    json_bytes_set(json, "path", by->path);
    json_object_set_new(json, "layer", json_integer(by->layer));
    if (by->attribute != NULL)
        json_bytes_set(json, "attribute", by->attribute);
    return json;
}

static json_t *layers_to_json(const struct explanation *explanation, const char *store)
{
    json_t *list = json_array();
    for (size_t i = 0; i < explanation->n_layers; i++) {
        const struct explain_layer *layer = &explanation->layers[i];
        json_t *json = json_object();
        json_object_set_new(json, "layer", json_integer(layer->number));
        json_bytes_set(json, "directory", layer->dir);
        set_digest(json, layer->dir, store);
        set_owner(json, &layer->st);
        json_object_set_new(json, "size", json_integer((json_int_t)layer->st.st_size));
        json_object_set_new(json, "hidden_by", hider_to_json(explanation, layer->hider));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *links_to_json(const struct explanation *explanation)
{
    json_t *list = json_array();
    for (size_t i = 0; i < explanation->n_links; i++) {
        json_t *json = json_object();
        json_bytes_set(json, "path", explanation->links[i].path);
        json_bytes_set(json, "target", explanation->links[i].target);
        json_array_append_new(list, json);
    }
    return list;
}

/* What holds the path, or the deepest directory on the way to it. */
static json_t *holder_to_json(const struct explanation *explanation)
{
    json_t *json = json_object();
    switch (explanation->place) {
    case EXPLAIN_IN_ROUTE: {
        g_autofree char *options = state_route_options(&explanation->route);
        json_bytes_set(json, "route", explanation->route_target);
        json_bytes_set(json, "declared", explanation->route.target);
        set_text(json, "kind", route_kind_name(explanation->route.kind));
        json_bytes_set(json, "source", explanation->route.source);
        json_bytes_set(json, "options", options);
        json_object_set_new(json, "native", json_boolean(explanation->route_native));
        json_object_set_new(json, "backing_read_only", json_boolean(explanation->route_backing_read_only));
        break;
    }
    case EXPLAIN_IN_IMAGE:
        json_object_set_new(json, "image", json_true());
        if (explanation->is_learning)
            json_object_set_new(json, "learning", json_true());
        break;
    case EXPLAIN_IN_MEMORY:
        json_object_set_new(json, "made", json_true());
        break;
    }
    return json;
}

static json_t *permissions_to_json(const struct explanation *explanation)
{
    json_t *json = json_object();
    json_bytes_set(json, "path", explanation->status == 0 ? explanation->resolved : explanation->deepest);
    set_owner(json, &explanation->st);
    json_t *acl = explanation->n_acl > 0 ? json_array() : json_null();
    for (size_t i = 0; i < explanation->n_acl; i++) {
        const struct access_entry *entry = &explanation->acl[i];
        json_t *item = json_object();
        bool has_id = entry->tag == ACCESS_TAG_USER || entry->tag == ACCESS_TAG_GROUP;
        set_text(item, "entry", why_tag_name(entry->tag));
        json_object_set_new(item, "id", has_id ? json_integer(entry->id) : json_null());
        set_bits(item, "allows", entry->bits);
        json_array_append_new(acl, item);
    }
    json_object_set_new(json, "acl", acl);
    return json;
}

static json_t *access_to_json(const struct explain_access *access)
{
    if (access->path == NULL)
        return json_null();
    json_t *json = json_object();
    json_bytes_set(json, "path", access->path);
    json_object_set_new(json, "uid", json_integer(access->uid));
    json_object_set_new(json, "gid", json_integer(access->gid));
    set_mode(json, access->mode);
    set_bits(json, "needed", access->wanted);
    set_text(json, "rule", why_rule_name(access->decision.rule));
    bool has_id = access->decision.rule != ACCESS_OF_OTHERS;
    json_object_set_new(json, "id", has_id ? json_integer(access->decision.id) : json_null());
    set_bits(json, "allows", access->decision.bits);
    set_bits(json, "mask", access->decision.mask);
    return json;
}

static json_t *verdicts_to_json(const struct explanation *explanation)
{
    json_t *list = json_array();
    for (size_t i = 0; i < explanation->n_verdicts; i++) {
        const struct explain_verdict *verdict = &explanation->verdicts[i];
        g_autofree char *message = why_message(explanation, verdict);
        json_t *json = json_object();
        set_text(json, "operation", why_operation_name(verdict->operation));
        json_bytes_set(json, "path", verdict->path);
        set_errno(json, verdict->error);
        set_text(json, "reason", why_reason_name(verdict->reason));
        set_text(json, "message", message);
        json_object_set_new(json, "permission", access_to_json(&verdict->access));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *ids_to_json(const struct access_subject *ids)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < ids->n_groups; i++)
        json_array_append_new(groups, json_integer(ids->groups[i]));
    return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)ids->uid, "gid", (json_int_t)ids->gid, "groups", groups);
}

json_t *why_to_json(const struct explanation *explanation, const struct access_subject *ids, const char *store)
{
    json_t *json = json_object();
    g_auto(GStrv) declarations = why_declarations(explanation);
    set_text(json, "schema", "rofuse.why/1");
    json_bytes_set(json, "path", explanation->path);
    json_bytes_set(json, "resolved", explanation->resolved);
    json_object_set_new(json, "links", links_to_json(explanation));
    json_object_set_new(json, "exists", json_boolean(explanation->status == 0));
    set_errno(json, -explanation->status);
    json_bytes_set(json, "stopped_at", explanation->stopped);
    json_bytes_set(json, "deepest_directory", explanation->deepest);
    json_object_set_new(json, "held_by", holder_to_json(explanation));
    json_object_set_new(json, "permissions", permissions_to_json(explanation));
    json_object_set_new(json, "layers", layers_to_json(explanation, store));
    json_object_set_new(json, "user", ids_to_json(ids));
    json_object_set_new(json, "verdicts", verdicts_to_json(explanation));
    json_bytes_set_list(json, "declare", (const char *const *)declarations, g_strv_length(declarations));
    return json;
}
