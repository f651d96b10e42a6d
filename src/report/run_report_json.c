#include "run_report_text.h"

#include "advise_comments.h"
#include "json_bytes.h"
#include "record_names.h"
#include "state.h"
#include "text.h"

#include <jansson.h>
#include <stdlib.h>

#define REPORT_SCHEMA "rofuse.report/1"

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)MIN(value, (uint64_t)G_MAXINT64));
}

/* Text that is not UTF-8 has escapes: it is for people. */
static void set_text(json_t *json, const char *key, const char *bytes)
{
    g_autofree char *repaired = bytes != NULL ? text_repair(bytes) : NULL;
    const char *text = repaired != NULL ? repaired : bytes;
    json_object_set_new(json, key, text != NULL ? json_string(text) : json_null());
}

static json_t *advice_to_json(const struct advice *advice)
{
    if (advice == NULL)
        return json_null();
    const char *compose_key = NULL;
    g_autofree char *option = advise_option(advice), *element = run_findings_element(advice, &compose_key);
    json_t *json = json_object();
    json_bytes_set(json, "target", advice->spec.target);
    json_object_set_new(json, "kind", json_string(advice_kind_name(advice->kind)));
    json_object_set_new(json, "need", json_string(advice_need_name(advice->need)));
    json_object_set_new(json, "changes", json_boolean(advice->changes));
    json_bytes_set(json, "option", option);
    json_object_set_new(json, "compose_key", element != NULL ? json_string(compose_key) : json_null());
    json_bytes_set(json, "compose_element", element);
    set_text(json, "reason", advice->why);
    return json;
}

static json_t *operations_to_json(const struct fact *fact)
{
    json_t *list = json_array();
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if (fact_has(fact, (enum denial_operation)i))
            json_array_append_new(list, json_string(denial_operation_name((enum denial_operation)i)));
    }
    return list;
}

static json_t *fact_to_place(const struct run_findings *findings, const struct fact *fact)
{
    g_autofree char *pattern = g_path_get_basename(fact->place), *error = record_errno_name(fact->error);
    json_t *json = json_object();
    json_object_set_new(json, "fact", json_string(fact->id));
    json_bytes_set(json, "directory", fact->directory);
    json_bytes_set(json, "pattern", pattern);
    json_bytes_set_list(json, "paths", (const char *const *)fact->paths->pdata, fact->paths->len);
    json_bytes_set(json, "exe", fact->executable);
    json_bytes_set(json, "comm", fact->comm);
    json_object_set_new(json, "operations", operations_to_json(fact));
    json_object_set_new(json, "errno", json_string(error));
    json_object_set_new(json, "why", json_string(denial_why_name(fact->why)));
    json_bytes_set(json, "route", fact->route_target);
    json_object_set_new(json, "count", number(fact->count));
    json_object_set_new(json, "class", json_string(fact_class_name(fact->class)));
    set_text(json, "reason", fact->reason);
    json_object_set_new(json, "declare", advice_to_json(run_findings_advice(findings, fact)));
    set_text(json, "left_out", run_findings_left(findings, fact));
    return json;
}

static json_t *places_to_json(const struct run_findings *findings, bool probes)
{
    json_t *list = json_array();
    for (guint i = 0; i < findings->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(findings->facts, i);
        if ((fact->class == FACT_PROBE) == probes)
            json_array_append_new(list, fact_to_place(findings, fact));
    }
    return list;
}

char *run_report_json(const struct run_findings *findings)
{
    const struct facts_head *head = findings->head;
    json_t *json = json_object(), *declare = json_array(), *unused = json_array(), *notes = json_array();
    for (guint i = 0; i < findings->list->advices->len; i++)
        json_array_append_new(declare, advice_to_json(g_ptr_array_index(findings->list->advices, i)));
    for (guint i = 0; i < findings->unused->len; i++)
        json_array_append_new(unused, state_route_to_json(g_ptr_array_index(findings->unused, i)));
    for (guint i = 0; i < findings->list->notes->len; i++) {
        const char *note = g_ptr_array_index(findings->list->notes, i);
        g_autofree char *repaired = text_repair(note);
        json_array_append_new(notes, json_string(repaired != NULL ? repaired : note));
    }
    json_object_set_new(json, "schema", json_string(REPORT_SCHEMA));
    json_bytes_set(json, "mount", head->mount);
    json_object_set_new(json, "denied", number(findings->denied));
    json_object_set_new(json, "learned", number(findings->learned));
    json_object_set_new(json, "places", places_to_json(findings, false));
    json_object_set_new(json, "probes", places_to_json(findings, true));
    json_object_set_new(json, "declare", declare);
    json_object_set_new(json, "notes", notes);
    json_object_set_new(json, "never_written", unused);
    json_object_set_new(json, "dropped", number(head->dropped));
    json_object_set_new(json, "not_listed", number(head->left_out));
    json_object_set_new(json, "no_records", number(findings->no_records));
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    char *line = g_strconcat(text, "\n", NULL);
    free(text);
    return line;
}
