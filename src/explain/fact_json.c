#include "fact_json.h"

#include "app_error.h"
#include "json_bytes.h"
#include "json_read.h"
#include "record_names.h"
#include "text.h"

#include <string.h>

#define MOST_FACTS 65536
#define MOST_FIXES 16

void facts_head_clear(struct facts_head *head)
{
    g_clear_pointer(&head->mount, g_free);
    g_clear_pointer(&head->image, g_free);
    g_clear_pointer(&head->written, fact_written_unref);
}

static void set_bytes_array(json_t *object, const char *key, const GPtrArray *list)
{
    static const char *const empty[] = {NULL};
    json_bytes_set_list(object, key, list->len > 0 ? (const char *const *)list->pdata : empty, list->len);
}

static void set_integer(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX)));
}

static void set_id(json_t *object, const char *key, uint32_t id)
{
    json_object_set_new(object, key, id != UINT32_MAX ? json_integer(id) : json_null());
}

static void set_time(json_t *object, const char *key, const struct timespec *time)
{
    g_autofree char *text = record_time_utc(time);
    json_object_set_new(object, key, json_string(text));
}

static json_t *operations_to_json(uint32_t operations)
{
    json_t *list = json_array();
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if ((operations & (UINT32_C(1) << i)) != 0)
            json_array_append_new(list, json_string(denial_operation_name((enum denial_operation)i)));
    }
    return list;
}

/* As in the log. */
static json_t *holder_to_json(const struct fact *fact)
{
    json_t *holder = json_object();
    if (fact->held_by == DENIAL_PLACE_IMAGE) {
        json_object_set_new(holder, "layer", json_integer(MAX(fact->layer, 0)));
        json_bytes_set(holder, "directory", fact->layer_dir);
    } else if (fact->held_by == DENIAL_PLACE_ROUTE) {
        json_bytes_set(holder, "route", fact->route_target);
        json_object_set_new(holder, "kind", fact->route_kind != NULL ? json_string(fact->route_kind) : json_null());
    } else {
        json_object_set_new(holder, "made", json_true());
    }
    return holder;
}

static json_t *fix_to_json(const struct fact_fix *fix)
{
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(fact_fix_kind_name(fix->kind)));
    const struct {
        const char *key, *value;
    } words[] = {{"target", fix->target}, {"options", fix->options}, {"name", fix->name}, {"value", fix->value}};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (words[i].value != NULL)
            json_bytes_set(object, words[i].key, words[i].value);
    }
    if (fix->for_writer)
        json_object_set_new(object, "for_writer", json_true());
    if (fix->copy)
        json_object_set_new(object, "copy", json_true());
    if (fix->also)
        json_object_set_new(object, "also", json_true());
    return object;
}

static json_t *knowledge_to_json(const struct fact *fact)
{
    if (fact->knowledge == NULL)
        return json_null();
    json_t *object = json_object(), *fixes = json_array();
    json_bytes_set(object, "id", fact->knowledge);
    json_bytes_set(object, "note", fact->note);
    json_bytes_set(object, "reported", fact->reported);
    for (guint i = 0; i < fact->fixes->len; i++)
        json_array_append_new(fixes, fix_to_json(g_ptr_array_index(fact->fixes, i)));
    json_object_set_new(object, "fixes", fixes);
    return object;
}

static void set_parents_outside(json_t *object, const struct fact *fact)
{
    if ((fact->parents_inside | fact->parents_outside) == 0)
        return;
    json_t *list = json_array();
    for (guint i = 0; i < fact->parents->len; i++) {
        bool is_outside = (fact->parents_outside >> i & 1) != 0;
        bool is_known = is_outside || (fact->parents_inside >> i & 1) != 0;
        json_array_append_new(list, is_known ? json_boolean(is_outside) : json_null());
    }
    json_object_set_new(object, "parents_outside", list);
}

static void set_process(json_t *object, const struct fact *fact)
{
    json_bytes_set(object, "executable", fact->executable);
    json_bytes_set(object, "comm", fact->comm);
    json_bytes_set_list(object, "args", (const char *const *)fact->args, g_strv_length(fact->args));
    set_bytes_array(object, "parents", fact->parents);
    set_parents_outside(object, fact);
    json_object_set_new(object, "pid", fact->pid > 0 ? json_integer(fact->pid) : json_null());
    set_id(object, "uid", fact->uid);
    set_id(object, "gid", fact->gid);
    json_t *groups = json_array();
    for (guint i = 0; i < fact->groups->len; i++)
        json_array_append_new(groups, json_integer(g_array_index(fact->groups, gid_t, i)));
    json_object_set_new(object, "groups", groups);
    json_bytes_set(object, "container_id", fact->container_id);
}

