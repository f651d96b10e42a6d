#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "find_mount.h"
#include "mount_end.h"
#include "state_dir.h"

#include <unistd.h>

static const char summary[] =
    "Unmounts a rofuse mount and waits until its daemon has ended. A mount that is in use is detached\n"
    "at once; who uses it is said, and its daemon goes on serving them until the last one is gone.\n"
    "A mount whose daemon was killed is cleaned up.";

static const char examples[] =
    "Examples:\n"
    "  rofuse umount /mnt/root\n"
    "  rofuse umount root\n"
    "\n"
    "The exit status is 0 when the mount is gone from its place, 1 when it is no rofuse mount or could not be\n"
    "unmounted, 2 when the arguments are wrong.";

static gboolean umount_one(const struct paths *paths, const char *word, GError **error)
{
    struct found_mount *found = find_mount(paths, word, error);
    if (found == NULL)
        return FALSE;
    /* Whoever is in the mount keeps it in use, and this process is found already. */
    (void)!chdir("/");
    struct mount_end *end = mount_end_new(paths, found, MOUNT_END_AWAITED);
    gboolean done = mount_end_detach(end, error);
    if (done)
        (void)mount_end_wait(end);
    if (done && found->state != NULL && !state_is_alive(found->state))
        state_dir_remove(paths->run, found->state);
    mount_end_free(end);
    found_mount_free(found);
    return done;
}

int cmd_umount(int argc, char **argv)
{
    g_autofree char *state_dir = NULL;
    g_auto(GStrv) rest = NULL;
    const GOptionEntry entries[] = {
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state_dir, "Where the mount keeps its state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    if (!command_parse(argc, argv, "umount", "MOUNTPOINT|NAME", summary, examples, entries, NULL, &error))
        return app_error_print(error);
    if (rest == NULL || g_strv_length(rest) != 1 || *rest[0] == '\0')
        return app_error_print(g_error_new(APP_ERROR, APP_ERROR_USAGE,
                                           "give one mount point or name: rofuse umount "
                                           "MOUNTPOINT, see rofuse umount --help"));
    struct paths *paths = paths_find(state_dir, &error);
    gboolean done = paths != NULL && umount_one(paths, rest[0], &error);
    paths_free(paths);
    return done ? 0 : app_error_print(error);
}
