/*
 * rofuse __complete WORD... is what the shells' completions call: the words of the line after "rofuse", the last one is to be
 * completed. A line for each candidate: the whole word, a tab, what it is for. A line ":files" or ":directories" asks the
 * shell for its own, of the value that begins after the colon's word.
 */
#include "commands.h"

#include "complete_plan.h"
#include "complete_values.h"

#include <stdio.h>
#include <string.h>

/* What "rofuse COMMAND --help" prints. Owned by the caller, help_free(). */
static struct help *ask_help(const char *command)
{
    g_auto(GStrv) words = g_strsplit(command, " ", -1);
    GPtrArray *argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer) "/proc/self/exe");
    for (char **word = words; *word != NULL; word++) {
        if (**word != '\0')
            g_ptr_array_add(argv, *word);
    }
    g_ptr_array_add(argv, (gpointer) "--help");
    g_ptr_array_add(argv, NULL);
    g_autofree char *text = NULL;
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &text, NULL, NULL, NULL);
    g_ptr_array_unref(argv);
    return help_parse(text != NULL ? text : "");
}

static const struct help_entry *find_command(const struct help *help, const char *word)
{
    for (guint i = 0; i < help->commands->len; i++) {
        const struct help_entry *entry = g_ptr_array_index(help->commands, i);
        if (strcmp(entry->name, word) == 0)
            return entry;
    }
    return NULL;
}

/* The help that is about the last word, with the command that it is of; *@words moves behind the command's words. NULL
 * where there is no such command. */
static struct help *find_help(char ***words, char **ret_command)
{
    *ret_command = g_strdup("");
    struct help *help = ask_help("");
    while (help->commands->len > 0 && (*words)[1] != NULL) {
        /* Options before a command's word are none of its words. */
        bool is_command = find_command(help, **words) != NULL;
        help_free(help);
        if (!is_command)
            return NULL;
        char *longer = g_strconcat(*ret_command, **ret_command != '\0' ? " " : "", **words, NULL);
        g_free(*ret_command);
        *ret_command = longer;
        help = ask_help(longer);
        ++*words;
    }
    return help;
}

struct request {
    const struct help *help;
    const struct complete_plan *plan;
    const char *value;  /* the word without what stands before its value */
    char *const *words; /* of the line, after the command */
};

/* A candidate, unless it cannot be what was begun, or would not be one line. */
static void offer(const struct request *request, const char *word, const char *text)
{
    if (g_str_has_prefix(word, request->value) && strpbrk(word, "\t\n") == NULL)
        printf("%s%s\t%s\n", request->plan->before, word, text);
}

static void offer_entries(const struct request *request, const GPtrArray *entries)
{
    for (guint i = 0; i < entries->len; i++) {
        const struct help_entry *entry = g_ptr_array_index(entries, i);
        offer(request, entry->name, entry->text);
        if (entry->alias != NULL && strlen(request->value) == 2)
            offer(request, entry->alias, entry->text);
    }
}

/* Takes the list. */
static void offer_list(const struct request *request, GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        offer(request, g_ptr_array_index(list, i), "");
    g_ptr_array_unref(list);
}

static void offer_choices(const struct request *request)
{
    g_auto(GStrv) choices = g_strsplit(request->plan->choices, "|", -1);
    for (char **choice = choices; *choice != NULL; choice++)
        offer(request, *choice, "");
}

/* The values of an option in the line; NULL-terminated, owned by the caller. */
static char **values_of(const struct request *request, const char *name)
{
    GPtrArray *values = g_ptr_array_new();
    g_autofree char *prefix = g_strconcat(name, "=", NULL);
    for (char *const *word = request->words; *word != NULL && strcmp(*word, "--") != 0; word++) {
        if (g_str_has_prefix(*word, prefix))
            g_ptr_array_add(values, g_strdup(*word + strlen(prefix)));
        else if (strcmp(*word, name) == 0 && word[1] != NULL)
            g_ptr_array_add(values, g_strdup(word[1]));
    }
    g_ptr_array_add(values, NULL);
    return (char **)g_ptr_array_free(values, FALSE);
}

static void offer_names(const struct request *request)
{
    unsigned kinds = request->plan->kinds;
    g_auto(GStrv) state_dirs = values_of(request, "--state-dir"), files = values_of(request, "--compose");
    struct paths *paths = paths_find(state_dirs[0], NULL);
    if ((kinds & COMPLETE_SERVICES) != 0)
        offer_list(request, complete_services(files));
    if (paths == NULL)
        return;
    if ((kinds & COMPLETE_MOUNTS) != 0)
        offer_list(request, complete_mounts(paths));
    if ((kinds & COMPLETE_TARGETS) != 0)
        offer_list(request, complete_targets(paths, request->plan->mount));
    if ((kinds & COMPLETE_INSIDE) != 0)
        offer_list(request, complete_inside(paths, request->plan->mount, request->value, false));
    if ((kinds & COMPLETE_PLACES) != 0)
        offer_list(request, complete_inside(paths, request->plan->mount, request->value, true));
    if ((kinds & COMPLETE_IMAGES) != 0)
        offer_list(request, complete_images(paths));
    paths_free(paths);
}

static void complete(const struct help *help, const char *command, char *const *words)
{
    struct complete_plan plan;
    complete_plan(help, command, words, &plan);
    const char *word = words[g_strv_length((char **)words) - 1];
    const struct request request = {help, &plan, word + strlen(plan.before), words};
    if ((plan.kinds & COMPLETE_COMMANDS) != 0)
        offer_entries(&request, help->commands);
    if ((plan.kinds & COMPLETE_OPTIONS) != 0)
        offer_entries(&request, help->options);
    if ((plan.kinds & COMPLETE_CHOICES) != 0)
        offer_choices(&request);
    offer_names(&request);
    if ((plan.kinds & COMPLETE_FILES) != 0)
        puts(":files");
    else if ((plan.kinds & COMPLETE_DIRECTORIES) != 0)
        puts(":directories");
    complete_plan_clear(&plan);
}

int cmd_complete(int argc, char **argv)
{
    if (argc < 2)
        return 0;
    char **words = argv + 1;
    g_autofree char *command = NULL;
    struct help *help = find_help(&words, &command);
    if (help != NULL)
        complete(help, command, words);
    help_free(help);
    return fflush(stdout) == 0 ? 0 : 1;
}
