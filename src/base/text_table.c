#include "text_table.h"

#include "text.h"

void text_table_append_line(GString *text, const char *label, const char *value)
{
    g_string_append_printf(text, "  %-8s %s\n", label, value);
}

void text_table_append_text(GString *text, const char *label, const char *value)
{
    if (value == NULL)
        return;
    g_autofree char *shown = text_escape(value);
    text_table_append_line(text, label, shown);
}

void text_table_append_list(GString *text, const char *label, char *const *list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        text_table_append_text(text, i == 0 ? label : "", list[i]);
}

void text_table_append_words(GString *text, const char *label, char *const *words)
{
    if (words == NULL)
        return;
    g_autoptr(GString) line = g_string_new(NULL);
    for (size_t i = 0; words[i] != NULL; i++) {
        g_autofree char *word = text_word(words[i]);
        g_string_append_printf(line, "%s%s", i > 0 ? " " : "", word);
    }
    text_table_append_line(text, label, words[0] != NULL ? line->str : "(none)");
}

void text_table_append(GString *text, const char *label, const GPtrArray *cells, guint columns)
{
    g_autofree glong *widths = g_new0(glong, columns);
    for (guint i = 0; i < cells->len; i++)
        widths[i % columns] = MAX(widths[i % columns], g_utf8_strlen(g_ptr_array_index(cells, i), -1));
    for (guint i = 0; i < cells->len; i++) {
        const char *cell = g_ptr_array_index(cells, i);
        guint column = i % columns;
        if (column == 0 && label != NULL)
            g_string_append_printf(text, "  %-8s ", i == 0 ? label : "");
        g_string_append(text, cell);
        if (column == columns - 1) {
            while (text->str[text->len - 1] == ' ') /* of cells at the end that are empty */
                g_string_truncate(text, text->len - 1);
            g_string_append_c(text, '\n');
            continue;
        }
        for (glong space = g_utf8_strlen(cell, -1); space < widths[column] + 2; space++)
            g_string_append_c(text, ' ');
    }
}
