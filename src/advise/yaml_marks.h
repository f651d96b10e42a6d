/*
 * yaml_marks - a YAML file as a tree whose nodes know which bytes of the file they are, for edits that leave the rest alone.
 *
 * Aliases are not resolved, keys need not be unique: compose_yaml.h is for meaning. Limits as there: 1 MiB, 32 levels, 100000
 * nodes, one document.
 */
#ifndef ROFUSE_SRC_YAML_MARKS_H
#define ROFUSE_SRC_YAML_MARKS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

enum yaml_marks_kind {
    YAML_MARKS_SCALAR,
    YAML_MARKS_ALIAS,
    YAML_MARKS_SEQUENCE,
    YAML_MARKS_MAPPING,
};

struct yaml_marked {
    enum yaml_marks_kind kind;
    bool is_flow;     /* [a, b] and {a: b} */
    bool is_block;    /* scalar: | or > */
    char quote;       /* scalar: '"', '\'', or 0 */
    char *text;       /* scalar: its value; alias: the anchor's name; else NULL */
    char *anchor;     /* or NULL */
    char *tag;        /* or NULL */
    size_t start;     /* byte; of a block collection its first "-" or key; anchor and tag included */
    size_t end;       /* byte behind the last one of its content: comments and blank lines behind are not part of it */
    size_t line;      /* of start, from 0 */
    size_t column;    /* of start, characters from 0 */
    GPtrArray *items; /* sequence: its items; mapping: key and value in turn; borrowed from the tree */
};

struct yaml_marks {
    struct yaml_marked *root; /* NULL for a file that says nothing */
    GPtrArray *nodes;         /* all of them, owned */
    GPtrArray *aliases;       /* names of anchors that aliases refer to; borrowed from nodes */
};

/* @name: of the file, for the error line. Owned by the caller, yaml_marks_free(). NULL with one line. */
struct yaml_marks *yaml_marks_parse(const char *name, const char *text, size_t length, GError **error);
void yaml_marks_free(struct yaml_marks *marks); /* NULL is allowed */

/* The value of a key that stands in a mapping itself, and the key; NULL where it does not, or @mapping is none. */
struct yaml_marked *yaml_marks_get(const struct yaml_marked *mapping, const char *key, struct yaml_marked **ret_key);

/* Whether something refers to a node, or to one that it is made of, by its anchor. */
bool yaml_marks_is_shared(const struct yaml_marks *marks, const struct yaml_marked *node);

/* Whether it is a scalar that says nothing: nothing at all, "~", "null". */
bool yaml_marks_is_null(const struct yaml_marked *node);

#endif
