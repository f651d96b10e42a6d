#include "yaml_marks.h"

#include "app_error.h"
#include "text.h"

#include <string.h>
#include <yaml.h>

#define MOST_BYTES (1024 * 1024)
#define MOST_NODES 100000
#define MOST_DEPTH 32

struct reader {
    struct yaml_marks *marks;
    const char *name; /* escaped */
    const char *text;
    size_t length;
    GArray *offsets; /* size_t: byte of each character, and of the end */
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    unsigned depth;
};

static struct yaml_marked *read_node(struct reader *reader, GError **error);

static void free_node(void *data)
{
    struct yaml_marked *node = data;
    g_free(node->text);
    g_free(node->anchor);
    g_free(node->tag);
    g_ptr_array_unref(node->items);
    g_free(node);
}

/* libyaml counts characters, behind a byte order mark. */
static GArray *find_offsets(const char *text, size_t length)
{
    GArray *offsets = g_array_sized_new(FALSE, FALSE, sizeof(size_t), (guint)length + 1);
    bool has_mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    for (size_t i = has_mark ? 3 : 0; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            g_array_append_val(offsets, i);
    }
    g_array_append_val(offsets, length);
    return offsets;
}

static size_t offset_of(const struct reader *reader, const yaml_mark_t *mark)
{
    size_t last = reader->offsets->len - 1;
    return g_array_index(reader->offsets, size_t, MIN(mark->index, last));
}

static struct yaml_marked *fail(const struct reader *reader, const yaml_mark_t *mark, GError **error,
                                const char *message)
{
    app_error_usage(error, "%s:%zu:%zu: %s", reader->name, mark->line + 1, mark->column + 1, message);
    return NULL;
}

static gboolean next(struct reader *reader, GError **error)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = yaml_parser_parse(&reader->parser, &reader->event) != 0;
    if (!reader->has_event)
        fail(reader, &reader->parser.problem_mark, error, "this is not YAML; look at the indentation and at quotes");
    return reader->has_event;
}

static struct yaml_marked *new_node(struct reader *reader, enum yaml_marks_kind kind, const yaml_char_t *anchor,
                                    const yaml_char_t *tag)
{
    struct yaml_marked *node = g_new0(struct yaml_marked, 1);
    node->kind = kind;
    node->anchor = g_strdup((const char *)anchor);
    node->tag = g_strdup((const char *)tag);
    node->start = offset_of(reader, &reader->event.start_mark);
    node->end = offset_of(reader, &reader->event.end_mark);
    node->line = reader->event.start_mark.line;
    node->column = reader->event.start_mark.column;
    node->items = g_ptr_array_new();
    g_ptr_array_add(reader->marks->nodes, node);
    return node;
}

/* A block's end mark stands behind the blank lines that follow; they belong to it with "+" alone. */
static void trim_block(const struct reader *reader, struct yaml_marked *node)
{
    const char *text = reader->text;
    size_t header = node->start;
    while (header < node->end && text[header] != '|' && text[header] != '>')
        header++;
    size_t line_end = header;
    while (line_end < node->end && text[line_end] != '\n' && text[line_end] != '#')
        line_end++;
    bool keeps = memchr(text + header, '+', line_end - header) != NULL;
    if (keeps)
        return;
    while (node->end > line_end && strchr(" \t\r\n", text[node->end - 1]) != NULL)
        node->end--;
}

static struct yaml_marked *read_scalar(struct reader *reader)
{
    struct yaml_marked *node =
        new_node(reader, YAML_MARKS_SCALAR, reader->event.data.scalar.anchor, reader->event.data.scalar.tag);
    node->text = g_strndup((const char *)reader->event.data.scalar.value, reader->event.data.scalar.length);
    switch (reader->event.data.scalar.style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        node->quote = '\'';
        break;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        node->quote = '"';
        break;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        node->is_block = true;
        trim_block(reader, node);
        break;
    default:
        break;
    }
    return node;
}

static struct yaml_marked *read_alias(struct reader *reader)
{
    struct yaml_marked *node = new_node(reader, YAML_MARKS_ALIAS, NULL, NULL);
    node->text = g_strdup((const char *)reader->event.data.alias.anchor);
    g_ptr_array_add(reader->marks->aliases, node->text);
    return node;
}

