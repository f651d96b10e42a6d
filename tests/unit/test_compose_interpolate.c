#include "compose_interpolate.h"

#include "expect_prefix.h"

#include <string.h>

struct place {
    struct compose_vars *vars, *more, *missing;
    struct compose_interpolation state;
};

static void set_up(struct place *place)
{
    place->vars = compose_vars_new();
    place->more = compose_vars_new();
    place->missing = compose_vars_new();
    compose_vars_set(place->vars, "A", "alpha");
    compose_vars_set(place->vars, "EMPTY", "");
    compose_vars_set(place->vars, "DOLLAR", "$A ${A}");
    compose_vars_set(place->more, "MORE", "more");
    compose_vars_set(place->more, "A", "never");
    place->state = (struct compose_interpolation){
        .vars = place->vars, .more = place->more, .missing = place->missing, .budget = 100000};
}

static void tear_down(struct place *place)
{
    compose_vars_free(place->vars);
    compose_vars_free(place->more);
    compose_vars_free(place->missing);
}

/* @missing: names that were not set, with commas. */
static const struct {
    const char *text, *result, *missing;
} good[] = {
    {"", "", ""},
    {"no variable", "no variable", ""},
    {"$A", "alpha", ""},
    {"x$A-y", "xalpha-y", ""},
    {"${A}b", "alphab", ""},
    {"$A$A", "alphaalpha", ""},
    {"$MORE", "more", ""},
    {"$NO", "", "NO"},
    {"a${NO}b$NO", "ab", "NO"},
    {"$N $M", " ", "N,M"},
    {"$$A", "$A", ""},
    {"$$$A", "$alpha", ""},
    {"$$$$", "$$", ""},
    {"$${A}", "${A}", ""},
    {"a$", "a$", ""},
    {"$1 $- $ x", "$1 $- $ x", ""},
    {"{$A}", "{alpha}", ""},
    {"$DOLLAR", "$A ${A}", ""}, /* what a variable holds is not looked at again */
    {"${NO:-d}", "d", ""},
    {"${NO-d}", "d", ""},
    {"${EMPTY:-d}", "d", ""},
    {"${EMPTY-d}", "", ""},
    {"${A:-d}", "alpha", ""},
    {"${NO:-}", "", ""},
    {"${NO-}", "", ""},
    {"${NO:-a b: c}", "a b: c", ""},
    {"${A:+x}", "x", ""},
    {"${A+x}", "x", ""},
    {"${EMPTY:+x}", "", ""},
    {"${EMPTY+x}", "x", ""},
    {"${NO:+x}", "", ""},
    {"${NO+x}", "", ""},
    {"${A:?needed}", "alpha", ""},
    {"${EMPTY?needed}", "", ""},
    {"${NO:-$A}", "alpha", ""},
    {"${NO:-${A}}", "alpha", ""},
    {"${NO:-${M:-${A}}}!", "alpha!", ""},
    {"${NO:-<${M-}>}", "<>", ""},
    {"${NO:-$M}", "", "M"},
    {"${A:-$M}", "alpha", ""}, /* what is not used is not missed */
    {"${NO:-$$}", "$", ""},
    {"${NO:-a}}", "a}", ""},
    {"${NO-:x}", ":x", ""},
    {"${A:+${NO:-y}}", "y", ""},
    {"${_x9:-d}", "d", ""},
};

static const struct {
    const char *text, *message;
} bad[] = {
    {"${A", "${A: the brace is never closed; "},
    {"x ${NO:-${A}", "${NO:-${A}: the brace is never closed; "},
    {"${NO:-$${A}", NULL}, /* the dollar is a dollar, its brace is not one that opens */
    {"${}", "${}: no variable's name stands here; "},
    {"${1}", "${1}: no variable's name stands here; "},
    {"${ A}", "\"${ A}\": no variable's name stands here; "},
    {"${A/b/c}", "${A/b/c}: after the name only :- - :? ? :+ + have a meaning; "},
    {"${A:b}", "${A:b}: after the name only"},
    {"${A:}", "${A:}: after the name only"},
    {"${A }", "\"${A }\": after the name only"},
    {"${NO?}", "the variable NO is not set and is required; set it in the environment or in .env"},
    {"${NO:?give one}", "the variable NO is not set: give one; set it"},
    {"${EMPTY:?give one}", "the variable EMPTY is empty: give one; set it"},
    {"${NO:?as in $A}", "the variable NO is not set: as in alpha; set it"},
    {"${NO?${M?inner}}", "the variable M is not set: inner; set it"},
    {"${NO:?a\nb}", "the variable NO is not set: a\\x0ab; set it"},
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct place place;
        set_up(&place);
        g_autofree char *message = NULL;
        g_autofree char *result = compose_interpolate(&place.state, good[i].text, "here", &message);
        g_assert_cmpstr(message, ==, NULL);
        g_assert_cmpstr(result, ==, good[i].result);
        g_auto(GStrv) list = compose_vars_to_list(place.missing);
        g_autoptr(GString) names = g_string_new(NULL);
        for (char **entry = list; *entry != NULL; entry++) {
            g_assert_true(g_str_has_suffix(*entry, "=here"));
            g_string_append_printf(names, "%s%.*s", names->len > 0 ? "," : "", (int)strcspn(*entry, "="), *entry);
        }
        g_assert_cmpstr(names->str, ==, good[i].missing);
        tear_down(&place);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct place place;
        set_up(&place);
        g_autofree char *message = NULL;
        g_autofree char *result = compose_interpolate(&place.state, bad[i].text, "here", &message);
        if (bad[i].message == NULL) {
            g_assert_cmpstr(result, ==, "${A");
        } else {
            g_assert_null(result);
            expect_prefix(message, bad[i].message);
        }
        tear_down(&place);
    }
}