json_t *fact_to_json(const struct fact *fact)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", json_string(fact->id));
    json_object_set_new(object, "class", json_string(fact_class_name(fact->class)));
    json_object_set_new(object, "because", json_string(fact_because_name(fact->because)));
    json_bytes_set(object, "reason", fact->reason);
    json_bytes_set(object, "place", fact->place);
    json_bytes_set(object, "directory", fact->directory);
    set_bytes_array(object, "alternatives", fact->alternatives);
    set_bytes_array(object, "paths", fact->paths);
    json_object_set_new(object, "operations", operations_to_json(fact->operations));
    json_object_set_new(object, "why", json_string(denial_why_name(fact->why)));
    g_autofree char *error = record_errno_name(fact->error);
    json_object_set_new(object, "errno", json_string(error));
    json_object_set_new(object, "errno_number", json_integer(fact->error));
    if (fact->learned)
        json_object_set_new(object, "learned", json_true());
    json_object_set_new(object, "held_by", holder_to_json(fact));
    set_process(object, fact);
    set_integer(object, "count", fact->count);
    set_time(object, "first", &fact->first);
    set_time(object, "last", &fact->last);
    json_object_set_new(object, "knowledge", knowledge_to_json(fact));
    return object;
}

json_t *facts_to_json(const struct facts_head *head, const GPtrArray *facts)
{
    json_t *document = json_object(), *list = json_array();
    json_object_set_new(document, "schema", json_string(FACTS_SCHEMA));
    json_bytes_set(document, "mount", head->mount);
    json_bytes_set(document, "image", head->image);
    set_integer(document, "denied", head->denied);
    set_integer(document, "left_out", head->left_out);
    set_integer(document, "dropped", head->dropped);
    for (guint i = 0; i < facts->len; i++)
        json_array_append_new(list, fact_to_json(g_ptr_array_index(facts, i)));
    json_object_set_new(document, "facts", list);
    if (head->written != NULL)
        json_object_set_new(document, "written", fact_written_to_json(head->written));
    return document;
}

static void read_operations(struct json_read *read, const json_t *object, struct fact *fact)
{
    const json_t *list = json_read_array(read, object, "operations", JSON_READ_REQUIRED, DENIAL_N_OPERATIONS);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        enum denial_operation operation;
        if (name != NULL && record_operation_parse(name, &operation))
            fact->operations |= UINT32_C(1) << operation;
        else
            json_read_fail(read, "operations", "has a word that is no operation");
    }
}

static void read_holder(struct json_read *read, const json_t *object, struct fact *fact)
{
    const json_t *holder = json_read_object(read, object, "held_by", JSON_READ_REQUIRED);
    fact->layer_dir = json_read_path(read, holder, "directory", JSON_READ_OPTIONAL);
    fact->route_target = json_read_path(read, holder, "route", JSON_READ_OPTIONAL);
    fact->route_kind = json_read_bytes(read, holder, "kind", JSON_READ_OPTIONAL);
    fact->layer = (int)json_read_integer(read, holder, "layer", JSON_READ_OPTIONAL, 0, INT_MAX, -1);
    fact->held_by = fact->layer >= 0                           ? DENIAL_PLACE_IMAGE
                    : json_object_get(holder, "route") != NULL ? DENIAL_PLACE_ROUTE
                                                               : DENIAL_PLACE_MADE;
}

/* Replaces a list by the one that was read; returns it. */
static GPtrArray *read_list(struct json_read *read, const json_t *object, const char *key, size_t most)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_autofree char **words = json_read_bytes_list(read, object, key, JSON_READ_REQUIRED, most);
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        g_ptr_array_add(list, words[i]);
    return list;
}

/* The same of absolute paths. */
static GPtrArray *read_paths(struct json_read *read, const json_t *object, const char *key, size_t most)
{
    GPtrArray *list = read_list(read, object, key, most);
    for (guint i = 0; i < list->len; i++) {
        if (*(const char *)g_ptr_array_index(list, i) != '/')
            json_read_fail(read, key, "has a path that is not absolute");
    }
    return list;
}