static struct yaml_marked *read_collection(struct reader *reader, GError **error)
{
    bool is_mapping = reader->event.type == YAML_MAPPING_START_EVENT;
    struct yaml_marked *node = is_mapping
                                   ? new_node(reader, YAML_MARKS_MAPPING, reader->event.data.mapping_start.anchor,
                                              reader->event.data.mapping_start.tag)
                                   : new_node(reader, YAML_MARKS_SEQUENCE, reader->event.data.sequence_start.anchor,
                                              reader->event.data.sequence_start.tag);
    node->is_flow = is_mapping ? reader->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                               : reader->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    if (++reader->depth > MOST_DEPTH)
        return fail(reader, &reader->event.start_mark, error, "this is nested too deep; write it flatter");
    while (next(reader, error)) {
        if (reader->event.type == YAML_MAPPING_END_EVENT || reader->event.type == YAML_SEQUENCE_END_EVENT) {
            reader->depth--;
            if (node->is_flow)
                node->end = offset_of(reader, &reader->event.end_mark);
            return node;
        }
        struct yaml_marked *item = read_node(reader, error);
        if (item == NULL)
            return NULL;
        g_ptr_array_add(node->items, item);
        node->end = MAX(node->end, item->end);
    }
    return NULL;
}

static struct yaml_marked *read_node(struct reader *reader, GError **error)
{
    if (reader->marks->nodes->len >= MOST_NODES)
        return fail(reader, &reader->event.start_mark, error, "these are too many values; write less");
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader);
    case YAML_ALIAS_EVENT:
        return read_alias(reader);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return read_collection(reader, error);
    default:
        return fail(reader, &reader->event.start_mark, error, "a value is expected here; write one");
    }
}

static gboolean read_document(struct reader *reader, GError **error)
{
    if (!next(reader, error) || !next(reader, error)) /* the stream, the document */
        return FALSE;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return TRUE;
    if (!next(reader, error))
        return FALSE;
    reader->marks->root = read_node(reader, error);
    if (reader->marks->root == NULL || !next(reader, error) || !next(reader, error))
        return FALSE;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return TRUE;
    fail(reader, &reader->event.start_mark, error, "a second document begins here; put it into a file of its own");
    return FALSE;
}

struct yaml_marks *yaml_marks_parse(const char *name, const char *text, size_t length, GError **error)
{
    g_autofree char *shown = text_word(name);
    if (length > MOST_BYTES || !g_utf8_validate_len(text, length, NULL)) {
        app_error_usage(error, "%s: %s", shown,
                        length > MOST_BYTES ? "the file has more than a megabyte; split it" : "the file is not UTF-8");
        return NULL;
    }
    struct yaml_marks *marks = g_new0(struct yaml_marks, 1);
    marks->nodes = g_ptr_array_new_with_free_func(free_node);
    marks->aliases = g_ptr_array_new();
    struct reader reader = {.marks = marks, .name = shown, .text = text, .length = length};
    reader.offsets = find_offsets(text, length);
    if (yaml_parser_initialize(&reader.parser) == 0)
        g_error("no memory for a YAML parser"); /* as g_malloc() does */
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    gboolean done = read_document(&reader, error);
    if (reader.has_event)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    g_array_unref(reader.offsets);
    if (!done)
        g_clear_pointer(&marks, yaml_marks_free);
    return marks;
}

void yaml_marks_free(struct yaml_marks *marks)
{
    if (marks == NULL)
        return;
    g_ptr_array_unref(marks->aliases);
    g_ptr_array_unref(marks->nodes);
    g_free(marks);
}

struct yaml_marked *yaml_marks_get(const struct yaml_marked *mapping, const char *key, struct yaml_marked **ret_key)
{
    for (guint i = 0; mapping != NULL && mapping->kind == YAML_MARKS_MAPPING && i + 1 < mapping->items->len; i += 2) {
        struct yaml_marked *its = g_ptr_array_index(mapping->items, i);
        if (its->kind != YAML_MARKS_SCALAR || strcmp(its->text, key) != 0)
            continue;
        if (ret_key != NULL)
            *ret_key = its;
        return g_ptr_array_index(mapping->items, i + 1);
    }
    return NULL;
}

bool yaml_marks_is_shared(const struct yaml_marks *marks, const struct yaml_marked *node)
{
    if (node->anchor != NULL && g_ptr_array_find_with_equal_func(marks->aliases, node->anchor, g_str_equal, NULL))
        return true;
    for (guint i = 0; i < node->items->len; i++) {
        if (yaml_marks_is_shared(marks, g_ptr_array_index(node->items, i)))
            return true;
    }
    return false;
}

bool yaml_marks_is_null(const struct yaml_marked *node)
{
    return node->kind == YAML_MARKS_SCALAR && node->quote == 0 && !node->is_block && node->tag == NULL &&
           (*node->text == '\0' || strcmp(node->text, "~") == 0 || g_ascii_strcasecmp(node->text, "null") == 0);
}
