#include "compose_interpolate.h"

#include "text.h"

#include <string.h>

struct expansion {
    struct compose_interpolation *state;
    const char *place;
    GString *out;
    char *message; /* set when it failed; owned */
};

static bool expand(struct expansion *expansion, const char *text, gsize length, int depth);

static size_t name_length(const char *text, const char *end)
{
    const char *c = text;
    while (c < end && (g_ascii_isalpha(*c) || *c == '_' || (c > text && g_ascii_isdigit(*c))))
        c++;
    return (size_t)(c - text);
}

static bool append(struct expansion *expansion, const char *text, gsize length)
{
    if (length > expansion->state->budget) {
        expansion->message = g_strdup_printf("with variables replaced the values have more than %d bytes; use fewer",
                                             COMPOSE_EXPANDED_MAX);
        return false;
    }
    expansion->state->budget -= length;
    g_string_append_len(expansion->out, text, (gssize)length);
    return true;
}

static const char *look_up(const struct compose_interpolation *state, const char *name)
{
    const char *value = compose_vars_get(state->vars, name);
    return value == NULL && state->more != NULL ? compose_vars_get(state->more, name) : value;
}

static bool append_value(struct expansion *expansion, const char *name, const char *value)
{
    if (value != NULL)
        return append(expansion, value, strlen(value));
    if (compose_vars_get(expansion->state->missing, name) == NULL)
        compose_vars_set(expansion->state->missing, name, expansion->place);
    return true;
}

static bool fail(struct expansion *expansion, const char *piece, const char *end, const char *message)
{
    g_autofree char *bytes = g_strndup(piece, (gsize)MIN(end - piece, 60));
    g_autofree char *shown = text_word(bytes);
    expansion->message = g_strdup_printf("%s: %s", shown, message);
    return false;
}

/* The brace that closes the one before @text: those that "${" opens inside are skipped. NULL where there is none. */
static const char *closing_brace(const char *text, const char *end)
{
    for (int open = 1; text < end; text++) {
        if (text[0] == '$' && text + 1 < end && (text[1] == '$' || text[1] == '{')) {
            open += text[1] == '{';
            text++;
        } else if (text[0] == '}' && --open == 0) {
            return text;
        }
    }
    return NULL;
}

/* ${V:?word} of a variable that is not there. */
static bool fail_required(struct expansion *expansion, const char *name, const char *word, const char *close,
                          bool is_set, int depth)
{
    struct expansion inner = {.state = expansion->state, .place = expansion->place, .out = g_string_new(NULL)};
    if (expand(&inner, word, (gsize)(close - word), depth + 1)) {
        g_autofree char *shown = text_escape(inner.out->str);
        expansion->message =
            g_strdup_printf("the variable %s is %s%s%s; set it in the environment or in .env", name,
                            is_set ? "empty" : "not set", *shown != '\0' ? ": " : " and is required", shown);
    } else {
        expansion->message = inner.message;
    }
    g_string_free(inner.out, TRUE);
    return false;
}

/* What follows "${". @ret_end: behind the closing brace. */
static bool expand_braces(struct expansion *expansion, const char *text, const char *end, const char **ret_end,
                          int depth)
{
    const char *dollar = text - 2, *close = closing_brace(text, end);
    if (close == NULL)
        return fail(expansion, dollar, end, "the brace is never closed; add }, or write $$ for a dollar");
    *ret_end = close + 1;
    size_t length = name_length(text, close);
    if (length == 0)
        return fail(expansion, dollar, close + 1, "no variable's name stands here; write ${NAME}, or $$ for a dollar");
    g_autofree char *name = g_strndup(text, length);
    const char *value = look_up(expansion->state, name);
    const char *sign = text + length;
    if (sign == close)
        return append_value(expansion, name, value);
    bool has_colon = *sign == ':';
    sign += has_colon;
    if (sign == close || strchr("-?+", *sign) == NULL)
        return fail(expansion, dollar, close + 1,
                    "after the name only :- - :? ? :+ + have a meaning; write for example ${NAME:-default}, or $$ for "
                    "a dollar");
    bool is_there = value != NULL && !(has_colon && *value == '\0');
    const char *word = sign + 1;
    if (depth >= COMPOSE_NESTED_MAX)
        return fail(expansion, dollar, close + 1, "this is nested too deep; write fewer levels");
    if (*sign == '+')
        return !is_there || expand(expansion, word, (gsize)(close - word), depth + 1);
    if (is_there)
        return append_value(expansion, name, value);
    if (*sign == '-')
        return expand(expansion, word, (gsize)(close - word), depth + 1);
    return fail_required(expansion, name, word, close, value != NULL, depth);
}

static bool expand(struct expansion *expansion, const char *text, gsize length, int depth)
{
    const char *end = text + length;
    while (text < end) {
        const char *dollar = memchr(text, '$', (size_t)(end - text));
        const char *stop = dollar != NULL ? dollar : end;
        if (!append(expansion, text, (gsize)(stop - text)))
            return false;
        if (dollar == NULL)
            return true;
        text = dollar + 1;
        size_t name = name_length(text, end);
        if (text < end && *text == '{') {
            if (!expand_braces(expansion, text + 1, end, &text, depth))
                return false;
        } else if (name > 0) {
            g_autofree char *copy = g_strndup(text, name);
            if (!append_value(expansion, copy, look_up(expansion->state, copy)))
                return false;
            text += name;
        } else {
            text += text < end && *text == '$';
            if (!append(expansion, "$", 1))
                return false;
        }
    }
    return true;
}

char *compose_interpolate(struct compose_interpolation *state, const char *text, const char *place, char **ret_message)
{
    struct expansion expansion = {.state = state, .place = place, .out = g_string_new(NULL)};
    if (expand(&expansion, text, strlen(text), 0))
        return g_string_free(expansion.out, FALSE);
    g_string_free(expansion.out, TRUE);
    *ret_message = expansion.message;
    return NULL;
}

static gboolean interpolate_scalar(struct compose_interpolation *state, struct compose_node *node, GError **error)
{
    if (node->is_expanded)
        return TRUE;
    node->is_expanded = true;
    if (strchr(node->text, '$') == NULL)
        return TRUE;
    g_autofree char *place = compose_node_place(node), *message = NULL;
    char *text = compose_interpolate(state, node->text, place, &message);
    if (text == NULL)
        return compose_node_fail(node, NULL, error, "%s", message);
    g_free(node->text);
    node->text = text;
    node->is_variable = true;
    return TRUE;
}

gboolean compose_interpolate_tree(struct compose_interpolation *state, struct compose_node *node, GError **error)
{
    if (node->kind == COMPOSE_SCALAR)
        return interpolate_scalar(state, node, error);
    for (guint i = 0; i < node->n; i++) {
        if (!compose_interpolate_tree(state, node->kind == COMPOSE_MAPPING ? node->pairs[i].value : node->items[i],
                                      error))
            return FALSE;
    }
    return TRUE;
}
