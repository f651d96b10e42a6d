#include "unmount.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mount.h>

/* fusermount3 tells why only in words, and its words are not translated. */
static int run_fusermount(const char *point, bool lazy)
{
    const char *arguments[] = {"fusermount3", "-u", lazy ? "-z" : "--", lazy ? "--" : point, lazy ? point : NULL, NULL};
    g_autofree char *output = NULL;
    int status;
    if (!g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                      NULL, &output, &status, NULL))
        return -EPERM;
    if (g_spawn_check_wait_status(status, NULL))
        return 0;
    return strstr(output, "busy") != NULL ? -EBUSY : -EPERM;
}

int unmount_point(const char *point, bool lazy)
{
    if (umount2(point, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return 0;
    return errno == EPERM ? run_fusermount(point, lazy) : -errno;
}
