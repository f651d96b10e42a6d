#include "quantity.h"

#include <glib.h>
#include <string.h>

/* Decimal digits at the start of @text; g_ascii_string_to_unsigned() would not tell where they end. */
static bool read_digits(const char *text, uint64_t *ret, const char **ret_rest)
{
    if (!g_ascii_isdigit(*text))
        return false;
    uint64_t value = 0;
    for (; g_ascii_isdigit(*text); text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    *ret_rest = text;
    return true;
}

/* How many bits a suffix letter shifts by, -1 for other letters. */
static int suffix_shift(char letter)
{
    switch (g_ascii_tolower(letter)) {
    case 'k':
        return 10;
    case 'm':
        return 20;
    case 'g':
        return 30;
    case 't':
        return 40;
    default:
        return -1;
    }
}

static bool shift_checked(uint64_t value, int shift, uint64_t *ret)
{
    if (value > ((uint64_t)INT64_MAX >> shift))
        return false;
    *ret = value << shift;
    return true;
}

bool quantity_size(const char *text, uint64_t *ret_bytes, unsigned *ret_percent)
{
    uint64_t value;
    const char *rest;
    if (!read_digits(text, &value, &rest))
        return false;
    if (strcmp(rest, "%") == 0) {
        if (value < 1 || value > 100)
            return false;
        *ret_bytes = 0;
        *ret_percent = (unsigned)value;
        return true;
    }
    int shift = 0;
    if (*rest != '\0' && suffix_shift(*rest) >= 0) {
        shift = suffix_shift(*rest);
        rest++;
        if (g_ascii_strcasecmp(rest, "ib") == 0) /* the binary unit by its full name */
            rest++;
    }
    if (g_ascii_strcasecmp(rest, "b") == 0)
        rest++;
    if (*rest != '\0' || !shift_checked(value, shift, &value))
        return false;
    *ret_bytes = value;
    *ret_percent = 0;
    return true;
}

bool quantity_count(const char *text, uint64_t *ret)
{
    uint64_t value;
    const char *rest;
    if (!read_digits(text, &value, &rest))
        return false;
    int shift = 0;
    if (*rest != '\0') {
        shift = suffix_shift(*rest);
        if (shift < 0 || shift > 30 || rest[1] != '\0')
            return false;
    }
    return shift_checked(value, shift, ret);
}

bool quantity_mode(const char *text, mode_t *ret)
{
    if (*text == '\0')
        return false;
    unsigned value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '7')
            return false;
        value = value * 8 + (unsigned)(*text - '0');
        if (value > 07777)
            return false;
    }
    *ret = value;
    return true;
}

bool quantity_id(const char *text, uint32_t *ret)
{
    uint64_t value;
    const char *rest;
    if (!read_digits(text, &value, &rest) || *rest != '\0' || value >= UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

bool quantity_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};
    if (g_strv_contains(yes, text)) {
        *ret = true;
        return true;
    }
    if (g_strv_contains(no, text)) {
        *ret = false;
        return true;
    }
    return false;
}
