/* The checklist: what is a finding, and what is none. */
#include "audit_print.h"
#include "fact.h"

#include <jansson.h>
#include <string.h>

static struct route_spec route(enum route_kind kind, const char *target)
{
    struct route_spec spec = {.kind = kind, .target = (char *)target, .noexec = kind == ROUTE_TMPFS};
    if (kind == ROUTE_TMPFS)
        spec.size = 1 << 20;
    if (kind == ROUTE_BIND)
        spec.source = (char *)"/srv/data";
    return spec;
}

/* The names of the rules that find fault with one route, joined. */
static char *found(const struct audit_subject *subject)
{
    g_autoptr(GPtrArray) findings = audit_make(subject);
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < findings->len; i++) {
        const struct audit_finding *finding = g_ptr_array_index(findings, i);
        g_assert_cmpstr(finding->subject, !=, NULL);
        g_assert_cmpuint(strlen(finding->reason), >, 0);
        g_assert_cmpuint(strlen(finding->mend), >, 0);
        g_string_append_printf(names, "%s%s", i > 0 ? " " : "", audit_rule_name(finding->rule));
    }
    return g_string_free(names, FALSE);
}

static void expect(const struct audit_subject *subject, const char *rules)
{
    g_autofree char *names = found(subject);
    g_assert_cmpstr(names, ==, rules);
}

static void expect_route(struct route_spec spec, enum audit_use use, const char *rules)
{
    const struct audit_subject subject = {.name = "api", .routes = &spec, .n_routes = 1, .uses = &use};
    expect(&subject, rules);
}

static void test_root(void)
{
    expect(&(struct audit_subject){.name = "api"}, "");
    expect(&(struct audit_subject){.name = "api", .has_read_only = true}, "read-only-missing");
    expect(&(struct audit_subject){.name = "api", .has_read_only = true, .is_read_only = true}, "");
    expect(&(struct audit_subject){.name = "api", .is_learning = true}, "learning");
}

static void test_places(void)
{
    expect_route(route(ROUTE_TMPFS, "/tmp"), AUDIT_USED, "");
    expect_route(route(ROUTE_VOLUME, "/var/lib/postgresql"), AUDIT_USED, "");
    expect_route(route(ROUTE_VOLUME, "/data"), AUDIT_USED, "");
    expect_route(route(ROUTE_VOLUME, "/usr/share/nginx"), AUDIT_USED, "writable-program");
    expect_route(route(ROUTE_TMPFS, "/etc/nginx/conf.d"), AUDIT_USED, "writable-configuration");
    expect_route(route(ROUTE_TMPFS, "/etcetera"), AUDIT_USED, "");
    expect_route(route(ROUTE_TMPFS, "/var"), AUDIT_USED, "wide-place");
    expect_route(route(ROUTE_TMPFS, "/var/cache/nginx"), AUDIT_USED, "");
    expect_route(route(ROUTE_VOLUME, "/var/cache/nginx"), AUDIT_USED, "temporary-in-volume");
    struct route_spec spec = route(ROUTE_BIND, "/data");
    spec.source = (char *)"/var/run/docker.sock";
    expect_route(spec, AUDIT_USED, "writable-host-path");
    spec.target = (char *)"/run/docker.sock"; /* no temporary data, though it lies in /run */
    expect_route(spec, AUDIT_USED, "writable-host-path");
    spec.read_only = true; /* of no use against who speaks to it */
    expect_route(spec, AUDIT_UNUSED, "writable-host-path");
    spec.source = (char *)"/etc/localtime";
    expect_route(spec, AUDIT_UNUSED, "");
}

static void test_tmpfs(void)
{
    struct route_spec spec = route(ROUTE_TMPFS, "/tmp");
    spec.noexec = false;
    expect_route(spec, AUDIT_USED, "exec-allowed");
    spec = route(ROUTE_TMPFS, "/tmp");
    spec.size = 0;
    expect_route(spec, AUDIT_USED, "unlimited");
    spec.size_percent = 5;
    expect_route(spec, AUDIT_USED, "");
    spec.has_mode = true;
    spec.mode = 0777;
    expect_route(spec, AUDIT_USED, "world-writable");
    spec.mode = 01777;
    expect_route(spec, AUDIT_USED, "");
}

static void test_use(void)
{
    expect_route(route(ROUTE_TMPFS, "/tmp"), AUDIT_UNUSED, "never-written");
    expect_route(route(ROUTE_TMPFS, "/tmp"), AUDIT_USE_UNKNOWN, "");
    expect_route(route(ROUTE_VOLUME, "/data"), AUDIT_UNUSED, "could-be-read-only");
    expect_route(route(ROUTE_BIND, "/data"), AUDIT_UNUSED, "could-be-read-only");
}

