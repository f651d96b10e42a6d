#include "run_report.h"

#include "app_error.h"
#include "run_hint.h"
#include "run_tally.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void test_hints(void)
{
    static const struct {
        const char *directory;
        enum run_hint_kind kind;
    } table[] = {
        {"/", RUN_HINT_NONE},
        {"/etc", RUN_HINT_NONE},
        {"/etc/nginx/conf.d", RUN_HINT_NONE},
        {"/usr", RUN_HINT_NONE},
        {"/usr/share/x", RUN_HINT_NONE},
        {"/app", RUN_HINT_NONE},
        {"/root", RUN_HINT_NONE},
        {"/var", RUN_HINT_NONE},
        {"/tmp", RUN_HINT_TMPFS},
        {"/tmp/a/b", RUN_HINT_TMPFS},
        {"/run", RUN_HINT_TMPFS},
        {"/var/run/x", RUN_HINT_TMPFS},
        {"/var/cache", RUN_HINT_TMPFS},
        {"/root/.npm", RUN_HINT_TMPFS},
        {"/app/cache", RUN_HINT_TMPFS},
        {"/data", RUN_HINT_VOLUME},
        {"/var/lib/x", RUN_HINT_VOLUME},
        {"/app/data", RUN_HINT_VOLUME},
        {"/etcetera/x", RUN_HINT_VOLUME},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("%s", table[i].directory);
        g_assert_cmpint(run_hint_of(table[i].directory), ==, table[i].kind);
    }
}

#define RECORD(event, operation, path, exe, errno, why, more)                                                          \
    "{\"schema\":\"rofuse.log/1\",\"event\":\"" event "\",\"mount\":\"web\",\"operation\":\"" operation                \
    "\",\"path\":\"" path "\",\"errno\":\"" errno "\",\"why\":\"" why "\",\"process\":{\"exe\":" exe                   \
    ",\"comm\":\"prog\",\"uid\":7}," more "}\n"
#define DENIED(operation, path)                                                                                        \
    RECORD("denied", operation, path, "\"/bin/prog\"", "EROFS", "not-declared", "\"count\":1")

static char *report_of(const char *log, const struct state *state, const bool *written, enum run_report_format format)
{
    char *path = NULL;
    int fd = g_file_open_tmp("rofuse-report-XXXXXX", &path, NULL);
    g_assert_cmpint(write(fd, log, strlen(log)), ==, (ssize_t)strlen(log));
    close(fd);
    GError *error = NULL;
    char *report = run_report_make(path, state, written, format, &error);
    g_assert_no_error(error);
    g_unlink(path);
    g_free(path);
    return report;
}

static void test_nothing(void)
{
    struct state state = {0};
    g_autofree char *text = report_of("", &state, NULL, RUN_REPORT_TEXT);
    g_assert_cmpstr(text, ==, "rofuse: no write was refused\n");
    g_autofree char *none = report_of(DENIED("create", "/tmp/a"), &state, NULL, RUN_REPORT_NONE);
    g_assert_cmpstr(none, ==, "");
}

/* As a person sees it. */
static void test_text(void)
{
    struct route_spec routes[] = {
        {.kind = ROUTE_TMPFS, .target = "/run"},
        {.kind = ROUTE_VOLUME, .target = "/data"},
        {.kind = ROUTE_VOLUME, .target = "/ro", .read_only = true},
    };
    struct state state = {.routes = routes, .n_routes = G_N_ELEMENTS(routes)};
    const bool written[] = {false, true, false};
    const char log[] =
        DENIED("mkdir", "/var/cache/web/one") DENIED("create", "/tmp/sh.1001") DENIED("create", "/tmp/sh.1002")
            RECORD("folded", "create", "/tmp/sh.1001", "\"/bin/prog\"", "EROFS", "not-declared", "\"count\":10")
                RECORD("denied", "open", "/ro/x", "null", "EROFS", "declared-read-only",
                       "\"count\":1,\"held_by\":{\"route\":\"/ro\",\"kind\":\"volume\"}")
                    RECORD("denied", "create", "/data/x", "\"/bin/prog\"", "EACCES", "permission",
                           "\"count\":1,\"held_by\":{\"route\":\"/data\",\"kind\":\"volume\"}")
                        DENIED("create", "/etc/line\\nbreak") DENIED("access", "/etc/conf")
                            DENIED("create", "/srv/app/a") "no record\n"
                                                           "{\"event\":\"dropped\",\"dropped\":5}\n";
    g_autofree char *text = report_of(log, &state, written, RUN_REPORT_TEXT);
    g_assert_cmpstr(
        text, ==,
        "rofuse: web: 16 writes were refused\n"
        "  /var/cache/web/one  mkdir             EROFS   /bin/prog\n"
        "  /tmp/sh.*           create, 11 times  EROFS   /bin/prog\n"
        "  /ro/x               open              EROFS   prog       /ro is declared read-only\n"
        "  /data/x             create            EACCES  /bin/prog  /data is declared, but its owner and mode "
        "refuse user 7\n"
        "  /etc/line\\x0abreak  create            EROFS   /bin/prog\n"
        "  /srv/app/a          create            EROFS   /bin/prog\n"
        "To allow that, declare (as an option, or in the Compose file's service):\n"
        "  --tmpfs /var/cache/web  tmpfs: - /var/cache/web\n"
        "  --tmpfs /tmp            tmpfs: - /tmp\n"
        "  -v app:/srv/app         volumes: - app:/srv/app\n"
        "Only asked whether it could be written:\n"
        "  /etc/conf  access  EROFS  /bin/prog\n"
        "Declared, but nothing was written there: /run (tmpfs)\n"
        "The log could not keep up; refusals that are not in it: 5\n"
        "Lines of the log that are no records: 1\n");
}

