#include "commands.h"

#include "app_error.h"

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
    g_autoptr(GError) cause = NULL;
    if (g_option_context_parse(context, &argc, &argv, &cause))
        return TRUE;
    if (cause->domain == APP_ERROR)
        g_propagate_error(error, g_steal_pointer(&cause));
    else
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s; see %s --help", cause->message, program);
    return FALSE;
}
