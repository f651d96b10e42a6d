#include "compose_words.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* Copies what stands in quotes; returns the closing one, NULL where there is none. */
static const char *copy_quoted(const char *text, char quote, GString *word)
{
    for (; *text != '\0' && *text != quote; text++) {
        bool is_escape = quote == '"' && *text == '\\' && text[1] != '\0' && strchr("$`\"\\\n", text[1]) != NULL;
        if (is_escape)
            text++;
        if (!is_escape || *text != '\n')
            g_string_append_c(word, *text);
    }
    return *text == quote ? text : NULL;
}

char **compose_words_split(const char *text, const char **ret_message)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) word = g_string_new(NULL);
    bool is_in_word = false;
    for (;; text++) {
        if (*text == '\0' || strchr(" \t\r\n", *text) != NULL) {
            if (is_in_word)
                g_ptr_array_add(words, g_strdup(word->str));
            is_in_word = false;
            g_string_truncate(word, 0);
            if (*text == '\0')
                break;
            continue;
        }
        if (*text == '\\' && text[1] == '\n') { /* a line that goes on */
            text++;
            continue;
        }
        is_in_word = true;
        if (*text == '\'' || *text == '"') {
            text = copy_quoted(text + 1, *text, word);
            if (text == NULL) {
                *ret_message = "a quote is never closed; close it, or write the command as a list";
                return NULL;
            }
        } else if (*text == '\\' && text[1] == '\0') {
            *ret_message = "the last character is a backslash, with nothing behind it; remove it, or double it";
            return NULL;
        } else {
            text += *text == '\\';
            g_string_append_c(word, *text);
        }
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}