static void test_many(void)
{
    struct route_spec routes[9];
    for (int i = 0; i < 9; i++)
        routes[i] = route(ROUTE_VOLUME, "/data");
    expect(&(struct audit_subject){.name = "api", .routes = routes, .n_routes = 8}, "");
    expect(&(struct audit_subject){.name = "api", .routes = routes, .n_routes = 9}, "many-places");
    routes[4].read_only = true;
    expect(&(struct audit_subject){.name = "api", .routes = routes, .n_routes = 9}, "");
}

static struct fact *new_fact(const char *executable, const char *place, enum fact_class class)
{
    struct fact *fact = fact_new();
    g_free(fact->executable);
    g_free(fact->place);
    fact->executable = g_strdup(executable);
    fact->place = g_strdup(place);
    fact->class = class;
    return fact;
}

static void free_fact(void *fact)
{
    fact_free(fact);
}

static void expect_fact(const char *executable, const char *place, enum fact_class class, const char *rules)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(free_fact);
    g_ptr_array_add(facts, new_fact(executable, place, class));
    expect(&(struct audit_subject){.name = "api", .facts = facts, .working_dir = "/app"}, rules);
}

static void test_facts(void)
{
    expect_fact("/usr/bin/node", "/app/.next/cache/*", FACT_TOLERATED, "writes-to-program");
    expect_fact("/opt/tool/bin/tool", "/opt/tool/bin/cache", FACT_TOLERATED, "writes-to-program");
    expect_fact("/usr/bin/python3", "/usr/lib/python3/__pycache__/*", FACT_PROBE, "");
    expect_fact("/usr/bin/node", "/tmp/x", FACT_TOLERATED, "");
    expect_fact("/usr/bin/sed", "/etc/sed*", FACT_TOLERATED, "writes-to-configuration");
    expect_fact("/usr/sbin/nginx", "/var/cache/nginx/client_temp", FACT_FATAL, "refused-fatally");
    expect_fact("/usr/sbin/nginx", "/run/nginx.pid", FACT_OPEN, "refused");
    expect_fact("/usr/bin/node", "/app/x", FACT_OPEN, "writes-to-program");
    expect_fact("/usr/sbin/nginx", "/application", FACT_TOLERATED, "");
}

static void expect_mend(const char *place, enum fact_fix_kind kind, const char *value, const char *mend)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(free_fact);
    struct fact *fact = new_fact("/usr/bin/sed", place, FACT_FATAL);
    struct fact_fix *fix = g_new0(struct fact_fix, 1);
    fix->kind = kind;
    fix->value = g_strdup(value);
    g_ptr_array_add(fact->fixes, fix);
    g_ptr_array_add(facts, fact);
    g_autoptr(GPtrArray) findings = audit_make(&(struct audit_subject){.name = "api", .facts = facts});
    g_assert_cmpuint(findings->len, ==, 1);
    g_assert_cmpstr(((struct audit_finding *)g_ptr_array_index(findings, 0))->mend, ==, mend);
}

/* Nobody is sent to advise for what it leaves out. */
static void test_mends(void)
{
    expect_mend("/tmp/x", FACT_FIX_TMPFS, NULL, "rofuse advise says what to declare");
    expect_mend("/etc/sed*", FACT_FIX_REBUILD, "make it before", "make it before");
    expect_mend("/dev/null", FACT_FIX_TMPFS, NULL,
                "/dev/null is made by the runtime, with or without a read-only root");
}

/* Whatever order the routes have. */
static void test_order(void)
{
    struct route_spec routes[] = {route(ROUTE_TMPFS, "/var"), route(ROUTE_VOLUME, "/usr/b"),
                                  route(ROUTE_VOLUME, "/usr/a")};
    g_autoptr(GPtrArray) findings = audit_make(&(struct audit_subject){.name = "x", .routes = routes, .n_routes = 3});
    g_assert_cmpuint(findings->len, ==, 3);
    const char *const expected[] = {"/usr/a", "/usr/b", "/var"};
    for (guint i = 0; i < 3; i++)
        g_assert_cmpstr(((struct audit_finding *)g_ptr_array_index(findings, i))->subject, ==, expected[i]);
}

/* What the only result of SARIF points to. */
static void expect_location(const struct audit_result *result, const char *uri, int line)
{
    g_autofree char *text = audit_print(result, 1, NULL, "1", AUDIT_SARIF);
    json_t *json = json_loads(text, 0, NULL);
    const char *got;
    int start;
    g_assert_cmpint(json_unpack(json, "{s:[{s:[{s:[{s:{s:{s:s}, s:{s:i}}}]}]}]}", "runs", "results", "locations",
                                "physicalLocation", "artifactLocation", "uri", &got, "region", "startLine", &start),
                    ==, 0);
    g_assert_cmpstr(got, ==, uri);
    g_assert_cmpint(start, ==, line);
    json_decref(json);
}

