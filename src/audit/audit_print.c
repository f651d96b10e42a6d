#include "audit_print.h"

#include "json_bytes.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

/* One finding: what and where, why, and what to do. */
static void append_finding(GString *text, const struct audit_finding *finding)
{
    g_autofree char *subject = text_word(finding->subject);
    g_autofree char *reason = text_escape(finding->reason);
    g_autofree char *mend = text_escape(finding->mend);
    g_string_append_printf(text, "%-7s  %s: %s\n         %s\n         mend: %s\n",
                           audit_level_name(audit_rule_level(finding->rule)), subject, audit_rule_name(finding->rule),
                           reason, mend);
}

static void append_result(GString *text, const struct audit_result *result)
{
    g_autofree char *name = text_word(result->subject->name);
    const GPtrArray *findings = result->findings;
    for (guint i = 0; i < findings->len; i++)
        append_finding(text, g_ptr_array_index(findings, i));
    if (findings->len == 0)
        g_string_append_printf(text, "%s: nothing to find fault with\n", name);
    else
        g_string_append_printf(text, "%s: %u finding%s\n", name, findings->len, findings->len == 1 ? "" : "s");
}

/* Several have an empty line between them, and a sum. */
static char *print_text(const struct audit_result *results, size_t n, const char *name)
{
    GString *text = g_string_new(NULL);
    guint sum = 0;
    for (size_t i = 0; i < n; i++) {
        append_result(text, &results[i]);
        sum += results[i].findings->len;
        if (n > 1)
            g_string_append_c(text, '\n');
    }
    if (n > 1) {
        g_autofree char *shown = text_word(name);
        g_string_append_printf(text, "%s: %zu services, %u finding%s\n", shown, n, sum, sum == 1 ? "" : "s");
    }
    return g_string_free(text, FALSE);
}

static char *dump(json_t *json)
{
    char *dumped = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(json);
    return text;
}

static json_t *finding_to_json(const struct audit_subject *subject, const struct audit_finding *finding)
{
    json_t *object = json_object();
    json_object_set_new(object, "rule", json_string(audit_rule_name(finding->rule)));
    json_object_set_new(object, "level", json_string(audit_level_name(audit_rule_level(finding->rule))));
    if (subject->service != NULL)
        json_bytes_set(object, "service", subject->service);
    json_bytes_set(object, "subject", finding->subject);
    json_bytes_set(object, "reason", finding->reason);
    json_bytes_set(object, "mend", finding->mend);
    return object;
}

static char *print_json(const struct audit_result *results, size_t n, const char *name)
{
    json_t *json = json_object(), *list = json_array();
    json_object_set_new(json, "schema", json_string("rofuse.audit/1"));
    json_bytes_set(json, "subject", n > 1 ? name : results->subject->name);
    for (size_t i = 0; i < n; i++) {
        for (guint j = 0; j < results[i].findings->len; j++)
            json_array_append_new(list, finding_to_json(results[i].subject, g_ptr_array_index(results[i].findings, j)));
    }
    json_object_set_new(json, "findings", list);
    return dump(json);
}

/* GitHub's code scanning asks for the full description and a help as well. */
static json_t *sarif_rules(void)
{
    json_t *list = json_array();
    for (int i = 0; i < AUDIT_N_RULES; i++) {
        const char *text = audit_rule_text(i);
        json_array_append_new(list, json_pack("{s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "id", audit_rule_name(i),
                                              "shortDescription", "text", text, "fullDescription", "text", text, "help",
                                              "text", "Each result says what it is about, why, and what to do.",
                                              "defaultConfiguration", "level", audit_level_name(audit_rule_level(i))));
    }
    return list;
}

static json_t *sarif_place(const struct audit_subject *subject, const struct audit_finding *finding)
{
    const char *file = subject->file != NULL ? subject->file : subject->name;
    unsigned line = subject->line;
    for (size_t i = 0; i < subject->n_places; i++) {
        if (strcmp(subject->places[i].target, finding->subject) == 0) {
            file = subject->places[i].file;
            line = subject->places[i].line;
        }
    }
    g_autofree char *uri =
        g_path_is_absolute(file) ? g_filename_to_uri(file, NULL, NULL) : g_uri_escape_string(file, "/", FALSE);
    return json_pack("{s:{s:s}, s:{s:i}}", "artifactLocation", "uri", uri, "region", "startLine",
                     (int)(line > 0 ? line : 1));
}

static json_t *sarif_result(const struct audit_subject *subject, const struct audit_finding *finding)
{
    g_autofree char *shown = text_word(finding->subject);
    g_autofree char *reason = text_escape(finding->reason);
    g_autofree char *mend = text_escape(finding->mend);
    /* Who reads it sees the message alone, and the same place may be one of several services. */
    bool is_named = subject->service == NULL || strcmp(subject->service, finding->subject) == 0;
    g_autofree char *service = is_named ? NULL : text_word(subject->service);
    g_autofree char *message =
        g_strdup_printf("%s%s%s: %s; mend: %s", is_named ? "" : service, is_named ? "" : ": ", shown, reason, mend);
    g_autofree char *whole = g_strconcat(subject->name, ":", finding->subject, NULL);
    g_autofree char *logical = text_escape(whole);
    json_t *location = json_pack("{s:o, s:[{s:s, s:s}]}", "physicalLocation", sarif_place(subject, finding),
                                 "logicalLocations", "fullyQualifiedName", logical, "kind", "resource");
    return json_pack("{s:s, s:i, s:s, s:{s:s}, s:[o]}", "ruleId", audit_rule_name(finding->rule), "ruleIndex",
                     finding->rule, "level", audit_level_name(audit_rule_level(finding->rule)), "message", "text",
                     message, "locations", location);
}

static char *print_sarif(const struct audit_result *results, size_t n, const char *version)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        for (guint j = 0; j < results[i].findings->len; j++)
            json_array_append_new(list, sarif_result(results[i].subject, g_ptr_array_index(results[i].findings, j)));
    }
    return dump(json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o}]}", "$schema", SARIF_SCHEMA, "version", "2.1.0",
                          "runs", "tool", "driver", "name", "rofuse audit", "version", version, "rules", sarif_rules(),
                          "results", list));
}

char *audit_print(const struct audit_result *results, size_t n, const char *name, const char *version,
                  enum audit_format format)
{
    switch (format) {
    case AUDIT_TEXT:
        return print_text(results, n, name);
    case AUDIT_JSON:
        return print_json(results, n, name);
    case AUDIT_SARIF:
        return print_sarif(results, n, version);
    }
    g_assert_not_reached();
}