static struct fact_fix *read_fix(struct json_read *read, const json_t *object)
{
    struct fact_fix *fix = g_new0(struct fact_fix, 1);
    const char *kind = json_read_word(read, object, "kind", JSON_READ_REQUIRED);
    if (kind != NULL && !fact_fix_kind_parse(kind, &fix->kind))
        json_read_fail(read, "kind", "is not the name of a fix");
    fix->target = json_read_path(read, object, "target", JSON_READ_OPTIONAL);
    fix->options = json_read_bytes(read, object, "options", JSON_READ_OPTIONAL);
    fix->name = json_read_bytes(read, object, "name", JSON_READ_OPTIONAL);
    fix->value = json_read_bytes(read, object, "value", JSON_READ_OPTIONAL);
    fix->for_writer = json_read_true(read, object, "for_writer");
    fix->copy = json_read_true(read, object, "copy");
    fix->also = json_read_true(read, object, "also");
    bool has_target = fix->kind == FACT_FIX_TMPFS || fix->kind == FACT_FIX_VOLUME;
    bool has_name = fix->kind == FACT_FIX_ENV || fix->kind == FACT_FIX_VOLUME;
    bool has_value = fix->kind == FACT_FIX_ENV || fix->kind == FACT_FIX_COMMAND || fix->kind == FACT_FIX_REBUILD;
    if ((has_target && fix->target == NULL) || (has_name && fix->name == NULL) || (has_value && fix->value == NULL))
        json_read_fail(read, "fixes", "has a fix without its target, name or value");
    return fix;
}

static void read_knowledge(struct json_read *read, const json_t *object, struct fact *fact)
{
    const json_t *entry = json_read_object(read, object, "knowledge", JSON_READ_OPTIONAL);
    if (entry == NULL)
        return;
    fact->knowledge = json_read_bytes(read, entry, "id", JSON_READ_REQUIRED);
    fact->note = json_read_bytes(read, entry, "note", JSON_READ_OPTIONAL);
    fact->reported = json_read_bytes(read, entry, "reported", JSON_READ_OPTIONAL);
    const json_t *fixes = json_read_array(read, entry, "fixes", JSON_READ_REQUIRED, MOST_FIXES);
    for (size_t i = 0; i < json_array_size(fixes); i++)
        g_ptr_array_add(fact->fixes, read_fix(read, json_array_get(fixes, i)));
}

static void read_parents_outside(struct json_read *read, const json_t *object, struct fact *fact)
{
    const json_t *list = json_read_array(read, object, "parents_outside", JSON_READ_OPTIONAL,
                                         MIN(fact->parents->len, FACT_MOST_PARENTS));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_boolean(one) && !json_is_null(one))
            json_read_fail(read, "parents_outside", "has something that is neither true nor false");
        fact->parents_inside |= (uint32_t)json_is_false(one) << i;
        fact->parents_outside |= (uint32_t)json_is_true(one) << i;
    }
}

static void read_process(struct json_read *read, const json_t *object, struct fact *fact)
{
    fact->executable = json_read_bytes(read, object, "executable", JSON_READ_OPTIONAL);
    fact->comm = json_read_bytes(read, object, "comm", JSON_READ_OPTIONAL);
    char **args = json_read_bytes_list(read, object, "args", JSON_READ_OPTIONAL, FACT_MOST_ARGS);
    if (args != NULL) {
        g_strfreev(fact->args);
        fact->args = args;
    }
    g_ptr_array_unref(fact->parents);
    fact->parents = read_list(read, object, "parents", FACT_MOST_PARENTS);
    read_parents_outside(read, object, fact);
    fact->pid = (pid_t)json_read_integer(read, object, "pid", JSON_READ_OPTIONAL, 1, INT_MAX, -1);
    fact->uid = json_read_id(read, object, "uid");
    fact->gid = json_read_id(read, object, "gid");
    const json_t *groups = json_read_array(read, object, "groups", JSON_READ_OPTIONAL, FACT_MOST_GROUPS);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        json_int_t group = json_integer_value(json_array_get(groups, i));
        if (!json_is_integer(json_array_get(groups, i)) || group < 0 || group >= (json_int_t)UINT32_MAX)
            json_read_fail(read, "groups", "has something that is no group");
        gid_t gid = (gid_t)group;
        g_array_append_val(fact->groups, gid);
    }
    fact->container_id = json_read_bytes(read, object, "container_id", JSON_READ_OPTIONAL);
}

