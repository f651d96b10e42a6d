#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "watch_view.h"

#include <stdio.h>
#include <unistd.h>

static const char summary[] =
    "Shows what programs could not write on a mount as it happens, on the whole screen: folded by place,\n"
    "newest first, each with its process, count, age and class. Keys open one with all that is known of\n"
    "it, declare a tmpfs or a volume for it at once, switch learn mode; ? tells them all. In a pipe, or\n"
    "where the terminal cannot do it, it prints a line for each place that is new or has changed.\n"
    "Without MOUNTPOINT or NAME the only mount is meant.";

static const char examples[] =
    "Examples:\n"
    "  rofuse watch\n"
    "  rofuse watch /mnt/root\n"
    "  rofuse watch web | grep -w fatal\n"
    "  rofuse watch web --json | jq -r 'select(.class == \"fatal\") | .place'\n"
    "\n"
    "The exit status is 0, in a pipe also when the daemon has ended; 1 when there is no such mount, 2 when the\n"
    "arguments are wrong. NO_COLOR in the environment is heeded.";

static int run(const char *state_dir, const char *word, gboolean as_json, GError **error)
{
    struct paths *paths = paths_find(state_dir, error);
    struct watch_feed *feed = paths != NULL ? watch_feed_open(paths, word, error) : NULL;
    bool is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    gboolean done = feed != NULL;
    if (done && (as_json || !is_terminal || !watch_view_screen(feed, state_dir)))
        done = watch_view_lines(feed, as_json, error);
    watch_feed_free(feed);
    paths_free(paths);
    return done ? 0 : APP_ERROR_FAILED;
}

int cmd_watch(int argc, char **argv)
{
    g_autofree char *state_dir = NULL;
    g_auto(GStrv) rest = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Lines in JSON, each a fact of rofuse.facts/1", NULL},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    if (!command_parse(argc, argv, "watch", "[MOUNTPOINT|NAME]", summary, examples, entries, NULL, &error))
        return app_error_print(error);
    if (rest != NULL && (g_strv_length(rest) != 1 || *rest[0] == '\0'))
        return app_error_print(g_error_new(APP_ERROR, APP_ERROR_USAGE,
                                           "give one mount point or name, or none for the only mount: rofuse watch "
                                           "[MOUNTPOINT|NAME]"));
    int status = run(state_dir, rest != NULL ? rest[0] : NULL, as_json, &error);
    return error != NULL ? app_error_print(error) : status;
}
