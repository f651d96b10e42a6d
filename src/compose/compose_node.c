#include "compose_node.h"

#include "app_error.h"
#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct compose_forest {
    GPtrArray *nodes;   /* owned */
    GPtrArray *sources; /* owned */
};

static void free_node(gpointer data)
{
    struct compose_node *node = data;
    g_free(node->text);
    g_free(node->items);
    g_free(node->pairs);
    g_free(node->by_key);
    g_free(node);
}

static void free_source(gpointer data)
{
    struct compose_source *source = data;
    g_free(source->name);
    g_free(source->path);
    g_free(source->base);
    g_free(source);
}

struct compose_forest *compose_forest_new(void)
{
    struct compose_forest *forest = g_new0(struct compose_forest, 1);
    forest->nodes = g_ptr_array_new_with_free_func(free_node);
    forest->sources = g_ptr_array_new_with_free_func(free_source);
    return forest;
}

void compose_forest_free(struct compose_forest *forest)
{
    if (forest == NULL)
        return;
    g_ptr_array_unref(forest->nodes);
    g_ptr_array_unref(forest->sources);
    g_free(forest);
}

const struct compose_source *compose_forest_source(struct compose_forest *forest, const char *name, const char *path,
                                                   const char *base)
{
    struct compose_source *source = g_new0(struct compose_source, 1);
    source->name = text_escape(name);
    source->path = g_strdup(path);
    source->base = g_strdup(base);
    g_ptr_array_add(forest->sources, source);
    return source;
}

struct compose_node *compose_node_new(struct compose_forest *forest, enum compose_kind kind,
                                      const struct compose_node *at)
{
    struct compose_node *node = g_new0(struct compose_node, 1);
    node->kind = kind;
    node->weight = 1;
    if (at != NULL) {
        node->source = at->source;
        node->line = at->line;
        node->column = at->column;
    }
    g_ptr_array_add(forest->nodes, node);
    return node;
}

struct compose_node *compose_node_new_text(struct compose_forest *forest, const struct compose_node *at,
                                           const char *text)
{
    struct compose_node *node = compose_node_new(forest, COMPOSE_SCALAR, at);
    node->text = g_strdup(text);
    node->is_quoted = node->is_expanded = true;
    return node;
}

void compose_node_set_items(struct compose_node *node, struct compose_node *const *items, guint n)
{
    node->n = n;
    node->items = g_new(struct compose_node *, n + 1);
    for (guint i = 0; i < n; i++) {
        node->items[i] = items[i];
        node->weight += items[i]->weight;
    }
}

static int compare_indexes(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct compose_pair *pairs = data;
    guint i = *(const guint *)a, j = *(const guint *)b;
    int order = strcmp(pairs[i].key->text, pairs[j].key->text);
    return order != 0 ? order : (i > j) - (i < j);
}

gboolean compose_node_set_pairs(struct compose_node *node, const struct compose_pair *pairs, guint n,
                                const struct compose_node **ret_again)
{
    node->n = n;
    node->pairs = g_new(struct compose_pair, n + 1);
    node->by_key = g_new(guint, n + 1);
    for (guint i = 0; i < n; i++) {
        node->pairs[i] = pairs[i];
        node->by_key[i] = i;
        node->weight += pairs[i].value->weight + 1;
    }
    g_qsort_with_data(node->by_key, (int)n, sizeof(guint), compare_indexes, node->pairs);
    for (guint i = 1; i < n; i++) {
        const struct compose_node *key = node->pairs[node->by_key[i]].key;
        if (strcmp(key->text, node->pairs[node->by_key[i - 1]].key->text) == 0) {
            if (ret_again != NULL)
                *ret_again = key;
            return FALSE;
        }
    }
    return TRUE;
}

struct compose_pair *compose_node_find(const struct compose_node *mapping, const char *key)
{
    guint low = 0, high = mapping->n;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        struct compose_pair *pair = &mapping->pairs[mapping->by_key[middle]];
        int order = strcmp(key, pair->key->text);
        if (order == 0)
            return pair;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct compose_node *compose_node_get(const struct compose_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != COMPOSE_MAPPING)
        return NULL;
    struct compose_pair *pair = compose_node_find(mapping, key);
    return pair != NULL && pair->value->tag != COMPOSE_TAG_RESET ? pair->value : NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
    return g_strv_contains(words, text);
}

static bool is_integer(const char *text)
{
    const char *digits = "0123456789";
    if (g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0o")) {
        digits = text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
        text += 2;
    } else if (*text == '-' || *text == '+') {
        text++;
    }
    return *text != '\0' && strspn(text, digits) == strlen(text);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, and infinity and not-a-number. */
static bool is_float(const char *text)
{
    static const char *const words[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                        "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
    if (is_one_of(text, words))
        return true;
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        size_t fraction = strspn(text + 1, "0123456789");
        text += 1 + fraction;
        whole += fraction;
    }
    if (whole == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text += text[1] == '-' || text[1] == '+' ? 2 : 1;
        size_t exponent = strspn(text, "0123456789");
        return exponent > 0 && text[exponent] == '\0';
    }
    return *text == '\0';
}

enum compose_type compose_node_looks_like(const struct compose_node *scalar)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (is_one_of(scalar->text, nulls))
        return COMPOSE_NULL;
    if (is_one_of(scalar->text, bools))
        return COMPOSE_BOOL;
    if (is_integer(scalar->text))
        return COMPOSE_INT;
    return is_float(scalar->text) ? COMPOSE_FLOAT : COMPOSE_STRING;
}

enum compose_type compose_node_type(const struct compose_node *scalar)
{
    if (scalar->is_quoted || scalar->is_variable)
        return COMPOSE_STRING;
    return compose_node_looks_like(scalar);
}

bool compose_node_is_null(const struct compose_node *node)
{
    return node == NULL || (node->kind == COMPOSE_SCALAR && compose_node_type(node) == COMPOSE_NULL);
}

bool compose_node_bool(const struct compose_node *scalar, bool *ret)
{
    static const char *const yes[] = {"true", "yes", "on", "y", "t", "1", NULL};
    static const char *const no[] = {"false", "no", "off", "n", "f", "0", NULL};
    g_autofree char *lower = g_ascii_strdown(scalar->text, -1);
    bool is_yes = is_one_of(lower, yes);
    if (!is_yes && !is_one_of(lower, no))
        return false;
    *ret = is_yes;
    return true;
}

char *compose_node_place(const struct compose_node *node)
{
    return g_strdup_printf("%s:%u:%u", node->source->name, node->line, node->column);
}

gboolean compose_node_fail(const struct compose_node *node, const char *where, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *place = compose_node_place(node);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s: %s%s%s", place, where != NULL ? where : "",
                where != NULL ? ": " : "", message);
    return FALSE;
}