static void read_class(struct json_read *read, const json_t *object, struct fact *fact)
{
    const char *class = json_read_word(read, object, "class", JSON_READ_REQUIRED);
    const char *because = json_read_word(read, object, "because", JSON_READ_REQUIRED);
    if (class != NULL && !fact_class_parse(class, &fact->class))
        json_read_fail(read, "class", "is not the name of a class");
    if (because != NULL && !fact_because_parse(because, &fact->because))
        json_read_fail(read, "because", "is not the name of a reason");
    char *reason = json_read_bytes(read, object, "reason", JSON_READ_REQUIRED);
    if (reason != NULL) {
        g_free(fact->reason);
        fact->reason = reason;
    }
}

static struct fact *read_fact(struct json_read *read, const json_t *object)
{
    struct fact *fact = fact_new();
    const char *why = json_read_word(read, object, "why", JSON_READ_REQUIRED);
    if (why != NULL && !record_why_parse(why, &fact->why))
        json_read_fail(read, "why", "is not the name of a reason");
    fact->place = json_read_path(read, object, "place", JSON_READ_REQUIRED);
    fact->directory = json_read_path(read, object, "directory", JSON_READ_REQUIRED);
    g_ptr_array_unref(fact->alternatives);
    fact->alternatives = read_paths(read, object, "alternatives", FACT_MOST_ALTERNATIVES);
    g_ptr_array_unref(fact->paths);
    fact->paths = read_paths(read, object, "paths", FACT_MOST_PATHS);
    read_operations(read, object, fact);
    fact->error = (int)json_read_integer(read, object, "errno_number", JSON_READ_REQUIRED, 1, INT_MAX, 0);
    fact->learned = json_read_true(read, object, "learned");
    read_holder(read, object, fact);
    read_process(read, object, fact);
    fact->count = (uint64_t)json_read_integer(read, object, "count", JSON_READ_REQUIRED, 0, INT64_MAX, 0);
    fact->first = json_read_time(read, object, "first", NULL);
    fact->last = json_read_time(read, object, "last", NULL);
    read_class(read, object, fact);
    read_knowledge(read, object, fact);
    const char *id = json_read_word(read, object, "id", JSON_READ_REQUIRED);
    if (read->error == NULL)
        fact_set_id(fact);
    if (read->error == NULL && strcmp(fact->id, id) != 0)
        json_read_fail(read, "id", "is not the id of this fact");
    return fact;
}

static uint64_t read_count(struct json_read *read, const json_t *object, const char *key)
{
    return (uint64_t)json_read_integer(read, object, key, JSON_READ_OPTIONAL, 0, INT64_MAX, 0);
}

GPtrArray *facts_from_json(const json_t *document, const char *what, struct facts_head *ret_head, GError **error)
{
    struct json_read read = {.what = what};
    struct facts_head head = {0};
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    const char *schema = json_read_word(&read, document, "schema", JSON_READ_REQUIRED);
    if (schema != NULL && strcmp(schema, FACTS_SCHEMA) != 0)
        json_read_fail(&read, "schema", "is not " FACTS_SCHEMA);
    head.mount = json_read_bytes(&read, document, "mount", JSON_READ_OPTIONAL);
    head.image = json_read_bytes(&read, document, "image", JSON_READ_OPTIONAL);
    head.denied = read_count(&read, document, "denied");
    head.left_out = read_count(&read, document, "left_out");
    head.dropped = read_count(&read, document, "dropped");
    head.written = fact_written_from_json(&read, document);
    const json_t *list = json_read_array(&read, document, "facts", JSON_READ_REQUIRED, MOST_FACTS);
    for (size_t i = 0; i < json_array_size(list) && read.error == NULL; i++)
        g_ptr_array_add(facts, read_fact(&read, json_array_get(list, i)));
    gboolean is_right = json_read_end(&read, error);
    if (is_right && ret_head != NULL)
        *ret_head = head;
    else
        facts_head_clear(&head);
    return is_right ? g_steal_pointer(&facts) : NULL;
}

GPtrArray *facts_from_text(const char *text, size_t size, const char *what, struct facts_head *ret_head, GError **error)
{
    if (size > FACTS_MOST_BYTES) {
        app_error_failed(error, "%s is larger than any list of facts", what);
        return NULL;
    }
    json_error_t wrong;
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
    if (document == NULL) {
        g_autofree char *why = text_escape(wrong.text);
        app_error_failed(error, "%s is no JSON: line %d: %s", what, wrong.line, why);
        return NULL;
    }
    GPtrArray *facts = facts_from_json(document, what, ret_head, error);
    json_decref(document);
    return facts;
}
