/* Text in columns of a terminal, and a line that is edited. */
#include "watch_edit.h"
#include "watch_text.h"

#include <string.h>

#define NOON 1767268800 /* 2026-01-01T12:00:00Z */

static const struct timespec now = {NOON, 0};

static void test_widths(void)
{
    static const struct {
        const char *text;
        int width;
        enum watch_cut cut;
        bool utf8;
        const char *fitted;
    } cases[] = {
        {"abc", 5, WATCH_CUT_END, true, "abc  "},
        {"abc", 3, WATCH_CUT_END, true, "abc"},
        {"abcd", 3, WATCH_CUT_END, true, "ab\xe2\x80\xa6"},
        {"abcd", 3, WATCH_CUT_BEGIN, true,
         "\xe2\x80\xa6"
         "cd"},
        {"abcd", 3, WATCH_CUT_END, false, "ab~"},
        {"abcd", 3, WATCH_CUT_BEGIN, false, "~cd"},
        {"abcd", 1, WATCH_CUT_END, false, "~"},
        {"abcd", 0, WATCH_CUT_END, false, ""},
        {"", 2, WATCH_CUT_END, false, "  "},
        /* Wide characters, and one that takes no column of its own. */
        {"\xe6\xbc\xa2\xe5\xad\x97", 4, WATCH_CUT_END, true, "\xe6\xbc\xa2\xe5\xad\x97"},
        {"\xe6\xbc\xa2\xe5\xad\x97", 3, WATCH_CUT_END, true, "\xe6\xbc\xa2\xe2\x80\xa6"},
        {"\xe6\xbc\xa2\xe5\xad\x97", 2, WATCH_CUT_END, true, "\xe2\x80\xa6 "},
        {"e\xcc\x81x", 2, WATCH_CUT_END, true, "e\xcc\x81x"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *fitted = watch_text_fit(cases[i].text, cases[i].width, cases[i].cut, cases[i].utf8);
        g_assert_cmpstr(fitted, ==, cases[i].fitted);
        g_assert_cmpint(watch_text_width(fitted), ==, cases[i].width);
    }
    g_autofree char *safe = watch_text_safe("/a\x1b[2J\xff\xc3\xbc", false);
    g_assert_cmpstr(safe, ==, "/a\\x1b[2J\\xff\\xc3\\xbc");
    g_autofree char *wide = watch_text_safe("/a\x1b[2J\xff\xc3\xbc", true);
    g_assert_cmpstr(wide, ==, "/a\\x1b[2J\\xff\xc3\xbc");
}

static void test_wrapping(void)
{
    static const struct {
        const char *text;
        int width, indent;
        const char *lines;
    } cases[] = {
        {"one two three", 20, 2, "one two three"},
        {"one two three", 7, 2, "one two|  three"},
        {"one two three", 8, 0, "one two|three"},
        {"abcdefghij", 4, 0, "abcd|efgh|ij"},
        {"x abcdefghij", 4, 0, "x|abcd|efgh|ij"},
        {"", 4, 0, ""},
        {"ab  cd", 2, 0, "ab|cd"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
        watch_text_wrap(lines, cases[i].text, cases[i].width, cases[i].indent);
        g_ptr_array_add(lines, NULL);
        g_autofree char *joined = g_strjoinv("|", (char **)lines->pdata);
        /* On narrow screens the indentation gives way. */
        g_autofree char *wanted = g_strdup(cases[i].lines);
        if (cases[i].width < 8 + cases[i].indent) {
            g_auto(GStrv) parts = g_strsplit(wanted, "|  ", -1);
            g_free(wanted);
            wanted = g_strjoinv("|", parts);
        }
        g_assert_cmpstr(joined, ==, wanted);
    }
}

static void test_ages(void)
{
    static const struct {
        int ago;
        const char *age;
    } cases[] = {{-5, "0s"},      {0, "0s"},      {99, "99s"},
                 {100, "1m"},     {5999, "99m"},  {6000, "1h"},
                 {359999, "99h"}, {360000, "4d"}, {86400 * 20000, "999d"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct timespec then = {NOON - cases[i].ago, 0};
        g_autofree char *age = watch_text_age(&then, &now);
        g_assert_cmpstr(age, ==, cases[i].age);
    }
}

static void type(struct watch_edit *edit, const char *text)
{
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c))
        g_assert_true(watch_edit_key(edit, (int)g_utf8_get_char(c)));
}

static void test_editing(void)
{
    struct watch_edit edit = {0};
    watch_edit_init(&edit, "ab");
    type(&edit, "c\xc3\xbc");
    g_assert_cmpstr(edit.text->str, ==, "abc\xc3\xbc");
    watch_edit_key(&edit, WATCH_KEY_BACKSPACE);
    watch_edit_key(&edit, WATCH_KEY_LEFT);
    watch_edit_key(&edit, WATCH_KEY_LEFT);
    type(&edit, "\xe6\xbc\xa2");
    g_assert_cmpstr(edit.text->str, ==,
                    "a\xe6\xbc\xa2"
                    "bc");
    watch_edit_key(&edit, WATCH_KEY_LEFT);
    watch_edit_key(&edit, WATCH_KEY_DELETE);
    g_assert_cmpstr(edit.text->str, ==, "abc");
    watch_edit_key(&edit, WATCH_KEY_HOME);
    watch_edit_key(&edit, WATCH_KEY_BACKSPACE);
    watch_edit_key(&edit, WATCH_KEY_LEFT);
    type(&edit, "/");
    watch_edit_key(&edit, WATCH_KEY_END);
    watch_edit_key(&edit, WATCH_KEY_RIGHT);
    watch_edit_key(&edit, WATCH_KEY_DELETE);
    type(&edit, "!");
    g_assert_cmpstr(edit.text->str, ==, "/abc!");
    g_assert_false(watch_edit_key(&edit, 27));
    g_assert_false(watch_edit_key(&edit, 0x202e)); /* would turn the line's direction */
    g_assert_false(watch_edit_key(&edit, WATCH_KEY_PAGE_UP));
    watch_edit_key(&edit, WATCH_KEY_LEFT);
    watch_edit_key(&edit, WATCH_CONTROL('k'));
    g_assert_cmpstr(edit.text->str, ==, "/abc");
    watch_edit_key(&edit, WATCH_CONTROL('u'));
    g_assert_cmpstr(edit.text->str, ==, "");
    watch_edit_clear(&edit);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/watch_text/widths", test_widths);
    g_test_add_func("/watch_text/wrapping", test_wrapping);
    g_test_add_func("/watch_text/ages", test_ages);
    g_test_add_func("/watch_text/editing", test_editing);
    return g_test_run();
}
