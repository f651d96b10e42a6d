/*
 * compose_node - what a YAML file says, as a tree: mappings, sequences and scalars that know where they stand.
 *
 * Aliases and merge keys are resolved already: a node can hang in several places, so nodes are not changed once they are
 * part of a tree, but for their text by interpolation (compose_interpolate.h), which does it once. One forest owns all
 * nodes of all files of a project.
 */
#ifndef ROFUSE_SRC_COMPOSE_NODE_H
#define ROFUSE_SRC_COMPOSE_NODE_H

#include <glib.h>
#include <stdbool.h>

/* How many nodes all trees of a forest may have together, every alias counted as what it stands for. */
#define COMPOSE_NODES_MAX 100000

enum compose_kind {
    COMPOSE_SCALAR,
    COMPOSE_SEQUENCE,
    COMPOSE_MAPPING,
};

/* What a scalar is by YAML's core schema (1.2.2, chapter 10.3); a sum of them says what is allowed. */
enum compose_type {
    COMPOSE_NULL = 1,
    COMPOSE_BOOL = 2,
    COMPOSE_INT = 4,
    COMPOSE_FLOAT = 8,
    COMPOSE_STRING = 16,
};

/* Compose's own tags, for merging. */
enum compose_tag {
    COMPOSE_TAG_NONE,
    COMPOSE_TAG_RESET,
    COMPOSE_TAG_OVERRIDE,
};

/* One file. */
struct compose_source {
    char *name; /* for error lines, escaped already */
    char *path; /* absolute */
    char *base; /* absolute directory that its relative paths start from */
};

struct compose_node;

struct compose_pair {
    struct compose_node *key; /* a scalar */
    struct compose_node *value;
};

/* Everything that a node points to is owned by its forest; what is here is read freely, and written by this module and
 * those that build or interpolate. */
struct compose_node {
    enum compose_kind kind;
    enum compose_tag tag;
    const struct compose_source *source;
    unsigned line, column; /* from 1; columns count characters */
    guint weight;          /* nodes below it and itself, aliases counted as what they stand for */

    char *text;       /* scalar: never NULL, without NUL bytes */
    bool is_quoted;   /* scalar: quoted, a block, or tagged !!str: a string whatever it looks like */
    bool is_expanded; /* scalar: interpolation has seen it */
    bool is_variable; /* scalar: plain, with a variable in it: a string, or what it looks like now */

    guint n;                     /* of items, or of pairs */
    struct compose_node **items; /* sequence */
    struct compose_pair *pairs;  /* mapping, in the order of the file */
    guint *by_key;               /* mapping: indexes of pairs, sorted by key */
};

struct compose_forest;

struct compose_forest *compose_forest_new(void);
void compose_forest_free(struct compose_forest *forest); /* NULL is allowed */

/* A source in the forest. @name: as people know the file; it is escaped here. */
const struct compose_source *compose_forest_source(struct compose_forest *forest, const char *name, const char *path,
                                                   const char *base);

/* A node in the forest, at the place of @at (or nowhere, where that is NULL). */
struct compose_node *compose_node_new(struct compose_forest *forest, enum compose_kind kind,
                                      const struct compose_node *at);

/* A scalar that counts as quoted. */
struct compose_node *compose_node_new_text(struct compose_forest *forest, const struct compose_node *at,
                                           const char *text);

/* Gives a new sequence its items, a new mapping its pairs; the arrays are copied. */
void compose_node_set_items(struct compose_node *node, struct compose_node *const *items, guint n);

/* The same for a mapping. A key that is there twice makes it fail: FALSE, and @ret_again is the later one of the two. */
gboolean compose_node_set_pairs(struct compose_node *node, const struct compose_pair *pairs, guint n,
                                const struct compose_node **ret_again);

/* The pair with a key, NULL where there is none. */
struct compose_pair *compose_node_find(const struct compose_node *mapping, const char *key);

/* The value of a key, NULL where there is none, where it is !reset, or where @mapping is NULL or no mapping. */
struct compose_node *compose_node_get(const struct compose_node *mapping, const char *key);

/* What a scalar is. One that was quoted or came from a variable is a string; what it looks like otherwise is
 * compose_node_looks_like(). */
enum compose_type compose_node_type(const struct compose_node *scalar);
enum compose_type compose_node_looks_like(const struct compose_node *scalar);

/* NULL, "~", "null" or nothing at all. */
bool compose_node_is_null(const struct compose_node *node);

/* true, yes, on, y, t, 1 and their contraries in any case, as Compose reads them. */
bool compose_node_bool(const struct compose_node *scalar, bool *ret);

/* "FILE:LINE:COLUMN: WHERE: MESSAGE" as APP_ERROR_USAGE; always FALSE. @where NULL: without it. */
gboolean compose_node_fail(const struct compose_node *node, const char *where, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* "FILE:LINE:COLUMN", owned by the caller. */
char *compose_node_place(const struct compose_node *node);

#endif