static void test_json(void)
{
    struct state state = {0};
    g_autofree char *text =
        report_of(DENIED("mkdir", "/data") DENIED("create", "/tmp/x\\\"y"), &state, NULL, RUN_REPORT_JSON);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(json);
    g_assert_cmpstr(json_string_value(json_object_get(json, "schema")), ==, "rofuse.report/1");
    g_assert_cmpint(json_integer_value(json_object_get(json, "denied")), ==, 2);
    const json_t *places = json_object_get(json, "places");
    g_assert_cmpuint(json_array_size(places), ==, 2);
    const json_t *declare = json_object_get(json_array_get(places, 0), "declare");
    g_assert_cmpstr(json_string_value(json_object_get(declare, "option")), ==, "-v data:/data");
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(places, 1), "name")), ==, "x\"y");
    json_decref(json);
}

/* However much a program tries, the report is short and the memory bounded. */
static void test_flood(void)
{
    struct run_tally *tally = run_tally_new();
    for (int i = 0; i < 5000; i++) {
        g_autofree char *line = g_strdup_printf(DENIED("create", "/d%d/a%d"), i / 10, i % 10);
        run_tally_add(tally, line, strlen(line));
    }
    g_assert_cmpuint(tally->denied, ==, 5000);
    g_assert_cmpuint(tally->groups->len, <=, 2500);
    uint64_t sum = tally->left_out;
    for (guint i = 0; i < tally->groups->len; i++)
        sum += ((const struct run_group *)g_ptr_array_index(tally->groups, i))->count;
    g_assert_cmpuint(sum, ==, 5000);
    run_tally_free(tally);
}

/* Many names of one program in one directory are one place, and none is lost. */
static void test_crowd(void)
{
    struct run_tally *tally = run_tally_new();
    for (char c = 'a'; c <= 'z'; c++) {
        g_autofree char *line = g_strdup_printf(DENIED("%s", "/tmp/%c"), c == 'z' ? "mkdir" : "create", c);
        run_tally_add(tally, line, strlen(line));
    }
    unsigned n = 0;
    for (guint i = 0; i < tally->groups->len; i++) {
        const struct run_group *group = g_ptr_array_index(tally->groups, i);
        if (group->count == 0)
            continue;
        n++;
        g_assert_cmpstr(group->pattern, ==, "*");
        g_assert_cmpuint(group->count, ==, 26);
        g_assert_cmpuint(group->operations->len, ==, 2);
    }
    g_assert_cmpuint(n, ==, 1);
    run_tally_free(tally);
}

static void test_pieces(void)
{
    struct run_tally *tally = run_tally_new();
    static const char line[] = DENIED("create", "/tmp/a");
    for (size_t i = 0; i < strlen(line); i++)
        run_tally_add(tally, line + i, 1);
    g_autofree char *blanks = g_strnfill(3 << 20, ' ');
    run_tally_add(tally, blanks, 3 << 20); /* too long for a line, not kept */
    g_assert_cmpuint(tally->line->allocated_len, <, 3 << 20);
    run_tally_add(tally, "\n", 1);
    run_tally_add(tally, line, strlen(line) - 1); /* cut off */
    run_tally_end(tally);
    g_assert_cmpuint(tally->denied, ==, 2);
    g_assert_cmpuint(tally->other, ==, 1);
    run_tally_free(tally);
}

static void test_no_log(void)
{
    struct state state = {0};
    g_autoptr(GError) error = NULL;
    g_assert_null(run_report_make("/no/such/log", &state, NULL, RUN_REPORT_TEXT, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_report/hints", test_hints);
    g_test_add_func("/run_report/nothing", test_nothing);
    g_test_add_func("/run_report/text", test_text);
    g_test_add_func("/run_report/json", test_json);
    g_test_add_func("/run_report/flood", test_flood);
    g_test_add_func("/run_report/crowd", test_crowd);
    g_test_add_func("/run_report/pieces", test_pieces);
    g_test_add_func("/run_report/no_log", test_no_log);
    return g_test_run();
}
