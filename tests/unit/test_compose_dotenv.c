#include "app_error.h"
#include "compose_dotenv.h"
#include "expect_prefix.h"

#include <string.h>

/* What a text sets, one KEY=VALUE after another with "|" between; or the error. Owned by the caller. */
static char *read_text(const char *text, bool is_raw, GError **error)
{
    struct compose_vars *vars = compose_vars_new(), *missing = compose_vars_new(), *into = compose_vars_new();
    compose_vars_set(vars, "HOST", "outside");
    struct compose_interpolation state = {.vars = vars, .missing = missing, .budget = 100000};
    const struct compose_dotenv dotenv = {.name = ".env", .state = &state, .is_raw = is_raw, .into = into};
    char *result = NULL;
    if (compose_dotenv_parse(&dotenv, text, strlen(text), error)) {
        g_auto(GStrv) list = compose_vars_to_list(into);
        result = g_strjoinv("|", list);
    }
    compose_vars_free(vars);
    compose_vars_free(missing);
    compose_vars_free(into);
    return result;
}

static const struct {
    const char *text, *result;
} good[] = {
    {"", ""},
    {"\n\n# comment\n  # another\n", ""},
    {"A=1", "A=1"},
    {"A=1\nB=2\nA=3\n", "A=3|B=2"},
    {"  A = 1  \n", "A=1"},
    {"A=\nB=\n", "A=|B="},
    {"A=1\r\nB=2\r\n", "A=1|B=2"},
    {"\xef\xbb\xbf"
     "A=1",
     "A=1"},
    {"export A=1\nexport\tB=2\nexported=3", "A=1|B=2|exported=3"},
    {"A: 1\nB:2", "A=1|B=2"},
    {"A=x y # comment", "A=x y"},
    {"A=x# no comment", "A=x# no comment"},
    {"A=#x\nB= # comment\nC=1", "A=#x|B=|C=1"},
    {"A=\"x # no\" # comment", "A=x # no"},
    {"A='x # no' # comment", "A=x # no"},
    {"A='$HOST ${HOST}'", "A=$HOST ${HOST}"},
    {"A=$HOST\nB=\"${HOST}!\"", "A=outside|B=outside!"},
    {"A=1\nB=$A$A", "A=1|B=11"},
    {"A=\"\\$HOST\"\nB=\\$HOST\nC=$$HOST", "A=$HOST|B=$HOST|C=$HOST"},
    {"A=${NO:-d}\nB=\"${NO-e f}\"", "A=d|B=e f"},
    {"A='Let\\'s go!'", "A=Let's go!"},
    {"A=\"{\\\"a\\\": 1}\"", "A={\"a\": 1}"},
    {"A=\"a\\tb\\nc\\\\d\\qe\"", "A=a\tb\nc\\d\\qe"},
    {"A='a\\tb'\nB=a\\tb", "A=a\\tb|B=a\\tb"},
    {"A=\"one\ntwo\"\nB='three\n\nfour'\nC=5", "A=one\ntwo|B=three\n\nfour|C=5"},
    {"A=it's\nB=x\"y\"", "A=it's|B=x\"y\""},
    {"HOST\nNO\nA=1", "HOST=outside|A=1"},
    {"HOST # comment\nA=1", "HOST=outside|A=1"},
    {"HOST=inside\nA=$HOST", "HOST=inside|A=outside"}, /* what is set already wins */
    {"A.b-c[0]=1", "A.b-c[0]=1"},
    {"A=a=b=c", "A=a=b=c"},
    {"A=\xff", "A=\xff"},
};

static const struct {
    const char *text, *line;
} bad[] = {
    {"A B=1", ".env:1:3: after the name A neither = nor the end of the line follows; write A=VALUE"},
    {"\nA=1\n  =2", ".env:3:3: no variable's name stands here; "},
    {"A$=1", ".env:1:2: after the name A neither"},
    {"A=\"x", ".env:1:3: the quote is never closed; close it with \""},
    {"B=1\nA='x\ny", ".env:2:3: the quote is never closed; close it with '"},
    {"A=\"x\" y", ".env:1:7: text follows the closing quote; "},
    {"A=\"x\ny\" z", ".env:2:4: text follows the closing quote; "},
    {"A=1\nB=${A", ".env:2:3: ${A: the brace is never closed; "},
    {"A=${NO:?give it}", ".env:1:3: the variable NO is not set: give it; "},
};

static const struct {
    const char *text, *result;
} raw[] = {
    {"A=\"x\" # y\nB='$HOST'\r\n#c\n\nC= d ", "A=\"x\" # y|B='$HOST'|C= d "},
    {"HOST\nNO\n", "HOST=outside"},
    {"A=\r\n", "A="},
};

static void test_good(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        GError *error = NULL;
        g_autofree char *result = read_text(good[i].text, false, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(result, ==, good[i].result);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;
        g_assert_null(read_text(bad[i].text, false, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        expect_prefix(error->message, bad[i].line);
        g_clear_error(&error);
    }
}

static void test_raw(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(raw); i++) {
        g_autofree char *result = read_text(raw[i].text, true, NULL);
        g_assert_cmpstr(result, ==, raw[i].result);
    }
    GError *error = NULL;
    g_assert_null(read_text("A=1\n=2", true, &error));
    g_assert_cmpstr(error->message, ==, ".env:2:1: no variable's name stands before the =; write NAME=VALUE");
    g_clear_error(&error);
}

static void test_limits(void)
{
    GError *error = NULL;
    g_autofree char *large = g_strnfill(COMPOSE_DOTENV_MAX + 1, '\n');
    g_assert_null(read_text(large, false, &error));
    g_assert_nonnull(strstr(error->message, "more than 1048576 bytes"));
    g_clear_error(&error);

    struct compose_vars *vars = compose_vars_new();
    struct compose_interpolation state = {.vars = vars, .missing = vars, .budget = 100};
    const struct compose_dotenv dotenv = {.name = ".env", .state = &state, .into = vars};
    g_assert_false(compose_dotenv_parse(&dotenv, "A=1\nB\0=2", 8, &error));
    g_assert_cmpstr(error->message, ==, ".env:2:2: a NUL byte stands here; this is no file of variables");
    g_clear_error(&error);
    compose_vars_free(vars);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose-dotenv/good", test_good);
    g_test_add_func("/compose-dotenv/bad", test_bad);
    g_test_add_func("/compose-dotenv/raw", test_raw);
    g_test_add_func("/compose-dotenv/limits", test_limits);
    return g_test_run();
}
