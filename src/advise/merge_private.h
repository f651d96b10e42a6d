/*
 * What the files of merge_service.h have in common: merge_write.c (how something is written where it belongs), merge_service.c
 * (the service and its keys), merge_list.c (tmpfs and volumes), merge_environment.c (variables, top-level volumes). Nobody
 * else includes this. Texts are owned by the caller.
 */
#ifndef ROFUSE_SRC_MERGE_PRIVATE_H
#define ROFUSE_SRC_MERGE_PRIVATE_H

#include "merge_service.h"

/* How a list or a mapping is written where something is put into it. */
struct merge_style {
    bool is_flow;
    char quote; /* of its last scalar */
};

/* "FILE:LINE:COLUMN: services.NAME.KEY CAUSE; put it there by hand: VALUES". Always FALSE. @values: of char *, or NULL. */
gboolean merge_refuse(const struct merge_file *file, const struct yaml_marked *node, const char *key, const char *cause,
                      const GPtrArray *values, GError **error);

/* The style of what stands in a collection. */
struct merge_style merge_style_of(const struct yaml_marked *node);

/* A scalar as it is written beside others. */
char *merge_scalar(const char *text, struct merge_style style);

void merge_indent(GString *out, size_t n);

/* Puts whole lines, each with its newline, behind the line in which something ends. */
void merge_insert_lines(struct merge_file *file, size_t end, const char *lines);

/* Puts a word into [..] or {..}, behind the last one. */
void merge_insert_flow(struct merge_file *file, const struct yaml_marked *node, const char *word);

/* The colon behind a key; NULL where there is none before its value. */
const char *merge_find_colon(const struct merge_file *file, const struct yaml_marked *key,
                             const struct yaml_marked *value);

/* "- VALUE" lines at a column; ["VALUE"]. */
char *merge_list_lines(const struct merge_file *file, size_t column, const GPtrArray *values, struct merge_style style);
char *merge_list_flow(const GPtrArray *values);

/* Gives a key that says nothing a value. */
void merge_fill_null(struct merge_file *file, const struct yaml_marked *value, bool is_flow, const char *flow_value,
                     const char *lines);

/*
 * merge_find_value - the value of a key of the service, NULL where it has none.
 *
 * FALSE with one line where it comes from elsewhere, or is others' as well. @values: for the line.
 */
gboolean merge_find_value(const struct merge_file *file, const char *key, const GPtrArray *values,
                          struct yaml_marked **ret_key, struct yaml_marked **ret, GError **error);

/* A new key of the service: "KEY: FLOW" in {..}, else "KEY:BLOCK", where @block_value ends with a newline. */
void merge_add_key(struct merge_file *file, const char *key, const char *flow_value, const char *block_value);

/* Where the keys of the service stand. */
size_t merge_key_column(const struct merge_file *file);

#endif
