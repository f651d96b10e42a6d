/*
 * merge_service - the edits that declare something in a service of a Compose file. For advise_merge.c alone.
 */
#ifndef ROFUSE_SRC_MERGE_SERVICE_H
#define ROFUSE_SRC_MERGE_SERVICE_H

#include "text_edit.h"
#include "yaml_marks.h"

struct merge_file {
    const char *name; /* of the file, escaped */
    const char *text;
    size_t length;
    const char *newline;      /* as the file has them */
    struct yaml_marks *marks; /* owned */
    struct text_edits edits;  /* owned */
    const char *service_name; /* borrowed */
    struct yaml_marked *service_key, *service;
    size_t step;      /* blanks that a key stands deeper than the one it belongs to */
    size_t list_step; /* blanks that a "-" stands deeper than its key */
    GString *keys;    /* new keys of the service, to be put behind its last one; owned */
};

/* Reads the file and finds the service in it. FALSE with one line; merge_file_clear() in any case. */
gboolean merge_file_init(struct merge_file *file, const char *name, const char *text, size_t length,
                         const char *service, GError **error);
void merge_file_clear(struct merge_file *file);

/* "read_only: true". */
gboolean merge_read_only(struct merge_file *file, GError **error);

/*
 * merge_list - elements for "tmpfs" or "volumes".
 *
 * @values: of char *. @targets: of the same length, of char *: what each declares; an element with that target is replaced.
 */
gboolean merge_list(struct merge_file *file, const char *key, const GPtrArray *values, const GPtrArray *targets,
                    GError **error);

/* Variables. @names, @values: of char *, of the same length. */
gboolean merge_environment(struct merge_file *file, const GPtrArray *names, const GPtrArray *values, GError **error);

/* Puts the new keys into the service; then only merge_volumes() may follow, which can stand behind it. */
void merge_finish(struct merge_file *file);

/* Top-level volumes. @names: of char *; those that are there already are left alone. */
gboolean merge_volumes(struct merge_file *file, const GPtrArray *names, GError **error);

/* Whether the file has a top-level volume of that name. */
bool merge_has_volume(const struct merge_file *file, const char *name);

#endif
