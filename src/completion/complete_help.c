#include "complete_help.h"

#include <stdbool.h>
#include <string.h>

static void free_entry(gpointer data)
{
    struct help_entry *entry = data;
    g_free(entry->name);
    g_free(entry->alias);
    g_free(entry->value);
    g_free(entry->text);
    g_free(entry);
}

/* What stands behind a word and at least two blanks; "" where nothing does. */
static const char *description(const char *line)
{
    const char *gap = strstr(line, "  ");
    return gap != NULL ? gap + strspn(gap, " ") : "";
}

/* "  -v, --volume=[SRC:]DST[:OPTS]   A volume ..." without the blanks before it. */
static void add_option(GPtrArray *options, const char *line)
{
    struct help_entry *entry = g_new0(struct help_entry, 1);
    if (line[0] == '-' && line[1] != '-' && line[2] == ',') {
        entry->alias = g_strndup(line, 2);
        line += strspn(line + 3, " ") + 3;
    }
    size_t length = strcspn(line, "= ");
    entry->name = g_strndup(line, length);
    if (line[length] == '=')
        entry->value = g_strndup(line + length + 1, strcspn(line + length + 1, " "));
    entry->text = g_strdup(description(line));
    g_ptr_array_add(options, entry);
}

/* Of "  [SERVICE] [-- COMMAND] mount, run ..." what follows the parameters: two blanks, or what is in brackets or capitals. */
static const char *skip_parameters(const char *text)
{
    const char *gap;
    text += strspn(text, " ");
    while ((gap = strstr(text, "  ")) != NULL)
        text = gap + strspn(gap, " ");
    while (*text == '[' || g_ascii_isupper(*text)) {
        const char *end = *text == '[' ? strchr(text, ']') : strchr(text, ' ');
        if (end == NULL)
            break;
        text = end + strcspn(end, " ");
        text += strspn(text, " ");
    }
    return text;
}

/* "  status  [MOUNTPOINT]           what is mounted ..." without the blanks before it. */
static void add_command(GPtrArray *commands, const char *line)
{
    struct help_entry *entry = g_new0(struct help_entry, 1);
    size_t length = strcspn(line, " ");
    entry->name = g_strndup(line, length);
    entry->text = g_strdup(skip_parameters(line + length));
    g_ptr_array_add(commands, entry);
}

/* "rofuse route rm [OPTIONS] [MOUNTPOINT] TARGET...": what follows the options. */
static void set_parameters(struct help *help, const char *line)
{
    static const char options[] = "[OPTIONS]";
    const char *found = strstr(line, options);
    g_autofree char *rest = g_strstrip(g_strdup(found != NULL ? found + strlen(options) : ""));
    char *command = strstr(rest, "[--");
    if (command != NULL)
        *command = '\0';
    g_auto(GStrv) words = g_strsplit(rest, " ", -1);
    GPtrArray *list = g_ptr_array_new();
    for (char **word = words; *word != NULL; word++) {
        if (**word != '\0')
            g_ptr_array_add(list, g_strdup(*word));
    }
    g_ptr_array_add(list, NULL);
    g_strfreev(help->parameters);
    help->parameters = (char **)g_ptr_array_free(list, FALSE);
}

/* "Commands:"; in the program's own help commands are in groups, each with a name. */
static bool is_list_of_commands(const char *line, bool has_groups)
{
    static const char *const others[] = {"Options:", "Example:", "Examples:"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        if (strcmp(line, others[i]) == 0)
            return false;
    }
    return strcmp(line, "Commands:") == 0 || (has_groups && g_str_has_suffix(line, ":"));
}

struct help *help_parse(const char *text)
{
    struct help *help = g_new0(struct help, 1);
    help->commands = g_ptr_array_new_with_free_func(free_entry);
    help->options = g_ptr_array_new_with_free_func(free_entry);
    help->parameters = g_new0(char *, 1);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool in_commands = false, is_used = false, has_groups = false;
    for (char **line = lines; *line != NULL; line++) {
        const char *word = *line + strspn(*line, " ");
        bool is_indented = word > *line;
        if (!is_indented)
            in_commands = is_list_of_commands(*line, has_groups);
        has_groups |= g_str_has_prefix(*line, "Usage: rofuse COMMAND ");
        if (is_indented && *word == '-' && (word[1] == '-' || g_ascii_isalnum(word[1])))
            add_option(help->options, word);
        else if (is_indented && in_commands && *word != '\0')
            add_command(help->commands, word);
        else if (!is_used && (g_str_has_prefix(word, "rofuse ") || g_str_has_prefix(word, "Usage: rofuse "))) {
            set_parameters(help, word);
            is_used = true;
        }
    }
    return help;
}

void help_free(struct help *help)
{
    if (help == NULL)
        return;
    g_ptr_array_unref(help->commands);
    g_ptr_array_unref(help->options);
    g_strfreev(help->parameters);
    g_free(help);
}

const struct help_entry *help_find_option(const struct help *help, const char *word)
{
    for (guint i = 0; i < help->options->len; i++) {
        const struct help_entry *entry = g_ptr_array_index(help->options, i);
        if (strcmp(entry->name, word) == 0 || g_strcmp0(entry->alias, word) == 0)
            return entry;
    }
    return NULL;
}
