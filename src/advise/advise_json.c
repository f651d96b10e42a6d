#include "advise_render.h"

#include "advise_comments.h"
#include "advise_words.h"
#include "fact_json.h"
#include "json_bytes.h"
#include "state.h"
#include "text.h"

#include <stdlib.h>

#define ADVICE_SCHEMA "rofuse.advice/1"

static json_t *fact_ids(const GPtrArray *facts)
{
    json_t *list = json_array();
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        json_array_append_new(list, fact->id != NULL ? json_string(fact->id) : json_null());
    }
    return list;
}

static json_t *advice_to_json(const struct advise_output *output, const struct advice *advice)
{
    g_autofree char *option = advise_option(advice);
    json_t *json = json_object();
    json_object_set_new(json, "kind", json_string(advice_kind_name(advice->kind)));
    json_object_set_new(json, "need", json_string(advice_need_name(advice->need)));
    json_object_set_new(json, "applies", json_boolean(advise_applies(output, advice)));
    json_object_set_new(json, "changes", json_boolean(advice->changes));
    if (advice->spec.target != NULL)
        json_object_set_new(json, "route", state_route_to_json(&advice->spec));
    if (advice->kind == ADVICE_ENV) {
        json_bytes_set(json, "name", advice->name);
        json_bytes_set(json, "value", advice->value);
    }
    json_bytes_set(json, advice->kind == ADVICE_SETTING ? "text" : "option", option);
    json_bytes_set(json, "why", advice->why);
    json_bytes_set(json, "cost", advice->cost);
    json_object_set_new(json, "facts", fact_ids(advice->facts));
    return json;
}

static json_t *text_to_json(const char *bytes)
{
    g_autofree char *repaired = text_repair(bytes);
    return json_string(repaired != NULL ? repaired : bytes);
}

/* The options alone, as words of a command line: what programs apply. */
static json_t *options_to_json(const struct advise_output *output)
{
    json_t *list = json_array();
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (!advise_applies(output, advice) || advice->kind == ADVICE_SETTING || advice->kind == ADVICE_ENV)
            continue;
        bool is_tmpfs = advice->kind == ADVICE_TMPFS;
        g_autofree char *value =
            is_tmpfs ? advise_tmpfs_value(&advice->spec, ADVISE_ROFUSE) : advise_volume_value(&advice->spec);
        json_array_append_new(list, json_string(is_tmpfs ? "--tmpfs" : "-v"));
        json_array_append_new(list, text_to_json(value));
    }
    return list;
}

static json_t *left_to_json(const struct advice_left *left)
{
    json_t *json = json_object();
    json_object_set_new(json, "fact", left->fact->id != NULL ? json_string(left->fact->id) : json_null());
    json_bytes_set(json, "place", left->fact->place);
    json_object_set_new(json, "class", json_string(fact_class_name(left->fact->class)));
    json_bytes_set(json, "reason", left->reason);
    return json;
}

char *advise_json(const struct advise_output *output)
{
    json_t *advices = json_array(), *left = json_array(), *notes = json_array();
    for (guint i = 0; i < output->list->advices->len; i++)
        json_array_append_new(advices, advice_to_json(output, g_ptr_array_index(output->list->advices, i)));
    for (guint i = 0; i < output->list->left->len; i++)
        json_array_append_new(left, left_to_json(g_ptr_array_index(output->list->left, i)));
    for (guint i = 0; i < output->list->notes->len; i++)
        json_array_append_new(notes, text_to_json(g_ptr_array_index(output->list->notes, i)));
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string(ADVICE_SCHEMA));
    json_bytes_set(json, "mount", output->mount);
    json_object_set_new(json, "options", options_to_json(output));
    json_object_set_new(json, "advices", advices);
    json_object_set_new(json, "left_out", left);
    json_object_set_new(json, "notes", notes);
    json_object_set_new(json, "denied", json_integer((json_int_t)MIN(output->denied, (uint64_t)G_MAXINT64)));
    json_object_set_new(json, "dropped", json_integer((json_int_t)MIN(output->dropped, (uint64_t)G_MAXINT64)));
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    char *line = g_strconcat(text, "\n", NULL);
    free(text);
    return line;
}
