#include "facts.h"

#include "app_error.h"
#include "packed_file.h"
#include "record_parse.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* As much as tells a document of facts from a log. */
#define HEAD 64

/* What is read, with what was looked at before. */
struct source {
    struct packed_file *file; /* borrowed */
    FILE *stream;             /* its own */
    char head[HEAD];
    size_t n, at;
};

static int next_char(struct source *source)
{
    return source->at < source->n ? (unsigned char)source->head[source->at++] : getc_unlocked(source->stream);
}

/* Reads a line without its newline into @line, as much of it as a record can have. False at the end. */
static bool read_line(struct source *source, GString *line)
{
    int c;
    g_string_truncate(line, 0);
    while ((c = next_char(source)) != EOF && c != '\n') {
        if (line->len <= RECORD_PARSE_MOST_LINE)
            g_string_append_c(line, (char)c);
    }
    return c != EOF || line->len > 0;
}

static gboolean fail_reading(const struct source *source, const char *shown, GError **error)
{
    g_autofree char *why = packed_file_why(source->file);
    return app_error_failed(error, "cannot read %s: %s", shown, why);
}

static gboolean read_log(struct facts *facts, struct source *source, const char *shown, uint64_t *ret_n_bad,
                         GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(GError) first = NULL;
    uint64_t good = 0, bad = 0;
    while (read_line(source, line)) {
        if (facts_add_line(facts, line->str, line->len, first == NULL ? &first : NULL))
            good++;
        else if (line->len > 0)
            bad++;
    }
    if (ret_n_bad != NULL)
        *ret_n_bad = bad;
    if (ferror(source->stream) != 0)
        return fail_reading(source, shown, error);
    if (good == 0 && bad > 0)
        return app_error_failed(error, "%s is no log in JSON (rofuse mount --log-format json): %s", shown,
                                first->message);
    return TRUE;
}

static gboolean read_document(struct facts *facts, struct source *source, const char *shown, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct facts_head head;
    int c;
    while (text->len <= FACTS_MOST_BYTES && (c = next_char(source)) != EOF)
        g_string_append_c(text, (char)c);
    if (ferror(source->stream) != 0)
        return fail_reading(source, shown, error);
    g_autoptr(GPtrArray) list = facts_from_text(text->str, text->len, shown, &head, error);
    if (list == NULL)
        return FALSE;
    facts_add_known(facts, &head, list);
    facts_head_clear(&head);
    return TRUE;
}

/* Whether it begins as facts_to_json() lets a document begin. The lines of a log name another schema there. */
static bool is_document(const struct source *source)
{
    static const char *const parts[] = {"{", "\"schema\"", ":", "\"" FACTS_SCHEMA "\""};
    size_t at = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        size_t length = strlen(parts[i]);
        while (at < source->n && g_ascii_isspace(source->head[at]))
            at++;
        if (source->n - at < length || memcmp(source->head + at, parts[i], length) != 0)
            return false;
        at += length;
    }
    return true;
}

gboolean facts_read(struct facts *facts, const char *path, uint64_t *ret_n_bad, GError **error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    g_autofree char *shown = is_stdin ? g_strdup("standard input") : text_word(path);
    FILE *raw = is_stdin ? stdin : fopen(path, "re");
    if (raw == NULL)
        return app_error_failed(error, "cannot open the log %s: %s", shown, g_strerror(errno));
    struct packed_file *file = packed_file_new(raw);
    struct source source = {.file = file, .stream = packed_file_stream(file)};
    source.n = fread(source.head, 1, sizeof source.head, source.stream);
    if (ret_n_bad != NULL)
        *ret_n_bad = 0;
    gboolean is_read = is_document(&source) ? read_document(facts, &source, shown, error)
                                            : read_log(facts, &source, shown, ret_n_bad, error);
    packed_file_free(file);
    return is_read;
}
