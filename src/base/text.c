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

enum escape {
    ONLY_INVALID = 1,   /* characters that are UTF-8 stay, whatever they are */
    QUOTE = 2,          /* a double quote gets a backslash */
    KEEP_BACKSLASH = 4, /* it is not doubled */
};

static char *escape(const char *bytes, unsigned how)
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
        if (c == '\\' && (how & KEEP_BACKSLASH) == 0)
            g_string_append(text, "\\\\");
        else if ((how & QUOTE) != 0 && c == '"')
            g_string_append(text, "\\\"");
        else if ((how & ONLY_INVALID) == 0 && is_unsafe(c))
            append_hex(text, bytes, length);
        else
            g_string_append_len(text, bytes, (gssize)length);
        bytes += length;
    }
    return g_string_free(text, FALSE);
}

char *text_escape(const char *bytes)
{
    return escape(bytes, 0);
}

char *text_escape_line(const char *line)
{
    return escape(line, KEEP_BACKSLASH);
}

char *text_word(const char *bytes)
{
    if (bytes[0] != '\0' && strpbrk(bytes, " \"") == NULL)
        return escape(bytes, 0);
    g_autofree char *inside = escape(bytes, QUOTE);
    return g_strdup_printf("\"%s\"", inside);
}

char *text_quote(const char *bytes)
{
    bool is_plain = bytes[0] != '\0' && strpbrk(bytes, " \"") == NULL;
    return is_plain ? g_strdup(bytes) : g_strconcat("\"", bytes, "\"", NULL);
}

/* Three octal digits end by themselves in every shell, hexadecimal ones do not. */
static char *shell_quote_unsafe(const char *word)
{
    g_autofree char *escaped = escape(word, 0);
    GString *quoted = g_string_new("$'");
    for (const char *c = escaped; *c != '\0'; c++) {
        if (*c == '\'') {
            g_string_append(quoted, "\\'");
        } else if (*c != '\\') {
            g_string_append_c(quoted, *c);
        } else if (*++c == '\\') {
            g_string_append(quoted, "\\\\");
        } else { /* \xHH */
            int byte = g_ascii_xdigit_value(c[1]) * 16 + g_ascii_xdigit_value(c[2]);
            g_string_append_printf(quoted, "\\%03o", (unsigned)byte);
            c += 2;
        }
    }
    g_string_append_c(quoted, '\'');
    return g_string_free(quoted, FALSE);
}

char *text_shell(const char *word)
{
    g_autofree char *line = text_escape_line(word);
    if (strcmp(line, word) != 0)
        return shell_quote_unsafe(word);
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
    return escape(bytes, ONLY_INVALID);
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
