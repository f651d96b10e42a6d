#include "compose_dotenv.h"

#include "app_error.h"
#include "text.h"

#include <string.h>

struct scanner {
    const struct compose_dotenv *dotenv;
    const char *at, *end;
    const char *line_start;
    unsigned line;
};

static gboolean fail(const struct scanner *scanner, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean fail(const struct scanner *scanner, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s:%u:%u: %s", scanner->dotenv->name, scanner->line,
                (unsigned)(scanner->at - scanner->line_start) + 1, message);
    return FALSE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end && is_blank(*scanner->at))
        scanner->at++;
}

static const char *line_end(const struct scanner *scanner)
{
    const char *end = memchr(scanner->at, '\n', (size_t)(scanner->end - scanner->at));
    return end != NULL ? end : scanner->end;
}

/* Goes to a place further on, counting lines. */
static void go_to(struct scanner *scanner, const char *to)
{
    for (; scanner->at < to; scanner->at++) {
        if (*scanner->at == '\n') {
            scanner->line++;
            scanner->line_start = scanner->at + 1;
        }
    }
}

/* To the next thing that is neither blank nor a comment; false at the end. */
static bool next_statement(struct scanner *scanner)
{
    while (scanner->at < scanner->end) {
        if (*scanner->at == '#')
            go_to(scanner, line_end(scanner));
        else if (*scanner->at == '\n' || is_blank(*scanner->at))
            go_to(scanner, scanner->at + 1);
        else
            return true;
    }
    return false;
}

static bool is_key_char(char c)
{
    return g_ascii_isalnum(c) || strchr("_.-[]", c) != NULL;
}

/* @ret_alone: nothing follows the key on its line. */
static char *read_key(struct scanner *scanner, bool *ret_alone, GError **error)
{
    const char *stop = line_end(scanner);
    if (stop - scanner->at > 7 && strncmp(scanner->at, "export", 6) == 0 && is_blank(scanner->at[6])) {
        scanner->at += 6;
        skip_blanks(scanner);
    }
    const char *start = scanner->at;
    while (scanner->at < stop && *scanner->at != '\0' && is_key_char(*scanner->at))
        scanner->at++;
    if (scanner->at == start) {
        fail(scanner, error, "no variable's name stands here; write NAME=VALUE, or # before a comment");
        return NULL;
    }
    char *key = g_strndup(start, (gsize)(scanner->at - start));
    skip_blanks(scanner);
    *ret_alone = scanner->at >= stop || *scanner->at == '#';
    if (*ret_alone) {
        go_to(scanner, stop);
    } else if (*scanner->at == '=' || *scanner->at == ':') {
        scanner->at++;
    } else {
        g_autofree char *shown = text_word(key);
        fail(scanner, error, "after the name %s neither = nor the end of the line follows; write %s=VALUE", shown,
             shown);
        g_clear_pointer(&key, g_free);
    }
    return key;
}

/* What a backslash in double quotes means; a dollar gets doubled, so that it is not interpolated. */
static void append_escaped(GString *value, char c)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    if (letter != NULL)
        g_string_append_c(value, meanings[letter - letters]);
    else if (c == '$')
        g_string_append(value, "$$");
    else if (c == '"' || c == '\\')
        g_string_append_c(value, c);
    else
        g_string_append_printf(value, "\\%c", c);
}

static gboolean read_quoted(struct scanner *scanner, char quote, GString *value, GError **error)
{
    const char *c = scanner->at + 1;
    for (; c < scanner->end && *c != quote; c++) {
        if (*c != '\\' || c + 1 == scanner->end) {
            g_string_append_c(value, *c);
        } else if (quote == '"') {
            append_escaped(value, *++c);
        } else if (c[1] == quote) {
            g_string_append_c(value, *++c);
        } else {
            g_string_append_c(value, '\\');
        }
    }
    if (c == scanner->end)
        return fail(scanner, error, "the quote is never closed; close it with %c", quote);
    go_to(scanner, c + 1);
    skip_blanks(scanner);
    if (scanner->at < scanner->end && *scanner->at != '\n' && *scanner->at != '#')
        return fail(scanner, error,
                    "text follows the closing quote; quote all of the value, or write # before a comment");
    return TRUE;
}

