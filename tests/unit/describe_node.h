/* Trees of Compose files as text, for tests. */
#ifndef ROFUSE_TESTS_DESCRIBE_NODE_H
#define ROFUSE_TESTS_DESCRIBE_NODE_H

#include "compose_node.h"

/* A tree in one line: {key: value}, [item], "string", and plain scalars with a letter for their type. */
static inline void describe_node(GString *text, const struct compose_node *node)
{
    if (node->tag != COMPOSE_TAG_NONE)
        g_string_append(text, node->tag == COMPOSE_TAG_RESET ? "!reset " : "!override ");
    if (node->kind == COMPOSE_SCALAR) {
        enum compose_type type = compose_node_type(node);
        if (type == COMPOSE_STRING)
            g_string_append_printf(text, "\"%s\"", node->text);
        else
            g_string_append_printf(text, "%s/%c", node->text,
                                   type == COMPOSE_NULL   ? 'n'
                                   : type == COMPOSE_BOOL ? 'b'
                                   : type == COMPOSE_INT  ? 'i'
                                                          : 'f');
        return;
    }
    g_string_append_c(text, node->kind == COMPOSE_MAPPING ? '{' : '[');
    for (guint i = 0; i < node->n; i++) {
        if (i > 0)
            g_string_append(text, ", ");
        if (node->kind == COMPOSE_MAPPING)
            g_string_append_printf(text, "%s: ", node->pairs[i].key->text);
        describe_node(text, node->kind == COMPOSE_MAPPING ? node->pairs[i].value : node->items[i]);
    }
    g_string_append_c(text, node->kind == COMPOSE_MAPPING ? '}' : ']');
}

#endif
