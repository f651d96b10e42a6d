/*
 * What rofuse run tells at the end: from a log, from what the daemon saw, from facts.
 */
#include "run_report.h"

#include "advice_facts.h"
#include "app_error.h"
#include "caller.h"
#include "record_json.h"
#include "run_report_text.h"

#include <errno.h>
#include <jansson.h>

/* A line of a log: somebody creates a file. Owned by the caller. */
static char *line_of(const char *path, uint64_t count)
{
    struct caller caller = {.pid = 7,
                            .tid = 7,
                            .pid_inside = 1,
                            .exe = (char *)"/bin/prog",
                            .comm = (char *)"prog",
                            .has_start_time = true,
                            .start_time = {1, 7}};
    struct denial_record record = {.facts = {.operation = DENIAL_CREATE,
                                             .why = DENIAL_NOT_DECLARED,
                                             .error = EROFS,
                                             .path = path,
                                             .flags = -1,
                                             .mode = -1,
                                             .layer_dir = "/layer"},
                                   .first = {1732406400, 0},
                                   .last = {1732406400, 0},
                                   .count = count,
                                   .caller = &caller};
    const struct denial_event event = {.kind = count > 1 ? DENIAL_EVENT_FOLDED : DENIAL_EVENT_RECORD,
                                       .record = &record};
    return record_json_event(&event, "web");
}

static char *report_of(const char *log, const struct run_seen *seen, enum run_report_format format)
{
    struct state state = {.name = (char *)"web"};
    char *path = NULL;
    GError *error = NULL;
    close(g_file_open_tmp("rofuse-report-XXXXXX", &path, NULL));
    g_assert_true(g_file_set_contents(path, log, -1, NULL));
    const struct run_report_input input = {.log = path, .state = &state, .seen = seen};
    char *report = run_report_make(&input, format, &error);
    g_assert_no_error(error);
    g_unlink(path);
    g_free(path);
    return report;
}

static void test_nothing(void)
{
    g_autofree char *line = line_of("/tmp/a", 1);
    g_autofree char *text = report_of("", NULL, RUN_REPORT_TEXT), *none = report_of(line, NULL, RUN_REPORT_NONE);
    g_assert_cmpstr(text, ==, "rofuse: web: no write was refused\n");
    g_assert_cmpstr(none, ==, "");
}

/* The log alone: all is counted, nobody knows how it went on. */
static void test_log(void)
{
    g_autofree char *one = line_of("/tmp/x", 1), *more = line_of("/tmp/x", 11);
    g_autofree char *log = g_strconcat(one, more, "no record\n", NULL), *text = report_of(log, NULL, RUN_REPORT_TEXT);
    g_assert_cmpstr(text, ==,
                    "rofuse: web: 11 writes were refused\n"
                    "  /tmp/x  create, 11 times  EROFS  /bin/prog  open: not seen how it went on\n"
                    "To allow that, declare (as an option, or in the Compose file's service):\n"
                    "  --tmpfs /tmp  tmpfs: - /tmp\n"
                    "Lines of the log that are no records: 1\n");
}

/* The daemon's facts lack what came after they were asked for: its classes, the log's counts. */
static void test_seen(void)
{
    g_autofree char *one = line_of("/tmp/x", 1), *more = line_of("/tmp/x", 11), *log = g_strconcat(one, more, NULL);
    struct run_seen seen = {.facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free)};
    struct fact *fact = make_fact(&(struct said_fact){
        .exe = "/bin/prog", .operations = OP(CREATE), .place = "/tmp/x", .directory = "/tmp", .class = FACT_TOLERATED});
    fact->because = FACT_ENDED_WELL;
    g_free(fact->reason);
    fact->reason = g_strdup("prog ended well");
    g_ptr_array_add(seen.facts, fact);
    g_autofree char *text = report_of(log, &seen, RUN_REPORT_TEXT);
    g_ptr_array_unref(seen.facts);
    g_assert_cmpstr(text, ==,
                    "rofuse: web: 11 writes were refused\n"
                    "  /tmp/x  create, 11 times  EROFS  /bin/prog  tolerated: it ended well\n"
                    "To allow that, declare (as an option, or in the Compose file's service):\n"
                    "  --tmpfs /tmp  tmpfs: - /tmp  (it went on without)\n");
}

