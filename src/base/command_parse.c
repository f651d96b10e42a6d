#include "command_parse.h"

#include "app_error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As rofuse --help writes it; GOption's three dots are no ASCII. */
static char *help_text(GOptionContext *context)
{
    static const char theirs[] = "[OPTION\xe2\x80\xa6]";
    g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
    char *found = strstr(help, theirs);
    if (found == NULL)
        return g_steal_pointer(&help);
    *found = '\0';
    return g_strconcat(help, "[OPTIONS]", found + strlen(theirs), NULL);
}

/* GOption would leave with 0 though nobody could read it: "--help > /dev/full". */
static void print_help_if_asked(GOptionContext *context, char **argv)
{
    for (char **word = argv + 1; *word != NULL && strcmp(*word, "--") != 0; word++) {
        if (strcmp(*word, "--help") != 0 && strcmp(*word, "-h") != 0)
            continue;
        char *help = help_text(context);
        gboolean is_said = fputs(help, stdout) >= 0 && fflush(stdout) == 0;
        g_free(help);
        if (is_said)
            exit(0);
        app_notice("cannot write to stdout: %s", g_strerror(errno));
        exit(APP_ERROR_FAILED);
    }
}

/* GOption takes no notice of the value in "--json=no", which would mean the contrary. */
static gboolean check_switches(char **argv, const GOptionEntry *entries, GError **error)
{
    for (char **word = argv + 1; *word != NULL && strcmp(*word, "--") != 0; word++) {
        for (const GOptionEntry *entry = entries; entry->long_name != NULL; entry++) {
            size_t length = strlen(entry->long_name);
            if (entry->arg == G_OPTION_ARG_NONE && g_str_has_prefix(*word, "--") &&
                strncmp(*word + 2, entry->long_name, length) == 0 && (*word)[2 + length] == '=') {
                g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "--%s takes no value; write --%s alone or leave it out",
                            entry->long_name, entry->long_name);
                return FALSE;
            }
        }
    }
    return TRUE;
}

gboolean command_parse(int argc, char **argv, const char *command, const char *parameters, const char *summary,
                       const char *examples, const GOptionEntry *entries, gpointer data, GError **error)
{
    g_autofree char *program = g_strconcat("rofuse ", command, NULL);
    g_set_prgname(program);
    g_autoptr(GOptionContext) context = g_option_context_new(parameters);
    g_option_context_set_summary(context, summary);
    g_option_context_set_description(context, examples);
    GOptionGroup *group = g_option_group_new(command, command, command, data, NULL);
    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    print_help_if_asked(context, argv);
    if (!check_switches(argv, entries, error))
        return FALSE;
    g_autoptr(GError) cause = NULL;
    if (g_option_context_parse(context, &argc, &argv, &cause))
        return TRUE;
    if (cause->domain == APP_ERROR)
        g_propagate_error(error, g_steal_pointer(&cause));
    else
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s; see %s --help", cause->message, program);
    return FALSE;
}

gboolean command_print(const char *text, GError **error)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return TRUE;
    return app_error_failed(error, "cannot write to stdout: %s", g_strerror(errno));
}
