/* A command's help, up to the first '\0', and the words of a line behind it, each ended by a newline: what may stand where. */
#include "complete_plan.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_entries(const GPtrArray *entries)
{
    for (guint i = 0; i < entries->len; i++) {
        const struct help_entry *entry = g_ptr_array_index(entries, i);
        g_assert(entry->name != NULL && entry->text != NULL && strpbrk(entry->name, " \n") == NULL);
        g_assert(strchr(entry->text, '\n') == NULL);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    g_autofree char *input = g_malloc0(size + 2); /* so that there are two parts, whatever it is */
    memcpy(input, data, size);
    g_auto(GStrv) words = g_strsplit(input + strlen(input) + 1, "\n", -1);
    char *const nothing[] = {(char *)"", NULL};
    char *const *line = words[0] != NULL ? words : nothing;
    struct help *help = help_parse(input);
    check_entries(help->commands);
    check_entries(help->options);
    for (guint i = 0; i < help->options->len; i++) {
        const struct help_entry *option = g_ptr_array_index(help->options, i);
        g_assert(help_find_option(help, option->name) != NULL);
    }
    struct complete_plan plan;
    complete_plan(help, "route rm", line, &plan);
    const char *last = line[g_strv_length((char **)line) - 1];
    g_assert(g_str_has_prefix(last, plan.before));
    g_assert(((plan.kinds & COMPLETE_CHOICES) != 0) == (plan.choices != NULL));
    complete_plan_clear(&plan);
    help_free(help);
    return 0;
}
