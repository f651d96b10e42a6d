#include "run_words.h"

#include "app_error.h"
#include "text.h"

#include <string.h>

void run_words_init(struct run_words *words, int *argc, char ***argv)
{
    int n = 1;
    while (n < *argc && strcmp((*argv)[n], "--") != 0)
        n++;
    char **options = g_new0(char *, (gsize)n + 1);
    memcpy(options, *argv, (gsize)MIN(n, *argc) * sizeof *options);
    *words = (struct run_words){.command = n < *argc ? g_strdupv(*argv + n + 1) : g_new0(char *, 1)};
    *argc = MIN(n, *argc);
    *argv = options;
}

void run_words_clear(struct run_words *words)
{
    g_strfreev(words->env);
    g_free(words->entrypoint);
    g_free(words->user);
    g_free(words->working_dir);
    g_free(words->hostname);
    g_strfreev(words->command);
}

void run_words_add_entries(struct run_words *words, GArray *entries)
{
    const GOptionEntry own[] = {
        {"user", 'u', 0, G_OPTION_ARG_FILENAME, &words->user, "Who runs it: a name or number of the image",
         "USER[:GROUP]"},
        {"env", 'e', 0, G_OPTION_ARG_FILENAME_ARRAY, &words->env, "A variable; may be repeated", "KEY[=VALUE]"},
        {"workdir", 'w', 0, G_OPTION_ARG_FILENAME, &words->working_dir, "Where it is started", "DIR"},
        {"entrypoint", 0, 0, G_OPTION_ARG_FILENAME, &words->entrypoint,
         "What is started instead of the image's entrypoint", "PROGRAM"},
        {"hostname", 0, 0, G_OPTION_ARG_FILENAME, &words->hostname, "Its host name (default: the mount's name)",
         "NAME"},
    };
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
}

gboolean run_words_check(const struct run_words *words, GError **error)
{
    for (char **env = words->env; env != NULL && *env != NULL; env++) {
        if (**env == '\0' || **env == '=') {
            g_autofree char *shown = text_escape(*env);
            g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                        "--env: \"%s\" has no name; write KEY=VALUE, or KEY for this process' value", shown);
            return FALSE;
        }
    }
    if (words->working_dir != NULL && *words->working_dir != '/') {
        g_autofree char *shown = text_escape(words->working_dir);
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "--workdir: \"%s\" is not absolute; write a path of the image that begins with /", shown);
        return FALSE;
    }
    return TRUE;
}

struct plan_words run_words_plan(const struct run_words *words)
{
    return (struct plan_words){
        .entrypoint = words->entrypoint,
        .command = words->command,
        .env = words->env,
        .user = words->user,
        .working_dir = words->working_dir,
        .hostname = words->hostname,
    };
}
