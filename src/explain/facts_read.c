#include "facts.h"

#include "app_error.h"
#include "record_parse.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Reads a line without its newline into @line, as much of it as a record can have. False at the end. */
static bool read_line(FILE *stream, GString *line)
{
    int c;
    g_string_truncate(line, 0);
    while ((c = getc_unlocked(stream)) != EOF && c != '\n') {
        if (line->len <= RECORD_PARSE_MOST_LINE)
            g_string_append_c(line, (char)c);
    }
    return c != EOF || line->len > 0;
}

static gboolean read_stream(struct facts *facts, FILE *stream, const char *shown, uint64_t *ret_n_bad, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(GError) first = NULL;
    uint64_t good = 0, bad = 0;
    while (read_line(stream, line)) {
        if (facts_add_line(facts, line->str, line->len, first == NULL ? &first : NULL))
            good++;
        else if (line->len > 0)
            bad++;
    }
    if (ret_n_bad != NULL)
        *ret_n_bad = bad;
    if (ferror(stream) != 0)
        return app_error_failed(error, "cannot read %s: %s", shown, g_strerror(errno));
    if (good == 0 && bad > 0)
        return app_error_failed(error, "%s is no log in JSON (rofuse mount --log-format json): %s", shown,
                                first->message);
    return TRUE;
}

gboolean facts_read(struct facts *facts, const char *path, uint64_t *ret_n_bad, GError **error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    g_autofree char *shown = is_stdin ? g_strdup("standard input") : text_word(path);
    FILE *stream = is_stdin ? stdin : fopen(path, "re");
    if (stream == NULL)
        return app_error_failed(error, "cannot open the log %s: %s", shown, g_strerror(errno));
    gboolean is_read = read_stream(facts, stream, shown, ret_n_bad, error);
    if (!is_stdin)
        fclose(stream);
    return is_read;
}
