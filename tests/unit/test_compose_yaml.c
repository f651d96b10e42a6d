#include "app_error.h"
#include "compose_yaml.h"
#include "describe_node.h"
#include "expect_prefix.h"

#include <string.h>

struct place {
    struct compose_forest *forest;
    guint budget;
};

static struct compose_node *parse(struct place *place, const char *text, GError **error)
{
    place->forest = compose_forest_new();
    place->budget = COMPOSE_NODES_MAX;
    const struct compose_source *source = compose_forest_source(place->forest, "f.yaml", "/d/f.yaml", "/d");
    return compose_yaml_parse(place->forest, source, text, strlen(text), &place->budget, error);
}

static const struct {
    const char *yaml, *meaning;
} good[] = {
    {"a: b", "{a: \"b\"}"},
    {"---\na: b\n...\n", "{a: \"b\"}"},
    {"\xef\xbb\xbf"
     "a: b",
     "{a: \"b\"}"},
    {"a: [1, -2, +3, 0x1F, 0o17, 010]", "{a: [1/i, -2/i, +3/i, 0x1F/i, 0o17/i, 010/i]}"},
    {"a: [1.5, .5, 1., 1e3, -1E-3, .inf, -.INF, .nan]",
     "{a: [1.5/f, .5/f, 1./f, 1e3/f, -1E-3/f, .inf/f, -.INF/f, .nan/f]}"},
    {"a: [., e1, 1e, 0x, 0o8, 1_000, 12:30, '-', +]",
     "{a: [\".\", \"e1\", \"1e\", \"0x\", \"0o8\", \"1_000\", \"12:30\", \"-\", \"+\"]}"},
    {"a: [true, True, FALSE, yes, on]", "{a: [true/b, True/b, FALSE/b, \"yes\", \"on\"]}"},
    {"a: [null, ~, NULL, '', nUll]", "{a: [null/n, ~/n, NULL/n, \"\", \"nUll\"]}"},
    {"a:\nb:", "{a: /n, b: /n}"},
    {"a: '1'\nb: \"true\"\nc: !!str 1\nd: ! 2", "{a: \"1\", b: \"true\", c: \"1\", d: \"2\"}"},
    {"a: |\n  1\nb: >-\n  x\n  y", "{a: \"1\n\", b: \"x y\"}"},
    {"a: &x 1\nb: *x", "{a: 1/i, b: 1/i}"},
    {"a: &x {k: 1}\nb: [*x, *x]", "{a: {k: 1/i}, b: [{k: 1/i}, {k: 1/i}]}"},
    {"a: &x 1\nb: &x 2\nc: *x", "{a: 1/i, b: 2/i, c: 2/i}"},
    {"a: &x k\n*x : 1", "{a: \"k\", k: 1/i}"},
    {"a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}", "{a: {k: 1/i, l: 2/i}, b: {l: 3/i, k: 1/i}}"},
    {"a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {m: 4, <<: [*x, *y]}",
     "{a: {k: 1/i}, b: {k: 2/i, m: 3/i}, c: {m: 4/i, k: 1/i}}"},
    {"a: &x {k: 1}\nb: &y {<<: *x, l: 2}\nc: {<<: *y}", "{a: {k: 1/i}, b: {l: 2/i, k: 1/i}, c: {l: 2/i, k: 1/i}}"},
    {"a: {<<: {k: 1}}\nb: {'<<': 2}", "{a: {k: 1/i}, b: {<<: 2/i}}"},
    {"a: !reset null\nb: !override [1]", "{a: !reset null/n, b: !override [1/i]}"},
    {"? a\n: b", "{a: \"b\"}"},
    {"[1]", "[1/i]"},
};