/* The row of a long path keeps to the columns of the others. */
static void test_long_path(void)
{
    static const char path[] = "/srv/a-directory-with-a-long-name/another-one-below-it/other";
    g_autofree char *one = line_of("/tmp/x", 1), *two = line_of(path, 1), *log = g_strconcat(one, two, NULL);
    g_autofree char *text = report_of(log, NULL, RUN_REPORT_TEXT);
    g_assert_nonnull(strstr(text, "\n  /tmp/x  create  EROFS  /bin/prog  open: not seen how it went on\n"));
    g_autofree char *wanted =
        g_strdup_printf("\n  %s\n          create  EROFS  /bin/prog  open: not seen how it went on\n", path);
    g_assert_nonnull(strstr(text, wanted));
}

static const struct said_fact said[] = {
    {"/bin/prog", 7, OP(MKDIR), "/var/cache/web/one", "/var/cache/web", FACT_FATAL, .why = DENIAL_NOT_DECLARED},
    {"/bin/prog", 7, OP(CREATE) | OP(UNLINK), "/tmp/sh.*", "/tmp", FACT_TOLERATED, .why = DENIAL_NOT_DECLARED},
    {"/bin/prog", 7, OP(OPEN), "/ro/x", "/ro", FACT_OPEN, .why = DENIAL_DECLARED_READ_ONLY, .route_target = "/ro"},
    {"/bin/prog", 7, OP(CREATE), "/usr/bin/line\nbreak", "/usr/bin", FACT_OPEN, .why = DENIAL_NOT_DECLARED},
    {"/bin/prog", 7, OP(UTIMES), "/etc/conf", "/etc", FACT_PROBE, .why = DENIAL_NOT_DECLARED},
};

static GPtrArray *make_facts(void)
{
    GPtrArray *facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
        struct fact *fact = make_fact(&said[i]);
        fact->error = EROFS;
        fact->because = fact->class == FACT_FATAL       ? FACT_ENDED_LAST
                        : fact->class == FACT_TOLERATED ? FACT_WENT_ON
                        : fact->class == FACT_PROBE     ? FACT_ASKED
                                                        : FACT_WAITING;
        g_free(fact->reason);
        fact->reason = g_strdup("prog exited with status 1");
        g_ptr_array_add(facts, fact);
    }
    ((struct fact *)g_ptr_array_index(facts, 1))->count = 11;
    return facts;
}

/* Makes a report of the facts above. Owned by the caller. */
static char *render(char *(*report)(const struct run_findings *findings))
{
    static const bool written[] = {false, true, false};
    struct mount_options *routes = make_routes("--tmpfs /run -v data:/data -v ro:/ro:ro");
    struct facts_head head = {.mount = (char *)"web", .denied = 15, .dropped = 5};
    g_autoptr(GPtrArray) facts = make_facts();
    struct advice_input input = {.facts = facts};
    input.routes = mount_options_routes(routes, &input.n_routes);
    struct run_findings findings;
    run_findings_make(&input, &head, written, &findings);
    char *text = report(&findings);
    run_findings_clear(&findings);
    mount_options_free(routes);
    return text;
}