static void test_print(void)
{
    struct route_spec spec = route(ROUTE_TMPFS, "/v\n\xff");
    const enum audit_use use = AUDIT_UNUSED;
    struct audit_subject subject = {.name = "api", .routes = &spec, .n_routes = 1, .uses = &use};
    g_autoptr(GPtrArray) findings = audit_make(&subject);
    const struct audit_result result = {&subject, findings};
    g_autofree char *text = audit_print(&result, 1, NULL, "1", AUDIT_TEXT);
    g_assert_nonnull(strstr(text, "/v\\x0a\\xff: never-written\n"));
    g_assert_nonnull(strstr(text, "\napi: 1 finding\n"));

    g_autofree char *as_json = audit_print(&result, 1, NULL, "1", AUDIT_JSON);
    json_t *json = json_loads(as_json, 0, NULL);
    const char *rule, *level;
    g_assert_cmpint(json_unpack(json, "{s:[{s:s, s:s}]}", "findings", "rule", &rule, "level", &level), ==, 0);
    g_assert_cmpstr(rule, ==, "never-written");
    g_assert_cmpstr(level, ==, "warning");
    json_decref(json);

    expect_location(&result, "api", 1); /* a mount, which has no file */
    subject.file = "a b.yaml";
    subject.line = 2;
    expect_location(&result, "a%20b.yaml", 2);
    const struct audit_place places[] = {{"/tmp", "x", 3}, {spec.target, "over.yaml", 4}};
    subject.places = places;
    subject.n_places = 2;
    expect_location(&result, "over.yaml", 4);
    subject.n_places = 1;
    subject.file = "/srv/compose.yaml";
    expect_location(&result, "file:///srv/compose.yaml", 2);

    g_autofree char *as_sarif = audit_print(&result, 1, NULL, "1", AUDIT_SARIF);
    json = json_loads(as_sarif, 0, NULL);
    const char *id;
    int index;
    json_t *rules;
    g_assert_cmpint(json_unpack(json, "{s:[{s:{s:{s:o}}, s:[{s:s, s:i}]}]}", "runs", "tool", "driver", "rules", &rules,
                                "results", "ruleId", &id, "ruleIndex", &index),
                    ==, 0);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(rules, (size_t)index), "id")), ==, id);
    json_decref(json);
}

/* A message says of which service it is, once. */
static void test_sarif_service(void)
{
    const struct audit_place places[] = {{"/etc/web", "compose.yaml", 3}};
    const struct route_spec spec = {.target = "/etc/web", .kind = ROUTE_BIND, .source = "/srv/web"};
    const struct audit_subject web = {.name = "web",
                                      .service = "web",
                                      .has_read_only = true,
                                      .routes = &spec,
                                      .n_routes = 1,
                                      .places = places,
                                      .n_places = 1};
    g_autoptr(GPtrArray) findings = audit_make(&web);
    const struct audit_result result = {&web, findings};
    g_autofree char *text = audit_print(&result, 1, NULL, "1", AUDIT_SARIF);
    g_assert_nonnull(strstr(text, "\"text\": \"web: docker and podman"));
    g_assert_nonnull(strstr(text, "\"text\": \"web: /etc/web: "));
}

/* Each has its own end, and there is a sum. */
static void test_several(void)
{
    const struct audit_subject web = {.name = "web", .service = "web", .has_read_only = true};
    const struct audit_subject db = {.name = "db", .service = "db", .has_read_only = true, .is_read_only = true};
    g_autoptr(GPtrArray) of_web = audit_make(&web), of_db = audit_make(&db);
    const struct audit_result results[] = {{&web, of_web}, {&db, of_db}};
    g_autofree char *text = audit_print(results, 2, "compose.yaml", "1", AUDIT_TEXT);
    g_assert_true(g_str_has_suffix(text, "web: 1 finding\n\ndb: nothing to find fault with\n\n"
                                         "compose.yaml: 2 services, 1 finding\n"));
    g_autofree char *as_json = audit_print(results, 2, "compose.yaml", "1", AUDIT_JSON);
    json_t *json = json_loads(as_json, 0, NULL);
    const char *subject, *service;
    g_assert_cmpint(json_unpack(json, "{s:s, s:[{s:s}!]}", "subject", &subject, "findings", "service", &service), ==,
                    0);
    g_assert_cmpstr(subject, ==, "compose.yaml");
    g_assert_cmpstr(service, ==, "web");
    json_decref(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/root", test_root);
    g_test_add_func("/audit/places", test_places);
    g_test_add_func("/audit/tmpfs", test_tmpfs);
    g_test_add_func("/audit/use", test_use);
    g_test_add_func("/audit/many", test_many);
    g_test_add_func("/audit/facts", test_facts);
    g_test_add_func("/audit/mends", test_mends);
    g_test_add_func("/audit/order", test_order);
    g_test_add_func("/audit/print", test_print);
    g_test_add_func("/audit/sarif-service", test_sarif_service);
    g_test_add_func("/audit/several", test_several);
    return g_test_run();
}
