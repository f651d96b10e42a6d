#include "compose_yaml.h"

#include "text.h"

#include <string.h>
#include <yaml.h>

struct reader {
    struct compose_forest *forest;
    const struct compose_source *source;
    const char *text;
    size_t length;
    yaml_parser_t parser;
    yaml_event_t event; /* the one under examination */
    bool has_event;
    GTree *anchors; /* name, owned -> struct compose_node; NULL while the node is not complete */
    guint *budget;
    guint depth;
};

static struct compose_node *read_node(struct reader *reader, GError **error);

static int compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

/* A node at a mark, which is not part of any tree: for errors. */
static struct compose_node at_mark(const struct reader *reader, const yaml_mark_t *mark)
{
    return (struct compose_node){
        .source = reader->source, .line = (unsigned)mark->line + 1, .column = (unsigned)mark->column + 1};
}

#define fail_here(reader, error, ...)                                                                                  \
    do {                                                                                                               \
        struct compose_node here_ = at_mark((reader), &(reader)->event.start_mark);                                    \
        compose_node_fail(&here_, NULL, (error), __VA_ARGS__);                                                         \
    } while (0)

/* libyaml says where bytes are no characters by their offset alone. */
static yaml_mark_t mark_of_offset(const struct reader *reader, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < MIN(offset, reader->length); i++) {
        mark.column++;
        if (reader->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static void fail_yaml(const struct reader *reader, GError **error)
{
    const yaml_parser_t *parser = &reader->parser;
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = mark_of_offset(reader, parser->problem_offset);
    struct compose_node here = at_mark(reader, &mark);
    const char *problem = parser->problem != NULL ? parser->problem : "it cannot be read";
    bool is_tab = mark.index < reader->length && reader->text[mark.index] == '\t';
    compose_node_fail(&here, NULL, error, "this is not YAML: %s%s%s; %s", problem, parser->context != NULL ? " " : "",
                      parser->context != NULL ? parser->context : "",
                      is_tab ? "indent with blanks, not with tabs"
                             : "look at the indentation, at quotes and at what stands before this place");
}

static gboolean next(struct reader *reader, GError **error)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = false;
    if (yaml_parser_parse(&reader->parser, &reader->event) == 0) {
        fail_yaml(reader, error);
        return FALSE;
    }
    reader->has_event = true;
    return TRUE;
}

/* Pays for nodes. */
static gboolean charge(struct reader *reader, guint n, GError **error)
{
    if (n > *reader->budget) {
        fail_here(reader, error,
                  "with aliases resolved this is more than %d values; write less, or use fewer aliases of aliases",
                  COMPOSE_NODES_MAX);
        return FALSE;
    }
    *reader->budget -= n;
    return TRUE;
}

static gboolean read_tag(struct reader *reader, const char *tag, struct compose_node *node, GError **error)
{
    static const char *const known[] = {"null", "bool", "int", "float", "seq", "map", NULL};
    const char *const standard = "tag:yaml.org,2002:";
    if (tag == NULL)
        return TRUE;
    if (strcmp(tag, "!reset") == 0) {
        node->tag = COMPOSE_TAG_RESET;
    } else if (strcmp(tag, "!override") == 0) {
        node->tag = COMPOSE_TAG_OVERRIDE;
    } else if (strcmp(tag, "!") == 0 || strcmp(tag, "tag:yaml.org,2002:str") == 0) {
        node->is_quoted = true;
    } else if (!g_str_has_prefix(tag, standard) || !g_strv_contains(known, tag + strlen(standard))) {
        g_autofree char *shown = text_word(tag);
        fail_here(reader, error, "the tag %s is unknown; Compose files have !reset and !override, remove it", shown);
        return FALSE;
    }
    return TRUE;
}

static struct compose_node *begin_node(struct reader *reader, enum compose_kind kind, const yaml_char_t *tag,
                                       GError **error)
{
    struct compose_node here = at_mark(reader, &reader->event.start_mark);
    struct compose_node *node = compose_node_new(reader->forest, kind, &here);
    return charge(reader, 1, error) && read_tag(reader, (const char *)tag, node, error) ? node : NULL;
}

static void set_anchor(struct reader *reader, const char *anchor, struct compose_node *node)
{
    if (anchor != NULL)
        g_tree_replace(reader->anchors, g_strdup(anchor), node);
}

static struct compose_node *read_scalar(struct reader *reader, GError **error)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    if (memchr(value, '\0', length) != NULL) {
        fail_here(reader, error, "the text has a NUL character in it; remove \"\\0\"");
        return NULL;
    }
    struct compose_node *node = begin_node(reader, COMPOSE_SCALAR, reader->event.data.scalar.tag, error);
    if (node == NULL)
        return NULL;
    node->text = g_strndup(value, length);
    node->is_quoted |= reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    set_anchor(reader, (const char *)reader->event.data.scalar.anchor, node);
    return node;
}