/* As a person sees it. */
static void test_text(void)
{
    g_autofree char *text = render(run_report_text);
    g_assert_cmpstr(
        text, ==,
        "rofuse: web: 14 writes were refused\n"
        "  /var/cache/web/one      mkdir                     EROFS  /bin/prog  fatal: prog exited with status 1\n"
        "  /tmp/sh.*               create, unlink, 11 times  EROFS  /bin/prog  tolerated: it went on\n"
        "  /ro/x                   open                      EROFS  /bin/prog  /ro is declared read-only; open: it still ran\n"
        "  /usr/bin/line\\x0abreak  create                    EROFS  /bin/prog  open: it still ran\n"
        "To allow that, declare (as an option, or in the Compose file's service):\n"
        "  --tmpfs /var/cache/web:mode=0755,uid=7,gid=7  tmpfs: - /var/cache/web:mode=0755,uid=7,gid=7\n"
        "  --tmpfs /tmp                                  tmpfs: - /tmp                                  (it went on without)\n"
        "  -v ro:/ro                                     volumes: - ro:/ro                              (your choice)\n"
        "Nothing is proposed for:\n"
        "  /usr/bin/line\\x0abreak  /usr/bin has programs or settings of the whole system; change it when the image is built\n"
        "Only asked whether it could be written:\n"
        "  /etc/conf  utimes  EROFS  /bin/prog  probe: it only asked\n"
        "Declared, but nothing was written there: /run (tmpfs)\n"
        "The log could not keep up or be written; refusals that are not in it: 5\n");
}

static const char *word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_json(void)
{
    g_autofree char *text = render(run_report_json);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(json);
    g_assert_cmpstr(word(json, "schema"), ==, "rofuse.report/1");
    g_assert_cmpint(json_integer_value(json_object_get(json, "denied")), ==, 14);
    const json_t *places = json_object_get(json, "places"), *first = json_array_get(places, 0);
    g_assert_cmpuint(json_array_size(places), ==, 4);
    g_assert_cmpuint(json_array_size(json_object_get(json, "probes")), ==, 1);
    g_assert_cmpstr(word(first, "class"), ==, "fatal");
    g_assert_cmpstr(word(json_object_get(first, "declare"), "option"), ==,
                    "--tmpfs /var/cache/web:mode=0755,uid=7,gid=7");
    g_assert_cmpstr(word(json_object_get(first, "declare"), "need"), ==, "required");
    const json_t *last = json_array_get(places, 3);
    g_assert_true(json_is_null(json_object_get(last, "declare")) && word(last, "left_out") != NULL);
    g_assert_cmpstr(word(last, "pattern"), ==, "line\nbreak");
    g_assert_cmpstr(word(json_array_get(json_object_get(json, "never_written"), 0), "target"), ==, "/run");
    json_decref(json);
}

/* However much a program tries, the report is short. */
static void test_flood(void)
{
    GString *log = g_string_new(NULL);
    for (int i = 0; i < 2000; i++) {
        g_autofree char *path = g_strdup_printf("/d%d/e%d/a%d", i / 100, i % 100 / 10, i % 10);
        g_autofree char *line = line_of(path, 1);
        g_string_append(log, line);
    }
    g_autofree char *text = report_of(log->str, NULL, RUN_REPORT_TEXT),
                    *json = report_of(log->str, NULL, RUN_REPORT_JSON);
    g_string_free(log, TRUE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), <=, 25);
    g_assert_nonnull(strstr(lines[0], "2000 writes were refused"));
    g_assert_nonnull(strstr(json, "\"denied\":2000,"));
}

static void test_no_log(void)
{
    struct state state = {.name = (char *)"web"};
    const struct run_report_input input = {.log = "/no/such/log", .state = &state};
    g_autoptr(GError) error = NULL;
    g_assert_null(run_report_make(&input, RUN_REPORT_TEXT, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_report/nothing", test_nothing);
    g_test_add_func("/run_report/log", test_log);
    g_test_add_func("/run_report/long-path", test_long_path);
    g_test_add_func("/run_report/seen", test_seen);
    g_test_add_func("/run_report/text", test_text);
    g_test_add_func("/run_report/json", test_json);
    g_test_add_func("/run_report/flood", test_flood);
    g_test_add_func("/run_report/no_log", test_no_log);
    return g_test_run();
}
