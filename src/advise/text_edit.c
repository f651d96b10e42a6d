#include "text_edit.h"

#include <stdbool.h>
#include <string.h>

#define CONTEXT 3

struct edit {
    size_t start, end;
    char *with; /* owned */
};

/* Lines [from, to) of the old text become those [new_from, new_to) of the new one; all from 0. */
struct change {
    size_t from, to, new_from, new_to;
};

/* A text by lines; each with its newline, the last one perhaps without. */
struct lines {
    const char *text;
    size_t length;
    GArray *starts; /* size_t, and the end of the text */
};

static void clear_edit(void *data)
{
    g_free(((struct edit *)data)->with);
}

void text_edits_init(struct text_edits *edits, const char *text, size_t length)
{
    *edits = (struct text_edits){.text = text, .length = length};
    edits->edits = g_array_new(FALSE, FALSE, sizeof(struct edit));
    g_array_set_clear_func(edits->edits, clear_edit);
}

void text_edits_clear(struct text_edits *edits)
{
    g_clear_pointer(&edits->edits, g_array_unref);
}

void text_edits_replace(struct text_edits *edits, size_t start, size_t end, const char *with)
{
    guint at = edits->edits->len;
    while (at > 0 && g_array_index(edits->edits, struct edit, at - 1).start > start)
        at--;
    const struct edit edit = {start, end, g_strdup(with)};
    g_array_insert_val(edits->edits, at, edit);
}

char *text_edits_apply(const struct text_edits *edits, size_t *ret_length)
{
    GString *out = g_string_new(NULL);
    size_t done = 0;
    for (guint i = 0; i < edits->edits->len; i++) {
        const struct edit *edit = &g_array_index(edits->edits, struct edit, i);
        g_string_append_len(out, edits->text + done, (gssize)(edit->start - done));
        g_string_append(out, edit->with);
        done = edit->end;
    }
    g_string_append_len(out, edits->text + done, (gssize)(edits->length - done));
    *ret_length = out->len;
    return g_string_free(out, FALSE);
}

static void lines_init(struct lines *lines, const char *text, size_t length)
{
    size_t start = 0;
    *lines = (struct lines){.text = text, .length = length};
    lines->starts = g_array_new(FALSE, FALSE, sizeof(size_t));
    while (start < length) {
        const char *end = memchr(text + start, '\n', length - start);
        g_array_append_val(lines->starts, start);
        start = end != NULL ? (size_t)(end - text) + 1 : length;
    }
    g_array_append_val(lines->starts, length);
}

static size_t lines_count(const struct lines *lines)
{
    return lines->starts->len - 1;
}

/* The line that a byte is in. */
static size_t lines_find(const struct lines *lines, size_t offset)
{
    size_t low = 0, high = lines->starts->len - 1;
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        if (g_array_index(lines->starts, size_t, middle) <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static size_t lines_start(const struct lines *lines, size_t line)
{
    return g_array_index(lines->starts, size_t, line);
}

/* The lines that an edit changes; what puts whole lines before another line changes none. */
static struct change change_of(const struct lines *old, const struct lines *new, const struct edit *edit, size_t shift)
{
    size_t size = strlen(edit->with);
    /* The end of a text without a last newline is in its last line. */
    bool is_inside = edit->start > 0 && old->text[edit->start - 1] != '\n';
    struct change change = {.from = lines_find(old, edit->start - is_inside)};
    bool is_whole = edit->start == edit->end && edit->start == lines_start(old, change.from) && size > 0 &&
                    edit->with[size - 1] == '\n';
    change.to = is_whole ? change.from : MIN(lines_find(old, edit->end) + 1, lines_count(old));
    change.new_from = lines_find(new, lines_start(old, change.from) + shift);
    change.new_to = lines_find(new, lines_start(old, change.to) + shift + size - (edit->end - edit->start));
    return change;
}

static GArray *find_changes(const struct text_edits *edits, const struct lines *old, const struct lines *new)
{
    GArray *changes = g_array_new(FALSE, FALSE, sizeof(struct change));
    size_t shift = 0; /* modulo the range of size_t: an edit may make the text shorter */
    for (guint i = 0; i < edits->edits->len; i++) {
        const struct edit *edit = &g_array_index(edits->edits, struct edit, i);
        struct change change = change_of(old, new, edit, shift);
        struct change *last = changes->len > 0 ? &g_array_index(changes, struct change, changes->len - 1) : NULL;
        shift += strlen(edit->with) - (edit->end - edit->start);
        if (last != NULL && change.from <= last->to) {
            last->to = MAX(last->to, change.to);
            last->new_to = lines_find(new, lines_start(old, last->to) + shift);
        } else {
            g_array_append_val(changes, change);
        }
    }
    return changes;
}

static void append_lines(GString *out, char sign, const struct lines *lines, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        size_t start = lines_start(lines, i), end = lines_start(lines, i + 1);
        g_string_append_c(out, sign);
        g_string_append_len(out, lines->text + start, (gssize)(end - start));
        if (end == start || lines->text[end - 1] != '\n')
            g_string_append(out, "\n\\ No newline at end of file\n");
    }
}

static void append_range(GString *out, char sign, size_t from, size_t to)
{
    /* An empty range is named by the line before it. */
    g_string_append_printf(out, "%c%zu", sign, from == to ? from : from + 1);
    if (to - from != 1)
        g_string_append_printf(out, ",%zu", to - from);
}

/* Changes [first, last] in one hunk. */
static void append_hunk(GString *out, const struct lines *old, const struct lines *new, const GArray *changes,
                        guint first, guint last)
{
    const struct change *one = &g_array_index(changes, struct change, first);
    const struct change *end = &g_array_index(changes, struct change, last);
    size_t before = MIN(one->from, CONTEXT), after = MIN(lines_count(old) - end->to, CONTEXT);
    g_string_append(out, "@@ ");
    append_range(out, '-', one->from - before, end->to + after);
    g_string_append_c(out, ' ');
    append_range(out, '+', one->new_from - before, end->new_to + after);
    g_string_append(out, " @@\n");
    size_t done = one->from - before;
    for (guint i = first; i <= last; i++) {
        const struct change *change = &g_array_index(changes, struct change, i);
        append_lines(out, ' ', old, done, change->from);
        append_lines(out, '-', old, change->from, change->to);
        append_lines(out, '+', new, change->new_from, change->new_to);
        done = change->to;
    }
    append_lines(out, ' ', old, done, end->to + after);
}

char *text_edits_diff(const struct text_edits *edits, const char *name)
{
    GString *out = g_string_new(NULL);
    size_t length;
    g_autofree char *text = text_edits_apply(edits, &length);
    struct lines old, new;
    lines_init(&old, edits->text, edits->length);
    lines_init(&new, text, length);
    g_autoptr(GArray) changes = find_changes(edits, &old, &new);
    if (changes->len > 0)
        g_string_append_printf(out, "--- %s\n+++ %s\n", name, name);
    for (guint i = 0; i < changes->len;) {
        guint last = i;
        while (last + 1 < changes->len &&
               g_array_index(changes, struct change, last + 1).from - g_array_index(changes, struct change, last).to <=
                   2 * CONTEXT)
            last++;
        append_hunk(out, &old, &new, changes, i, last);
        i = last + 1;
    }
    g_array_unref(old.starts);
    g_array_unref(new.starts);
    return g_string_free(out, FALSE);
}