static struct compose_node *read_alias(struct reader *reader, GError **error)
{
    const char *name = (const char *)reader->event.data.alias.anchor;
    gpointer key = NULL, node = NULL;
    g_autofree char *shown = text_word(name);
    if (!g_tree_lookup_extended(reader->anchors, name, &key, &node)) {
        fail_here(reader, error, "there is no anchor for *%s above; write &%s where the value stands first", shown,
                  shown);
        return NULL;
    }
    if (node == NULL) {
        fail_here(reader, error, "*%s stands inside of what &%s names, so it would have no end; remove it", shown,
                  shown);
        return NULL;
    }
    return charge(reader, ((struct compose_node *)node)->weight, error) ? node : NULL;
}

static gboolean enter(struct reader *reader, GError **error)
{
    if (++reader->depth <= COMPOSE_YAML_DEPTH_MAX)
        return TRUE;
    fail_here(reader, error, "this is nested more than %d levels deep; write it flatter", COMPOSE_YAML_DEPTH_MAX);
    return FALSE;
}

static struct compose_node *read_sequence(struct reader *reader, GError **error)
{
    g_autofree char *anchor = g_strdup((const char *)reader->event.data.sequence_start.anchor);
    struct compose_node *node = begin_node(reader, COMPOSE_SEQUENCE, reader->event.data.sequence_start.tag, error);
    if (node == NULL || !enter(reader, error))
        return NULL;
    set_anchor(reader, anchor, NULL);
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    for (;;) {
        if (!next(reader, error))
            return NULL;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        struct compose_node *item = read_node(reader, error);
        if (item == NULL)
            return NULL;
        g_ptr_array_add(items, item);
    }
    reader->depth--;
    compose_node_set_items(node, (struct compose_node *const *)(const void *)items->pdata, items->len);
    set_anchor(reader, anchor, node);
    return node;
}

static bool is_merge_key(const struct compose_node *key)
{
    return !key->is_quoted && strcmp(key->text, "<<") == 0;
}

static gboolean check_merged(const struct compose_node *merged, GError **error)
{
    bool is_good = merged->kind != COMPOSE_SCALAR;
    for (guint i = 0; is_good && merged->kind == COMPOSE_SEQUENCE && i < merged->n; i++)
        is_good = merged->items[i]->kind == COMPOSE_MAPPING;
    if (is_good)
        return TRUE;
    return compose_node_fail(merged, "<<", error,
                             "this merges neither a mapping nor a list of mappings; write <<: *NAME "
                             "or <<: [*NAME, *OTHER] with anchors of mappings");
}

/* Adds those pairs whose keys are not there yet: explicit ones win, then the first of several mappings. */
static void add_merged(GArray *pairs, GTree *keys, const struct compose_node *mapping)
{
    for (guint i = 0; i < mapping->n; i++) {
        if (g_tree_lookup(keys, mapping->pairs[i].key->text) != NULL)
            continue;
        g_tree_insert(keys, mapping->pairs[i].key->text, mapping->pairs[i].key);
        g_array_append_val(pairs, mapping->pairs[i]);
    }
}

/* The mapping that "<<" stands in was paid for with the alias already; what it repeats is below it all the same. */
static gboolean resolve_merge(GArray *pairs, const struct compose_node *merged, GError **error)
{
    if (!check_merged(merged, error))
        return FALSE;
    g_autoptr(GTree) keys = g_tree_new_full(compare_names, NULL, NULL, NULL);
    for (guint i = 0; i < pairs->len; i++) {
        struct compose_node *key = g_array_index(pairs, struct compose_pair, i).key;
        g_tree_insert(keys, key->text, key);
    }
    if (merged->kind == COMPOSE_MAPPING)
        add_merged(pairs, keys, merged);
    for (guint i = 0; merged->kind == COMPOSE_SEQUENCE && i < merged->n; i++)
        add_merged(pairs, keys, merged->items[i]);
    return TRUE;
}

