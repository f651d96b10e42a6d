#include "pattern.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_LENGTH 6 /* mkstemp(3)'s XXXXXX */
#define MOST_MORE 4     /* of which there may be so many more */
#define NUMBER_LENGTH 4
#define HASH_LENGTH 12    /* what docker shows of an id */
#define TEMPFILE_LENGTH 8 /* of Python's tempfile, of [a-z0-9_] */

/* What stands between the numbers of a date and a time. */
#define BETWEEN_NUMBERS "-_.:T+"

static const char base36[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
static const char hex[] = "0123456789abcdef";
static const char base62[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

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

/* A long word in which letters and digits take turns again and again, as in the id of a session. */
static bool is_long_id(const char *text, size_t n)
{
    enum { ID_LENGTH = 20, TURNS = 5 };
    size_t turns = 0;
    for (size_t i = 1; i < n; i++)
        turns += !g_ascii_isdigit(text[i - 1]) != !g_ascii_isdigit(text[i]);
    return n >= ID_LENGTH && turns >= TURNS;
}

/* Length of a UUID (RFC 9562) that a text begins with, or 0. */
static size_t uuid_length(const char *text)
{
    static const char form[] = "00000000-0000-0000-0000-000000000000";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (form[i] == '0' ? !g_ascii_isxdigit(text[i]) : text[i] != form[i])
            return 0;
    }
    return g_ascii_isalnum(text[sizeof form - 1]) ? 0 : sizeof form - 1;
}

/* Length of an id of a message of Exim's that a name begins with, or 0: seconds, a process and a fraction in base 62. Ids of
 * processes are so small that theirs begins with zeros. */
static size_t exim_id_length(const char *text)
{
    static const size_t forms[][3] = {{6, 6, 2}, {6, 11, 4}}; /* up to 4.96, and since */
    const char *process = strchr(text, '-');
    if (process == NULL || strncmp(process, "-00", 3) != 0)
        return 0;
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        size_t at = 0, parts = 0;
        while (parts < G_N_ELEMENTS(forms[i]) && strspn(text + at, base62) == forms[i][parts]) {
            at += forms[i][parts++];
            at += parts < G_N_ELEMENTS(forms[i]) && text[at] == '-';
        }
        if (parts == G_N_ELEMENTS(forms[i]))
            return at;
    }
    return 0;
}

static size_t digits_at(const char *text)
{
    return strspn(text, "0123456789");
}

static bool is_pid(const char *digits, size_t n, const struct pattern_hints *hints)
{
    if (hints == NULL || n > 9 || *digits == '0')
        return false;
    g_autofree char *text = g_strndup(digits, n);
    pid_t number = (pid_t)strtol(text, NULL, 10);
    for (size_t i = 0; number > 1 && i < PATTERN_MOST_PIDS; i++) {
        if (hints->pids[i] == number)
            return true;
    }
    return false;
}

/* Whether a number is one of those that a version has: the 2 of "php8.2". The ids in a container are small, too. */
static bool is_of_version(const char *name, size_t at, size_t n)
{
    bool follows = at >= 2 && name[at - 1] == '.' && g_ascii_isdigit(name[at - 2]);
    bool goes_on = name[at + n] == '.' && g_ascii_isdigit(name[at + n + 1]);
    return n < NUMBER_LENGTH && (follows || goes_on);
}

/*
 * Length of numbers that belong together ("2024-11-24T12:30:00") at a place in a name, one of them long or an id of the
 * process, so that they change; 0 where they do not. What follows them is no letter, or the Z of a time.
 */
static size_t numbers_length(const char *name, size_t at, const struct pattern_hints *hints)
{
    const char *text = name + at;
    size_t length = 0, groups = 0, good = 0;
    bool changes = false, has_colon = false;
    for (;;) {
        size_t n = digits_at(text + length);
        if (n == 0)
            break;
        groups++;
        changes |= n >= NUMBER_LENGTH || (is_pid(text + length, n, hints) && !is_of_version(name, at + length, n));
        length += n;
        if (!g_ascii_isalpha(text[length]))
            good = length;
        else if (text[length] == 'Z' && !g_ascii_isalnum(text[length + 1]))
            good = length + 1;
        if (text[length] == '\0' || strchr(BETWEEN_NUMBERS, text[length]) == NULL)
            break;
        has_colon |= text[length] == ':';
        length++;
    }
    return changes || (has_colon && groups > 2) ? good : 0;
}

