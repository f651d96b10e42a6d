#include "run_pattern.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define RANDOM_LENGTH 6 /* mkstemp(3)'s XXXXXX */
#define NUMBER_LENGTH 4

/* Kinds of characters in a piece of a name: letters that only begin with a capital are a word. */
static unsigned count_kinds(const char *text, size_t n)
{
    bool has_digit = false, has_lower = false, has_upper = false;
    for (size_t i = 0; i < n; i++) {
        has_digit |= g_ascii_isdigit(text[i]);
        has_lower |= g_ascii_islower(text[i]);
        has_upper |= g_ascii_isupper(text[i]) && i > 0;
    }
    return (unsigned)has_digit + (unsigned)has_lower + (unsigned)has_upper;
}

static bool is_random(const char *text, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n; i++)
        digits += g_ascii_isdigit(text[i]);
    /* "Makefile2" and "libssl3" end with one digit; a random piece seldom does with all others small letters. */
    return count_kinds(text, n) >= 2 && (count_kinds(text, n) == 3 || digits != 1 || !g_ascii_isdigit(text[n - 1]));
}

static void append_star(GString *pattern)
{
    if (pattern->len == 0 || pattern->str[pattern->len - 1] != '*')
        g_string_append_c(pattern, '*');
}

/* Letters and digits without anything between them. */
static void append_word(GString *pattern, const char *word, size_t n)
{
    size_t kept = n;
    while (kept >= RANDOM_LENGTH && is_random(word + kept - RANDOM_LENGTH, RANDOM_LENGTH))
        kept -= RANDOM_LENGTH;
    /* What is left of a longer random word. */
    if (kept < n && kept < RANDOM_LENGTH && count_kinds(word, kept) >= 2)
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
