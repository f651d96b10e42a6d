#include "run_pattern.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define RANDOM_LENGTH 6 /* mkstemp(3)'s XXXXXX */
#define NUMBER_LENGTH 4
#define HASH_LENGTH 12 /* what docker shows of an id */

/* Whether mkstemp(3) could have made it and a person would hardly have. */
static bool is_random(const char *text, size_t n)
{
    size_t digits = 0, lower = 0, upper = 0;
    for (size_t i = 0; i < n; i++) {
        digits += g_ascii_isdigit(text[i]);
        lower += g_ascii_islower(text[i]);
        upper += g_ascii_isupper(text[i]);
    }
    /* "Makefile2" and "libssl3" end with their number; "StartupLog" has its capitals where words begin. */
    size_t trailing = 0;
    while (trailing < n && g_ascii_isdigit(text[n - 1 - trailing]))
        trailing++;
    bool ends_with_number = trailing == digits && upper == 0;
    if (digits > 0)
        return lower + upper > 0 && !ends_with_number;
    return lower > 0 && upper > 1;
}

/* A digest, an id: long, hexadecimal, not a number. */
static bool is_hash(const char *text, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n; i++) {
        if (!g_ascii_isxdigit(text[i]))
            return false;
        digits += g_ascii_isdigit(text[i]);
    }
    return n >= HASH_LENGTH && digits > 0 && digits < n;
}

static void append_star(GString *pattern)
{
    if (pattern->len == 0 || pattern->str[pattern->len - 1] != '*')
        g_string_append_c(pattern, '*');
}

/* Letters and digits without anything between them. */
static void append_word(GString *pattern, const char *word, size_t n)
{
    size_t kept = is_hash(word, n) ? 0 : n;
    while (kept >= RANDOM_LENGTH && is_random(word + kept - RANDOM_LENGTH, RANDOM_LENGTH))
        kept -= RANDOM_LENGTH;
    /* What is left of a longer random word. */
    if (kept > 0 && kept < n && kept < RANDOM_LENGTH && is_random(word, kept))
        kept = 0;
    for (size_t i = 0; i < kept;) {
        size_t digits = 0;
        while (i + digits < kept && g_ascii_isdigit(word[i + digits]))
            digits++;
        if (digits >= NUMBER_LENGTH) {
            append_star(pattern);
            i += digits;
        } else {
            g_string_append_len(pattern, word + i, (gssize)MAX(digits, 1));
            i += MAX(digits, 1);
        }
    }
    if (kept < n)
        append_star(pattern);
}

char *run_pattern_of(const char *name)
{
    GString *pattern = g_string_new(NULL);
    while (*name != '\0') {
        size_t n = 0;
        while (g_ascii_isalnum(name[n]))
            n++;
        append_word(pattern, name, n);
        name += n;
        if (*name != '\0')
            g_string_append_c(pattern, *name++);
    }
    return g_string_free(pattern, FALSE);
}