static void append_star(GString *pattern)
{
    if (pattern->len == 0 || pattern->str[pattern->len - 1] != '*')
        g_string_append_c(pattern, '*');
}

/* The beginning of a word, of which long numbers change. */
static void append_kept(GString *pattern, const char *word, size_t n, const struct pattern_hints *hints)
{
    enum { PID_LENGTH = 3 }; /* a shorter one could be part of the word: "libssl3" */
    for (size_t i = 0; i < n;) {
        size_t digits = MIN(digits_at(word + i), n - i);
        if (digits >= NUMBER_LENGTH || (digits >= PID_LENGTH && is_pid(word + i, digits, hints)))
            append_star(pattern);
        else
            g_string_append_len(pattern, word + i, (gssize)MAX(digits, 1));
        i += MAX(digits, 1);
    }
}

/*
 * Letters and digits without anything between them. Behind a separator, the few letters before a random end belong to it:
 * mkstemp(3) may be told to make up more than six.
 */
static void append_word(GString *pattern, const char *word, size_t n, const struct pattern_hints *hints)
{
    bool is_behind = pattern->len > 0 && !g_ascii_isalnum(pattern->str[pattern->len - 1]);
    size_t kept = is_hash(word, n) || is_long_id(word, n) ? 0 : n;
    while (kept >= RANDOM_LENGTH && is_random(word + kept - RANDOM_LENGTH, RANDOM_LENGTH))
        kept -= RANDOM_LENGTH;
    /* What is left of a longer random word. */
    if (kept > 0 && kept < n && kept < RANDOM_LENGTH && ((is_behind && kept <= MOST_MORE) || is_random(word, kept)))
        kept = 0;
    append_kept(pattern, word, kept, hints);
    if (kept < n)
        append_star(pattern);
}

static void append_name(GString *pattern, const char *name, const struct pattern_hints *hints)
{
    for (size_t at = 0; name[at] != '\0';) {
        size_t n = 0, changing = uuid_length(name + at);
        if (changing == 0)
            changing = exim_id_length(name + at);
        while (g_ascii_isalnum(name[at + n]))
            n++;
        if (changing == 0)
            changing = numbers_length(name, at, hints);
        if (changing > 0)
            append_star(pattern);
        else if (n > 0)
            append_word(pattern, name + at, n, hints);
        at += changing > 0 ? changing : n;
        /* The numbers may have ended within a word's reach, at another separator. */
        if (name[at] != '\0' && !g_ascii_isalnum(name[at]))
            g_string_append_c(pattern, name[at++]);
    }
}

/*
 * Forms that one program or library gives its names, all of which changes behind the prefix: how much of the name that is
 * (the prefix with it), or 0.
 */
static size_t known_form(const char *name, size_t *ret_prefix)
{
    static const struct {
        const char *prefix, *alphabet;
        size_t least, most;
    } forms[] = {
        {"sed", base62, 6, 6},          /* sed -i */
        {"tmp", base36, 8, 8},          /* Python's tempfile */
        {"tmp.", base62, 6, 10},        /* mktemp(1) */
        {".nfs", hex, 8, 32},           /* NFS: an open file that was removed */
        {"core.", "0123456789", 1, 10}, /* core(5) */
        {".fuse_hidden", hex, 16, 24},  /* libfuse's */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        size_t prefix = strlen(forms[i].prefix);
        if (strncmp(name, forms[i].prefix, prefix) != 0)
            continue;
        size_t n = strspn(name + prefix, forms[i].alphabet);
        char next = name[prefix + n];
        if (n >= forms[i].least && n <= forms[i].most && (next == '\0' || next == '.')) {
            *ret_prefix = prefix;
            return prefix + n;
        }
    }
    return 0;
}

/* How long a name is without the suffix of a file's kind, which a library puts behind what it made up: ".log". */
static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot[1] != '\0' && strspn(dot + 1, "abcdefghijklmnopqrstuvwxyz") == strlen(dot + 1)
               ? (size_t)(dot - name)
               : strlen(name);
}

/* Whether what Python's tempfile made up ends at @length of a name, by itself or behind a prefix: "wgunicorn-a1b2c3d4". */
static bool is_tempfile(const char *name, size_t length)
{
    return length >= TEMPFILE_LENGTH && strspn(name + length - TEMPFILE_LENGTH, base36) >= TEMPFILE_LENGTH &&
           (length == TEMPFILE_LENGTH || !g_ascii_isalnum(name[length - TEMPFILE_LENGTH - 1]));
}

