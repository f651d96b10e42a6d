#include "text.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

static const char *const words[] = {
    "",
    "plain",
    "/a/b.c:ro,exec=1",
    "a b",
    "it's",
    "$HOME`id`$(id)",
    "\"q\"",
    "back\\slash",
    "a\nb\n",
    "\t",
    "\x1b[31m",
    "\x01",
    "bad\xff\xfe",
    "b\xe2\x80\xaeidi",
    "\xc3\xa9",
    "1\n2",
    "\n7",
    "\3777f",
    "'\n'",
    "\\n\n",
    "*",
    "~",
    "#x",
    "-x",
    "!x\n!",
    "a;b|c&d",
};

/* A real shell reads the bytes, and a terminal is told nothing by them. */
static void shell(void)
{
    g_autoptr(GString) command = g_string_new("printf '%s\\001\\n'");
    g_autoptr(GString) wanted = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *word = text_shell(words[i]);
        g_autofree char *shown = text_escape_line(word);
        g_assert_cmpstr(word, ==, shown);
        g_string_append_printf(command, " %s", word);
        g_string_append_printf(wanted, "%s\001\n", words[i]);
    }
    const char *const argv[] = {"/bin/bash", "--norc", "-c", command->str, NULL};
    g_autofree char *out = NULL;
    int status;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    g_assert_cmpstr(out, ==, wanted->str);
}

/* What can be in plain quotes is for every shell. */
static void shell_plain(void)
{
    static const struct {
        const char *word, *quoted;
    } cases[] = {{"", "''"},
                 {"/a:b", "/a:b"},
                 {"a b", "'a b'"},
                 {"it's", "'it'\\''s'"},
                 {"a\\b", "'a\\b'"},
                 {"\xc3\xa9", "'\xc3\xa9'"},
                 {"a\nb's\\", "$'a\\012b\\'s\\\\'"},
                 {"\xff", "$'\\377'"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *quoted = text_shell(cases[i].word);
        g_assert_cmpstr(quoted, ==, cases[i].quoted);
    }
}

static void escape(void)
{
    static const struct {
        const char *bytes, *escaped, *line, *word;
    } cases[] = {
        {"a b", "a b", "a b", "\"a b\""},
        {"a\\b", "a\\\\b", "a\\b", "a\\\\b"},
        {"a\nb\x1b", "a\\x0ab\\x1b", "a\\x0ab\\x1b", "a\\x0ab\\x1b"},
        {"\xff\"", "\\xff\"", "\\xff\"", "\"\\xff\\\"\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *escaped = text_escape(cases[i].bytes), *line = text_escape_line(cases[i].bytes);
        g_autofree char *word = text_word(cases[i].bytes), *again = text_escape_line(escaped);
        g_assert_cmpstr(escaped, ==, cases[i].escaped);
        g_assert_cmpstr(line, ==, cases[i].line);
        g_assert_cmpstr(word, ==, cases[i].word);
        g_assert_cmpstr(again, ==, escaped);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/shell", shell);
    g_test_add_func("/text/shell-plain", shell_plain);
    g_test_add_func("/text/escape", escape);
    return g_test_run();
}
