#include "run_program.h"

#include "compose.h"
#include "image.h"

#include <signal.h>

static void test_signals(void)
{
    static const struct {
        const char *text;
        int number;
    } cases[] = {{"SIGTERM", SIGTERM},
                 {"TERM", SIGTERM},
                 {"15", 15},
                 {"SIGQUIT", SIGQUIT},
                 {"WINCH", SIGWINCH},
                 {"", 0},
                 {"SIG", 0},
                 {"0", 0},
                 {"99", 0},
                 {"15x", 0},
                 {"-1", 0},
                 {"TERMS", 0},
                 {"term", 0},
                 {"RTMIN+", 0},
                 {"RTMIN-1", 0},
                 {"RTMIN+99", 0},
                 {"RTMAX+1", 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(run_program_signal(cases[i].text), ==, cases[i].number);
    g_assert_cmpint(run_program_signal("SIGRTMIN+3"), ==, SIGRTMIN + 3);
    g_assert_cmpint(run_program_signal("RTMIN"), ==, SIGRTMIN);
    g_assert_cmpint(run_program_signal("RTMAX-2"), ==, SIGRTMAX - 2);
}

static void check_name(const char *service, const char *image, const char *wanted)
{
    struct compose_service named = {.name = (char *)service};
    struct image got = {.name = (char *)image};
    const struct plan plan = {.service = service != NULL ? &named : NULL, .image = image != NULL ? &got : NULL};
    g_autofree char *name = run_program_name(&plan);
    g_assert_cmpstr(name, ==, wanted);
}

static void test_names(void)
{
    check_name("api", "web:1.0", "api");
    check_name(NULL, "web:1.0", "web");
    check_name(NULL, "web", "web");
    check_name(NULL, "oci:images/web:1.0", "web");
    check_name(NULL, "docker-archive:web.tar", "web.tar");
    check_name(NULL, "example.org:5000/team/web", "web");
    check_name(NULL, "/srv/rootfs", "rootfs");
    check_name(NULL, "/srv/rootfs/", "rootfs");
    check_name(NULL, ".", "run");
    check_name(NULL, NULL, "run");
}

/* A route is never written only where its counter says so. */
static void test_written(void)
{
    struct route_spec routes[3] = {
        {.target = (char *)"/a"}, {.target = (char *)"/b"}, {.target = (char *)"/c", .native = true}};
    const struct state state = {.routes = routes, .n_routes = G_N_ELEMENTS(routes)};
    static struct counters counters;
    counters.changes[1] = 7;
    g_autofree bool *written = run_program_written(&state, &counters);
    g_assert_false(written[0]);
    g_assert_true(written[1]);
    g_assert_true(written[2]);
    g_autofree bool *unknown = run_program_written(&state, NULL);
    g_assert_true(unknown[0]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_program/signals", test_signals);
    g_test_add_func("/run_program/names", test_names);
    g_test_add_func("/run_program/written", test_written);
    return g_test_run();
}
