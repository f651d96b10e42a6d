#include "run_report_text.h"

#include "json_bytes.h"

#include <jansson.h>
#include <stdlib.h>

#define REPORT_SCHEMA "rofuse.report/1"

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)MIN(value, (uint64_t)G_MAXINT64));
}

static json_t *advice_to_json(const struct run_advice *advice)
{
    if (advice == NULL)
        return json_null();
    json_t *json = json_object();
    json_bytes_set(json, "target", advice->target);
    json_object_set_new(json, "kind", json_string(advice->kind == RUN_HINT_VOLUME ? "volume" : "tmpfs"));
    json_bytes_set(json, "option", advice->option);
    json_bytes_set(json, "compose_key", advice->key);
    json_bytes_set(json, "compose_element", advice->element);
    return json;
}

static json_t *group_to_json(const struct run_findings *findings, const struct run_group *group)
{
    json_t *json = json_object();
    json_bytes_set(json, "directory", group->directory);
    json_bytes_set(json, "pattern", group->pattern);
    json_bytes_set(json, "name", group->name);
    json_bytes_set(json, "exe", group->exe);
    json_bytes_set(json, "comm", group->comm);
    json_t *operations = json_array();
    for (guint i = 0; i < group->operations->len; i++)
        json_array_append_new(operations, json_string(g_ptr_array_index(group->operations, i)));
    json_object_set_new(json, "operations", operations);
    json_object_set_new(json, "errno", json_string(group->errno_name));
    json_object_set_new(json, "why", json_string(group->why));
    json_bytes_set(json, "route", group->route);
    json_object_set_new(json, "count", number(group->count));
    json_object_set_new(json, "declare", advice_to_json(run_findings_advice(findings, group)));
    return json;
}

static json_t *groups_to_json(const struct run_findings *findings, bool probes)
{
    json_t *list = json_array();
    const GPtrArray *groups = findings->tally->groups;
    for (guint i = 0; i < groups->len; i++) {
        const struct run_group *group = g_ptr_array_index(groups, i);
        if (group->is_probe == probes && group->count > 0)
            json_array_append_new(list, group_to_json(findings, group));
    }
    return list;
}

char *run_report_json(const struct run_findings *findings)
{
    const struct run_tally *tally = findings->tally;
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string(REPORT_SCHEMA));
    json_bytes_set(json, "mount", tally->mount);
    json_object_set_new(json, "denied", number(tally->denied));
    json_object_set_new(json, "learned", number(tally->learned));
    json_object_set_new(json, "places", groups_to_json(findings, false));
    json_object_set_new(json, "probes", groups_to_json(findings, true));
    json_t *declare = json_array(), *unused = json_array();
    for (guint i = 0; i < findings->advices->len; i++)
        json_array_append_new(declare, advice_to_json(g_ptr_array_index(findings->advices, i)));
    for (guint i = 0; i < findings->unused->len; i++)
        json_array_append_new(unused, state_route_to_json(g_ptr_array_index(findings->unused, i)));
    json_object_set_new(json, "declare", declare);
    json_object_set_new(json, "never_written", unused);
    json_object_set_new(json, "dropped", number(tally->dropped));
    json_object_set_new(json, "not_listed", number(tally->left_out));
    json_object_set_new(json, "no_records", number(tally->other));
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    char *line = g_strconcat(text, "\n", NULL);
    free(text);
    return line;
}