static const struct {
    const char *yaml, *line;
} bad[] = {
    {"", "f.yaml:1:1: the file says nothing; "},
    {"# a comment\n", "f.yaml:2:1: the file says nothing; "},
    {"a: [\n", "f.yaml:2:1: this is not YAML: did not find expected node content"},
    {"a: b: c", "f.yaml:1:5: this is not YAML: mapping values are not allowed"},
    {"a:\n\tb: c", "f.yaml:2:1: this is not YAML: found character that cannot start any token while scanning for the "
                   "next token; indent with blanks, not with tabs"},
    {"a: 'x\n", "f.yaml:2:1: this is not YAML: found unexpected end of stream"},
    {"ok: 1\nbad: \"\xff\"", "f.yaml:2:7: this is not YAML: invalid leading UTF-8 octet"},
    {"a: \x01", "f.yaml:1:4: this is not YAML: control characters are not allowed"},
    {"a: \"x\\0y\"", "f.yaml:1:4: the text has a NUL character in it; "},
    {"a: 1\nb: 2\na: 3", "f.yaml:3:1: the key a is there already; keep one of the two"},
    {"a: {b: 1, \"b\": 2}", "f.yaml:1:11: the key b is there already; "},
    {"[a, b]: c", "f.yaml:1:1: a key is a list or a mapping; "},
    {"x: &x [1]\n*x : 2", "f.yaml:2:1: the alias stands for no word"},
    {"a: *x", "f.yaml:1:4: there is no anchor for *x above; write &x"},
    {"a: &x [*x]", "f.yaml:1:8: *x stands inside of what &x names"},
    {"a: &x {k: {l: *x}}", "f.yaml:1:15: *x stands inside of what &x names"},
    {"a: {<<: 1}", "f.yaml:1:9: <<: this merges neither a mapping nor a list of mappings"},
    {"a: {<<: [{}, 1]}", "f.yaml:1:9: <<: this merges neither"},
    {"a: {<<: {b: 1}, <<: {c: 1}}", "f.yaml:1:17: <<: it stands here for the second time"},
    {"a: !foo 1", "f.yaml:1:4: the tag !foo is unknown; "},
    {"a: !!binary aGk=", "f.yaml:1:4: the tag tag:yaml.org,2002:binary is unknown; "},
    {"a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins here; "},
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct place place;
        GError *error = NULL;
        struct compose_node *root = parse(&place, good[i].yaml, &error);
        g_assert_no_error(error);
        g_autoptr(GString) text = g_string_new(NULL);
        describe_node(text, root);
        g_assert_cmpstr(text->str, ==, good[i].meaning);
        compose_forest_free(place.forest);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct place place;
        GError *error = NULL;
        g_assert_null(parse(&place, bad[i].yaml, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        expect_prefix(error->message, bad[i].line);
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
        compose_forest_free(place.forest);
    }
}

static void test_places(void)
{
    struct place place;
    struct compose_node *root = parse(&place, "a:\n  - x\n  - {b: é, c: y}\n", NULL);
    g_assert_nonnull(root);
    const struct compose_node *list = compose_node_get(root, "a");
    const struct compose_node *y = compose_node_get(list->items[1], "c");
    g_autofree char *where = compose_node_place(y);
    g_assert_cmpstr(where, ==, "f.yaml:3:15"); /* characters, not bytes */
    g_assert_null(compose_node_get(root, "b"));
    g_assert_null(compose_node_get(list, "b"));
    g_assert_null(compose_node_get(NULL, "b"));
    compose_forest_free(place.forest);
}

/* Every alias costs what it stands for; only what is written is kept. */
static void test_billion_laughs(void)
{
    g_autoptr(GString) text = g_string_new("a0: &a0 x\n");
    for (int i = 1; i < 30; i++)
        g_string_append_printf(text, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    struct place place;
    GError *error = NULL;
    g_assert_null(parse(&place, text->str, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "more than 100000 values"));
    g_assert_true(g_str_has_prefix(error->message, "f.yaml:16:"));
    g_clear_error(&error);
    compose_forest_free(place.forest);
}

/* The same by merge keys. */
static void test_merge_bomb(void)
{
    g_autoptr(GString) text = g_string_new("a0: &a0 {k: x}\n");
    for (int i = 1; i < 30; i++)
        g_string_append_printf(text, "a%d: &a%d {<<: [*a%d, *a%d], k%d: *a%d}\n", i, i, i - 1, i - 1, i, i - 1);
    struct place place;
    GError *error = NULL;
    g_assert_null(parse(&place, text->str, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "more than 100000 values"));
    g_clear_error(&error);
    compose_forest_free(place.forest);
}

static void test_limits(void)
{
    struct place place;
    GError *error = NULL;
    g_autofree char *open = g_strnfill(40, '['), *deep = g_strconcat("a: ", open, NULL);
    g_assert_null(parse(&place, deep, &error));
    g_assert_cmpstr(error->message, ==, "f.yaml:1:35: this is nested more than 32 levels deep; write it flatter");
    g_clear_error(&error);
    compose_forest_free(place.forest);

    g_autofree char *large = g_strnfill(COMPOSE_YAML_MAX + 1, 'x');
    g_assert_null(parse(&place, large, &error));
    g_assert_nonnull(strstr(error->message, "more than 1048576 bytes"));
    g_clear_error(&error);
    compose_forest_free(place.forest);

    g_autoptr(GString) wide = g_string_new("a: [");
    for (int i = 0; i < COMPOSE_NODES_MAX; i++)
        g_string_append(wide, "1,");
    g_string_append(wide, "]");
    g_assert_null(parse(&place, wide->str, &error));
    g_assert_nonnull(strstr(error->message, "more than 100000 values"));
    g_clear_error(&error);
    compose_forest_free(place.forest);
}

static void test_bools(void)
{
    static const char *const yes[] = {"true", "True", "YES", "on", "y", "1", "T"};
    static const char *const no[] = {"false", "False", "No", "off", "n", "0", "f"};
    struct compose_node node = {.kind = COMPOSE_SCALAR};
    for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
        bool value = false;
        node.text = (char *)yes[i];
        g_assert_true(compose_node_bool(&node, &value) && value);
        value = true;
        node.text = (char *)no[i];
        g_assert_true(compose_node_bool(&node, &value) && !value);
    }
    bool value = true;
    node.text = (char *)"maybe";
    g_assert_false(compose_node_bool(&node, &value));
    g_assert_true(value);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose-yaml/good", test_good);
    g_test_add_func("/compose-yaml/bad", test_bad);
    g_test_add_func("/compose-yaml/places", test_places);
    g_test_add_func("/compose-yaml/billion-laughs", test_billion_laughs);
    g_test_add_func("/compose-yaml/merge-bomb", test_merge_bomb);
    g_test_add_func("/compose-yaml/limits", test_limits);
    g_test_add_func("/compose-yaml/bools", test_bools);
    return g_test_run();
}
