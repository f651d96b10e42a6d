#include "watch_text.h"

#include "text.h"

#include <string.h>

char *watch_text_ascii(const char *text, bool utf8)
{
    if (utf8)
        return g_strdup(text);
    GString *safe = g_string_sized_new(2 * strlen(text));
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 128)
            g_string_append_c(safe, *c);
        else
            g_string_append_printf(safe, "\\x%02x", (unsigned char)*c);
    }
    return g_string_free(safe, FALSE);
}

char *watch_text_safe(const char *bytes, bool utf8)
{
    g_autofree char *text = text_escape(bytes);
    return watch_text_ascii(text, utf8);
}

static int width_of(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

int watch_text_width(const char *text)
{
    int width = 0;
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c))
        width += width_of(g_utf8_get_char(c));
    return width;
}

/* The longest beginning that takes no more columns than @width; *ret_width is what it takes. */
static size_t beginning(const char *text, int width, int *ret_width)
{
    const char *c = text;
    *ret_width = 0;
    while (*c != '\0') {
        int more = width_of(g_utf8_get_char(c));
        if (*ret_width + more > width)
            break;
        *ret_width += more;
        c = g_utf8_next_char(c);
    }
    return (size_t)(c - text);
}

/* Where the longest end begins that takes no more columns than @width. */
static const char *ending(const char *text, int width, int *ret_width)
{
    const char *c = text + strlen(text);
    *ret_width = 0;
    while (c > text) {
        const char *before = g_utf8_prev_char(c);
        int more = width_of(g_utf8_get_char(before));
        if (*ret_width + more > width)
            break;
        *ret_width += more;
        c = before;
    }
    return c;
}

char *watch_text_fit(const char *text, int width, enum watch_cut cut, bool utf8)
{
    const char *mark = utf8 ? "\xe2\x80\xa6" : "~";
    GString *fitted = g_string_sized_new((size_t)MAX(width, 0) + 8);
    int taken = watch_text_width(text);
    if (width <= 0)
        return g_string_free(fitted, FALSE);
    if (taken <= width) {
        g_string_append(fitted, text);
    } else if (cut == WATCH_CUT_END) {
        g_string_append_len(fitted, text, (gssize)beginning(text, width - 1, &taken));
        g_string_append(fitted, mark);
        taken++;
    } else {
        const char *end = ending(text, width - 1, &taken);
        g_string_append(fitted, mark);
        g_string_append(fitted, end);
        taken++;
    }
    for (; taken < width; taken++)
        g_string_append_c(fitted, ' ');
    return g_string_free(fitted, FALSE);
}

/* How much of @text makes the next line: up to the last blank that fits, or, where a word is longer than a line, all that
 * fits. */
static size_t next_line(const char *text, int width)
{
    int taken;
    size_t length = beginning(text, width, &taken);
    if (text[length] == '\0' || text[length] == ' ')
        return length;
    for (size_t at = length; at > 0; at--) {
        if (text[at - 1] == ' ')
            return at;
    }
    return length > 0 ? length : (size_t)(g_utf8_next_char(text) - text);
}

void watch_text_wrap(GPtrArray *lines, const char *text, int width, int indent)
{
    bool is_first = true;
    do {
        int before = is_first ? 0 : MIN(indent, MAX(width - 8, 0));
        size_t length = next_line(text, MAX(width - before, 1));
        g_autofree char *piece = g_strchomp(g_strndup(text, length));
        g_ptr_array_add(lines, g_strdup_printf("%*s%s", before, "", piece));
        text += length;
        text += strspn(text, " ");
        is_first = false;
    } while (*text != '\0');
}

char *watch_text_age(const struct timespec *time, const struct timespec *now)
{
    gint64 seconds = MAX((gint64)now->tv_sec - (gint64)time->tv_sec, 0);
    if (seconds < 100)
        return g_strdup_printf("%ds", (int)seconds);
    if (seconds < 100 * 60)
        return g_strdup_printf("%dm", (int)(seconds / 60));
    if (seconds < 100 * 3600)
        return g_strdup_printf("%dh", (int)(seconds / 3600));
    return g_strdup_printf("%dd", (int)MIN(seconds / 86400, 999));
}