static struct compose_node *read_key(struct reader *reader, GError **error)
{
    if (reader->event.type != YAML_SCALAR_EVENT && reader->event.type != YAML_ALIAS_EVENT) {
        fail_here(reader, error, "a key is a list or a mapping; write a word, or quote what begins with a bracket");
        return NULL;
    }
    struct compose_node *key = read_node(reader, error);
    if (key != NULL && key->kind != COMPOSE_SCALAR) {
        fail_here(reader, error, "the alias stands for no word, and a key must be one; write the key out");
        return NULL;
    }
    return key;
}

/* @ret_merged: the value of "<<", or NULL. */
static gboolean read_pairs(struct reader *reader, GArray *pairs, struct compose_node **ret_merged, GError **error)
{
    for (;;) {
        if (!next(reader, error))
            return FALSE;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return TRUE;
        struct compose_pair pair = {.key = read_key(reader, error)};
        if (pair.key == NULL || !next(reader, error) || (pair.value = read_node(reader, error)) == NULL)
            return FALSE;
        if (!is_merge_key(pair.key)) {
            g_array_append_val(pairs, pair);
        } else if (*ret_merged != NULL) {
            return compose_node_fail(pair.key, "<<", error,
                                     "it stands here for the second time; write one, with a list");
        } else {
            *ret_merged = pair.value;
        }
    }
}

static struct compose_node *read_mapping(struct reader *reader, GError **error)
{
    g_autofree char *anchor = g_strdup((const char *)reader->event.data.mapping_start.anchor);
    struct compose_node *node = begin_node(reader, COMPOSE_MAPPING, reader->event.data.mapping_start.tag, error);
    if (node == NULL || !enter(reader, error))
        return NULL;
    set_anchor(reader, anchor, NULL);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct compose_pair));
    struct compose_node *merged = NULL;
    if (!read_pairs(reader, pairs, &merged, error))
        return NULL;
    reader->depth--;
    guint explicit = pairs->len;
    if (merged != NULL && !resolve_merge(pairs, merged, error))
        return NULL;
    const struct compose_node *again = NULL;
    if (!compose_node_set_pairs(node, (const struct compose_pair *)(const void *)pairs->data, pairs->len, &again)) {
        g_autofree char *shown = text_word(again->text);
        compose_node_fail(again, NULL, error, "the key %s is there already; keep one of the two", shown);
        return NULL;
    }
    if (pairs->len > explicit && !charge(reader, pairs->len - explicit, error))
        return NULL;
    set_anchor(reader, anchor, node);
    return node;
}

/* Reads the node that the current event begins. */
static struct compose_node *read_node(struct reader *reader, GError **error)
{
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, error);
    case YAML_ALIAS_EVENT:
        return read_alias(reader, error);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(reader, error);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(reader, error);
    default:
        fail_here(reader, error, "a value is expected here; write one");
        return NULL;
    }
}

static struct compose_node *read_document(struct reader *reader, GError **error)
{
    if (!next(reader, error) || !next(reader, error)) /* the stream, the document */
        return NULL;
    if (reader->event.type != YAML_DOCUMENT_START_EVENT) {
        fail_here(reader, error, "the file says nothing; write services: with a service below it");
        return NULL;
    }
    if (!next(reader, error))
        return NULL;
    struct compose_node *root = read_node(reader, error);
    if (root == NULL || !next(reader, error) || !next(reader, error)) /* end of the document, what follows */
        return NULL;
    if (reader->event.type != YAML_STREAM_END_EVENT) {
        fail_here(reader, error,
                  "a second document begins here; put it into a file of its own, --compose takes several");
        return NULL;
    }
    return root;
}

struct compose_node *compose_yaml_parse(struct compose_forest *forest, const struct compose_source *source,
                                        const char *text, size_t length, guint *budget, GError **error)
{
    struct reader reader = {.forest = forest, .source = source, .text = text, .length = length, .budget = budget};
    if (length > COMPOSE_YAML_MAX) {
        struct compose_node here = {.source = source, .line = 1, .column = 1};
        compose_node_fail(&here, NULL, error, "the file has more than %d bytes; split it", COMPOSE_YAML_MAX);
        return NULL;
    }
    if (yaml_parser_initialize(&reader.parser) == 0)
        g_error("no memory for a YAML parser"); /* as g_malloc() does */
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    reader.anchors = g_tree_new_full(compare_names, NULL, g_free, NULL);
    struct compose_node *root = read_document(&reader, error);
    if (reader.has_event)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    g_tree_unref(reader.anchors);
    return root;
}