/* The same before a suffix, where a person may have written it: only what no word is like. */
static bool is_odd_tempfile(const char *name, size_t length)
{
    return is_tempfile(name, length) && strcspn(name + length - TEMPFILE_LENGTH, "0123456789_") < TEMPFILE_LENGTH;
}

/*
 * Where what a library made up begins in a name, or the name's length where there is no such thing. @ret_end: where it ends.
 */
static size_t made_up_at(const char *name, const struct pattern_hints *hints, size_t *ret_end)
{
    enum { SYSTEMD_LENGTH = 16 }; /* ".#NAME" and 64 bits in hexadecimal */
    size_t length = *ret_end = strlen(name);
    if (g_str_has_prefix(name, ".#") && length > 2 + SYSTEMD_LENGTH &&
        strspn(name + length - SYSTEMD_LENGTH, hex) == SYSTEMD_LENGTH)
        return length - SYSTEMD_LENGTH;
    if (hints == NULL || !hints->is_made_up)
        return length;
    if (is_odd_tempfile(name, stem_length(name))) {
        *ret_end = stem_length(name);
        return *ret_end - TEMPFILE_LENGTH;
    }
    if (is_tempfile(name, length))
        return length - TEMPFILE_LENGTH;
    if (length < RANDOM_LENGTH || strspn(name + length - RANDOM_LENGTH, base62) != RANDOM_LENGTH)
        return length;
    size_t at = length - RANDOM_LENGTH, more = 0;
    while (more < at && g_ascii_isalnum(name[at - more - 1]))
        more++;
    return more <= MOST_MORE && more < at ? at - more : at;
}

char *pattern_of(const char *name, const struct pattern_hints *hints)
{
    GString *pattern = g_string_new(NULL);
    size_t prefix, end, whole = known_form(name, &prefix), at = made_up_at(name, hints, &end);
    if (whole > 0) {
        g_string_append_len(pattern, name, (gssize)prefix);
        append_star(pattern);
        append_name(pattern, name + whole, hints);
    } else {
        g_autofree char *before = g_strndup(name, at);
        append_name(pattern, before, hints);
        if (at < end)
            append_star(pattern);
        g_string_append(pattern, name + end);
    }
    return g_string_free(pattern, FALSE);
}

static bool is_changing_directory(const char *name, const struct pattern_hints *hints)
{
    size_t length = strlen(name);
    bool is_number = length > 0 && digits_at(name) == length;
    return (is_number && (length >= NUMBER_LENGTH || is_pid(name, length, hints))) || is_hash(name, length) ||
           (length > 0 && uuid_length(name) == length);
}

char *pattern_of_directory(const char *path, const struct pattern_hints *hints)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    for (char **name = names; *name != NULL; name++) {
        size_t prefix;
        char *pattern = NULL;
        if (is_changing_directory(*name, hints))
            pattern = g_strdup("*");
        else if (known_form(*name, &prefix) > 0)
            pattern = pattern_of(*name, hints);
        if (pattern == NULL)
            continue;
        g_free(*name);
        *name = pattern;
    }
    return g_strjoinv("/", names);
}

/* Marks a place in the pattern as reached, and what follows the stars there, which may stand for nothing. */
static void reach(const char *pattern, bool *reached, size_t at)
{
    reached[at] = true;
    while (pattern[at] == '*')
        reached[++at] = true;
}

bool pattern_covers(const char *pattern, const char *place)
{
    size_t length = strlen(pattern);
    g_autofree bool *now = g_new0(bool, length + 1), *next = g_new0(bool, length + 1);
    reach(pattern, now, 0);
    for (const char *c = place; *c != '\0'; c++) {
        memset(next, 0, (length + 1) * sizeof *next);
        for (size_t i = 0; i < length; i++) {
            bool is_any = pattern[i] == '*' && ((i > 0 && pattern[i - 1] == '*') || pattern[i + 1] == '*');
            if (now[i] && pattern[i] == '*' && (is_any || *c != '/'))
                reach(pattern, next, i);
            else if (now[i] && pattern[i] == *c)
                reach(pattern, next, i + 1);
        }
        bool *other = now;
        now = next;
        next = other;
    }
    return now[length];
}