/* Up to the end of the line, or to a "#" after a blank. */
static void read_bare(struct scanner *scanner, GString *value)
{
    const char *stop = line_end(scanner), *start = scanner->at, *end = start;
    while (end < stop && !(*end == '#' && end > start && is_blank(end[-1])))
        end++;
    while (end > start && is_blank(end[-1]))
        end--;
    for (const char *c = start; c < end; c++) {
        bool is_escaped = *c == '\\' && c + 1 < end && c[1] == '$';
        if (is_escaped)
            c++;
        g_string_append(value, is_escaped ? "$" : "");
        g_string_append_c(value, *c);
    }
    go_to(scanner, stop);
}

/* The value behind "=", interpolated; owned by the caller. */
static char *read_value(struct scanner *scanner, GError **error)
{
    g_autoptr(GString) value = g_string_new(NULL);
    struct scanner start = *scanner;
    skip_blanks(scanner);
    bool is_commented = scanner->at > start.at && scanner->at < scanner->end && *scanner->at == '#';
    char quote = '\0';
    if (scanner->at < scanner->end)
        quote = *scanner->at;
    start = *scanner;
    if (is_commented)
        go_to(scanner, line_end(scanner));
    else if (quote != '\'' && quote != '"')
        read_bare(scanner, value);
    else if (!read_quoted(scanner, quote, value, error))
        return NULL;
    if (quote == '\'')
        return g_strdup(value->str);
    g_autofree char *place =
        g_strdup_printf("%s:%u:%u", scanner->dotenv->name, start.line, (unsigned)(start.at - start.line_start) + 1);
    char *message = NULL, *text = compose_interpolate(scanner->dotenv->state, value->str, place, &message);
    if (text == NULL)
        fail(&start, error, "%s", message);
    g_free(message);
    return text;
}

static gboolean read_statement(struct scanner *scanner, GError **error)
{
    bool is_alone = false;
    g_autofree char *key = read_key(scanner, &is_alone, error);
    if (key == NULL)
        return FALSE;
    if (is_alone) {
        const char *inherited = compose_vars_get(scanner->dotenv->state->vars, key);
        if (inherited != NULL)
            compose_vars_set(scanner->dotenv->into, key, inherited);
        return TRUE;
    }
    g_autofree char *value = read_value(scanner, error);
    if (value == NULL)
        return FALSE;
    compose_vars_set(scanner->dotenv->into, key, value);
    return TRUE;
}

static gboolean read_raw(struct scanner *scanner, GError **error)
{
    while (next_statement(scanner)) {
        const char *stop = line_end(scanner);
        const char *equals = memchr(scanner->at, '=', (size_t)(stop - scanner->at));
        if (equals == scanner->at)
            return fail(scanner, error, "no variable's name stands before the =; write NAME=VALUE");
        const char *name_end = equals != NULL ? equals : stop;
        g_autofree char *key = g_strndup(scanner->at, (gsize)(name_end - scanner->at));
        g_strchomp(key);
        const char *value_end = stop > scanner->at && stop[-1] == '\r' ? stop - 1 : stop;
        g_autofree char *value = equals != NULL && value_end > equals
                                     ? g_strndup(equals + 1, (gsize)(value_end - equals - 1))
                                     : g_strdup(compose_vars_get(scanner->dotenv->state->vars, key));
        compose_vars_set(scanner->dotenv->into, key, value);
        go_to(scanner, stop);
    }
    return TRUE;
}

gboolean compose_dotenv_parse(const struct compose_dotenv *dotenv, const char *text, size_t length, GError **error)
{
    struct scanner scanner = {.dotenv = dotenv, .at = text, .end = text + length, .line_start = text, .line = 1};
    if (length > COMPOSE_DOTENV_MAX)
        return fail(&scanner, error, "the file has more than %d bytes; it is no file of variables", COMPOSE_DOTENV_MAX);
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* as Windows' editors write it */
        scanner.at = scanner.line_start = text + 3;
    const char *nul = memchr(scanner.at, '\0', (size_t)(scanner.end - scanner.at));
    if (nul != NULL) {
        go_to(&scanner, nul);
        return fail(&scanner, error, "a NUL byte stands here; this is no file of variables");
    }
    if (dotenv->is_raw)
        return read_raw(&scanner, error);
    dotenv->state->more = dotenv->into;
    gboolean done = TRUE;
    while (done && next_statement(&scanner))
        done = read_statement(&scanner, error);
    dotenv->state->more = NULL;
    return done;
}