static void test_limits(void)
{
    struct place place;
    set_up(&place);
    GString *deep = g_string_new(NULL);
    for (int i = 0; i < 40; i++)
        g_string_append(deep, "${NO-");
    for (int i = 0; i < 40; i++)
        g_string_append_c(deep, '}');
    g_autofree char *message = NULL;
    g_assert_null(compose_interpolate(&place.state, deep->str, "here", &message));
    g_assert_nonnull(strstr(message, "nested too deep"));
    g_string_free(deep, TRUE);
    g_clear_pointer(&message, g_free);

    place.state.budget = 8;
    g_assert_null(compose_interpolate(&place.state, "$A$A", "here", &message));
    g_assert_nonnull(strstr(message, "use fewer"));
    tear_down(&place);
}

/* Values alone, and each once, though it hangs in two places. */
static void test_tree(void)
{
    struct place place;
    set_up(&place);
    struct compose_forest *forest = compose_forest_new();
    const struct compose_node at = {
        .source = compose_forest_source(forest, "f.yaml", "/f.yaml", "/"), .line = 3, .column = 7};
    struct compose_node *key = compose_node_new_text(forest, &at, "$A"), *value = compose_node_new(forest, 0, &at);
    value->text = g_strdup("$DOLLAR");
    struct compose_node *items[] = {value, value}, *list = compose_node_new(forest, COMPOSE_SEQUENCE, &at);
    compose_node_set_items(list, items, 2);
    struct compose_pair pair = {key, list};
    struct compose_node *root = compose_node_new(forest, COMPOSE_MAPPING, &at);
    compose_node_set_pairs(root, &pair, 1, NULL);
    g_assert_true(compose_interpolate_tree(&place.state, root, NULL));
    g_assert_cmpstr(key->text, ==, "$A");
    g_assert_cmpstr(value->text, ==, "$A ${A}");
    g_assert_true(value->is_variable);

    struct compose_node *wrong = compose_node_new(forest, COMPOSE_SCALAR, &at);
    wrong->text = g_strdup("${");
    GError *error = NULL;
    g_assert_false(compose_interpolate_tree(&place.state, wrong, &error));
    g_assert_true(g_str_has_prefix(error->message, "f.yaml:3:7: ${: the brace"));
    g_clear_error(&error);
    compose_forest_free(forest);
    tear_down(&place);
}

static void test_vars(void)
{
    struct compose_vars *vars = compose_vars_new();
    char *list[] = {"B=1", "A=x=y", "none", "=odd", "B=2", "C=", NULL};
    compose_vars_add_list(vars, list);
    compose_vars_set(vars, "A", compose_vars_get(vars, "A"));
    g_auto(GStrv) all = compose_vars_to_list(vars);
    g_autofree char *text = g_strjoinv(" ", all);
    g_assert_cmpstr(text, ==, "B=2 A=x=y C=");
    compose_vars_set(vars, "B", NULL);
    compose_vars_set(vars, "Z", NULL);
    g_assert_null(compose_vars_get(vars, "B"));
    compose_vars_set(vars, "B", "3");
    g_auto(GStrv) again = compose_vars_to_list(vars);
    g_autofree char *second = g_strjoinv(" ", again);
    g_assert_cmpstr(second, ==, "B=3 A=x=y C=");
    compose_vars_free(vars);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose-interpolate/good", test_good);
    g_test_add_func("/compose-interpolate/bad", test_bad);
    g_test_add_func("/compose-interpolate/limits", test_limits);
    g_test_add_func("/compose-interpolate/tree", test_tree);
    g_test_add_func("/compose-interpolate/vars", test_vars);
    return g_test_run();
}
