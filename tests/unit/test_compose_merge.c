#include "compose_merge.h"
#include "compose_yaml.h"
#include "describe_node.h"

#include <string.h>

/* One file over another. */
static const struct {
    const char *below, *above, *result;
} files[] = {
    {"services: {a: {image: x, user: u}}", "services: {a: {image: y}, b: {image: z}}",
     "{services: {a: {image: \"y\", user: \"u\"}, b: {image: \"z\"}}}"},
    {"services: {a: {image: x}}", "name: n\nvolumes: {d: }",
     "{services: {a: {image: \"x\"}}, name: \"n\", volumes: {d: /n}}"},
    {"volumes: {d: {name: x, driver: local}, e: }", "volumes: {d: {name: y}, e: {external: true}, f: }",
     "{volumes: {d: {name: \"y\", driver: \"local\"}, e: {external: true/b}, f: /n}}"},
    {"volumes: {d: {name: x}}", "volumes: {d: }", "{volumes: {d: {name: \"x\"}}}"},
    {"services: {a: {image: x}}", "services: {a: !override {user: u}}", "{services: {a: !override {user: \"u\"}}}"},
    {"services: {a: {image: x}, b: {image: y}}", "services: {a: !reset null}", "{services: {b: {image: \"y\"}}}"},
};

/* One service over another. */
static const struct {
    const char *below, *above, *result;
} services[] = {
    {"{image: x}", "{image: y}", "{image: \"y\"}"},
    {"{image: x}", "{image: null}", "{image: \"x\"}"},
    {"{image: x}", "{image: !reset null}", "{}"},
    {"{image: x}", "{user: !reset null}", "{image: \"x\"}"},
    {"{command: [a, b]}", "{command: [c]}", "{command: [\"c\"]}"},
    {"{command: [a, b]}", "{command: null}", "{command: null/n}"},
    {"{entrypoint: a}", "{entrypoint: [c]}", "{entrypoint: [\"c\"]}"},
    {"{environment: {A: 1, B: 2}}", "{environment: {B: 3, C: 4}}", "{environment: {A: 1/i, B: 3/i, C: 4/i}}"},
    {"{environment: [A=1, B=2]}", "{environment: {B: 3}}", "{environment: {A: \"1\", B: 3/i}}"},
    {"{environment: {A: 1}}", "{environment: [A=2, B, A=3]}", "{environment: {A: \"3\", B: /n}}"},
    {"{environment: {A: 1}}", "{environment: {A: null}}", "{environment: {A: null/n}}"},
    {"{environment: {A: 1, B: 2}}", "{environment: {A: !reset null}}", "{environment: {B: 2/i}}"},
    {"{environment: {A: 1}}", "{environment: !override {B: 2}}", "{environment: !override {B: 2/i}}"},
    {"{environment: {A: 1}}", "{environment: }", "{environment: {A: 1/i}}"},
    {"{environment: }", "{environment: {A: 1}}", "{environment: {A: 1/i}}"},
    {"{env_file: a}", "{env_file: [b, {path: c}]}", "{env_file: [\"a\", \"b\", {path: \"c\"}]}"},
    {"{tmpfs: /tmp}", "{tmpfs: [/run]}", "{tmpfs: [\"/tmp\", \"/run\"]}"},
    {"{tmpfs: [/tmp, /run]}", "{tmpfs: '/tmp/:size=1m'}", "{tmpfs: [\"/run\", \"/tmp/:size=1m\"]}"},
    {"{volumes: ['foo:/work', 'x:/x']}", "{volumes: ['bar:/work']}", "{volumes: [\"x:/x\", \"bar:/work\"]}"},
    {"{volumes: ['foo:/a/../work']}", "{volumes: [{type: tmpfs, target: /work}]}",
     "{volumes: [{type: \"tmpfs\", target: \"/work\"}]}"},
    {"{volumes: [{type: tmpfs, target: /work}]}", "{volumes: [/work]}", "{volumes: [\"/work\"]}"},
    {"{volumes: ['a:/x']}", "{volumes: !override ['b:/y']}", "{volumes: !override [\"b:/y\"]}"},
    {"{volumes: ['a:/x']}", "{volumes: !reset []}", "{}"},
    {"{volumes: ['a:/x:what']}", "{volumes: ['b:/x']}", "{volumes: [\"a:/x:what\", \"b:/x\"]}"},
    {"{x-rofuse: {image: a}}", "{x-rofuse: {}}", "{x-rofuse: {image: \"a\"}}"},
    {"{ports: [1, 2]}", "{ports: [3]}", "{ports: [3/i]}"}, /* nobody reads them */
};

typedef struct compose_node *(*merge_function)(struct compose_forest *, struct compose_node *, struct compose_node *);

static void check(merge_function merge, const char *below, const char *above, const char *result)
{
    struct compose_forest *forest = compose_forest_new();
    guint budget = COMPOSE_NODES_MAX;
    const struct compose_source *source = compose_forest_source(forest, "f", "/f", "/");
    struct compose_node *a = compose_yaml_parse(forest, source, below, strlen(below), &budget, NULL);
    struct compose_node *b = compose_yaml_parse(forest, source, above, strlen(above), &budget, NULL);
    g_assert_true(a != NULL && b != NULL);
    g_autoptr(GString) text = g_string_new(NULL), before = g_string_new(NULL), after = g_string_new(NULL);
    describe_node(before, a);
    describe_node(text, merge(forest, a, b));
    describe_node(after, a);
    g_assert_cmpstr(text->str, ==, result);
    g_assert_cmpstr(after->str, ==, before->str);
    compose_forest_free(forest);
}

static void test_files(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        check(compose_merge_file, files[i].below, files[i].above, files[i].result);
}

static void test_services(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(services); i++)
        check(compose_merge_service, services[i].below, services[i].above, services[i].result);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose-merge/files", test_files);
    g_test_add_func("/compose-merge/services", test_services);
    return g_test_run();
}
