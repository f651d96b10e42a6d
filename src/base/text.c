#include "text.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* What a terminal or a reader by lines would not show as one character of a line. */
static bool is_unsafe(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return !g_unichar_isprint(c) || type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

static void append_hex(GString *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        g_string_append_printf(text, "\\x%02x", (unsigned char)bytes[i]);
}

/* @only_invalid: characters that are UTF-8 stay, whatever they are. @quote: a double quote gets a backslash. */
static char *escape(const char *bytes, bool only_invalid, bool quote)
{
    GString *text = g_string_sized_new(strlen(bytes) + 8);
    const char *end = bytes + strlen(bytes);
    while (bytes < end) {
        gunichar c = g_utf8_get_char_validated(bytes, end - bytes);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            append_hex(text, bytes, 1);
            bytes++;
            continue;
        }
        size_t length = (size_t)(g_utf8_next_char(bytes) - bytes);
        if (c == '\\')
            g_string_append(text, "\\\\");
        else if (quote && c == '"')
            g_string_append(text, "\\\"");
        else if (!only_invalid && is_unsafe(c))
            append_hex(text, bytes, length);
        else
            g_string_append_len(text, bytes, (gssize)length);
        bytes += length;
    }
    return g_string_free(text, FALSE);
}

char *text_escape(const char *bytes)
{
    return escape(bytes, false, false);
}

char *text_word(const char *bytes)
{
    if (bytes[0] != '\0' && strpbrk(bytes, " \"") == NULL)
        return escape(bytes, false, false);
    g_autofree char *inside = escape(bytes, false, true);
    return g_strdup_printf("\"%s\"", inside);
}

char *text_quote(const char *bytes)
{
    bool is_plain = bytes[0] != '\0' && strpbrk(bytes, " \"") == NULL;
    return is_plain ? g_strdup(bytes) : g_strconcat("\"", bytes, "\"", NULL);
}

char *text_shell(const char *word)
{
    static const char safe[] = "%+,-./:=@_";
    bool is_plain = *word != '\0';
    for (const char *c = word; *c != '\0'; c++)
        is_plain &= g_ascii_isalnum(*c) || strchr(safe, *c) != NULL;
    return is_plain ? g_strdup(word) : g_shell_quote(word);
}

char *text_repair(const char *bytes)
{
    if (g_utf8_validate(bytes, -1, NULL))
        return NULL;
    return escape(bytes, true, false);
}

char *text_clean_path(const char *path)
{
    GString *clean = g_string_sized_new(strlen(path) + 1);
    while (*path != '\0') {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            const char *last = strrchr(clean->str, '/');
            g_string_truncate(clean, last != NULL ? (gsize)(last - clean->str) : 0);
        } else if (length > 0 && !(length == 1 && path[0] == '.')) {
            g_string_append_c(clean, '/');
            g_string_append_len(clean, path, (gssize)length);
        }
        path += length;
    }
    if (clean->len == 0)
        g_string_append_c(clean, '/');
    return g_string_free(clean, FALSE);
}
