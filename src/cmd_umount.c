#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "find_mount.h"
#include "guard.h"
#include "mount_table.h"
#include "process.h"
#include "state_dir.h"
#include "text.h"
#include "umount_beneath.h"
#include "unmount.h"
#include "users.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How many lines about who is in the way are worth reading. */
#define USERS_MAX 20

/* How often, and how long apart, a mount is tried that is in use. */
#define BUSY_TRIES 10
#define BUSY_NAP_US 20000

/* How long a daemon may take to end before it is worth saying why: where somebody uses it, and where nobody is seen to. */
#define QUIET_MS 1000
#define ALONE_MS 10000

/* Binds of the mount over itself can lie on top of it; nobody has more than a few. */
#define STACKED_MAX 16

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

struct daemon {
    pid_t pid; /* 0 = nobody knows */
    int pidfd; /* owned; -1 = it has ended, or nobody knows */
};

static struct daemon find_daemon(const struct found_mount *found)
{
    struct daemon daemon = {.pidfd = -1};
    uint64_t ticks = 0;
    if (found->state != NULL && state_is_alive(found->state)) {
        daemon.pid = found->state->pid;
        ticks = found->state->start_ticks;
    } else if (found->state == NULL && found->device != 0) {
        /* Mounted with a state directory that we were not told. */
        daemon.pid = users_find_daemon(found->device);
        ticks = process_start_ticks(daemon.pid);
    }
    if (daemon.pid > 0) {
        daemon.pidfd = process_open(daemon.pid, ticks);
        if (daemon.pidfd < 0)
            daemon = (struct daemon){.pidfd = -1};
    }
    return daemon;
}

static const char *name_of(const struct found_mount *found)
{
    return found->state != NULL ? found->state->name : NULL;
}

/* Whether there are any. */
static bool say_users(const struct found_mount *found, const struct daemon *daemon)
{
    if (found->device == 0)
        return false;
    g_autoptr(GPtrArray) users = users_find(found->device, name_of(found), found->point, daemon->pid, USERS_MAX);
    for (guint i = 0; i < users->len; i++)
        app_notice("in the way: %s", (const char *)g_ptr_array_index(users, i));
    return users->len > 0;
}

static void say_mounts_below(const char *point)
{
    g_autoptr(GPtrArray) table = mount_table_read(NULL);
    const struct mount_entry *below = table != NULL ? mount_table_below(table, point) : NULL;
    if (below != NULL) {
        g_autofree char *shown = text_word(below->point);
        app_notice("in the way: %s is mounted below", shown);
    }
}

/* @place: inside the mount, NULL for the mount itself. */
static int unmount_once(const char *point, const char *place, bool lazy)
{
    return place != NULL ? umount_beneath(point, place, 0, lazy) : unmount_point(point, lazy);
}

/* Somebody who only looks (who reads links of /proc, say) holds the mount for a moment; that is no use of it. */
static int unmount_patiently(const char *point, const char *place)
{
    int result = unmount_once(point, place, false);
    for (int i = 0; i < BUSY_TRIES && result == -EBUSY; i++) {
        g_usleep(BUSY_NAP_US);
        result = unmount_once(point, place, false);
    }
    return result;
}

/* @place: as above. Native routes below the mount are told only when they are what is left. */
static void say_busy(const struct found_mount *found, const char *place, const struct daemon *daemon, bool *ret_said)
{
    if (*ret_said)
        return;
    *ret_said = true;
    g_autofree char *shown = text_word(found->point);
    app_notice("%s is in use; it is detached now", shown);
    (void)say_users(found, daemon);
    if (place == NULL)
        say_mounts_below(found->point);
}

static int unmount_or_detach(const struct found_mount *found, const char *place, const struct daemon *daemon,
                             bool *ret_said)
{
    int result = unmount_patiently(found->point, place);
    if (result != -EBUSY)
        return result;
    say_busy(found, place, daemon, ret_said);
    return unmount_once(found->point, place, true);
}

/* All at once, the native routes with the mount point. */
static int detach_dead(const struct found_mount *found, const struct daemon *daemon, bool *ret_said)
{
    g_autoptr(GPtrArray) users = users_find(found->device, name_of(found), found->point, daemon->pid, 1);
    if (users->len > 0)
        say_busy(found, found->state->natives[0], daemon, ret_said);
    return unmount_once(found->point, NULL, true);
}

/*
 * Unmounts the native routes, nested ones first, then the mount point. What of them somebody else has unmounted, or what
 * cannot be reached, is no error: the lazy unmount of the mount point takes it along. The way to them leads through the
 * mount: it is barred where the daemon is dead and the kernel would ask it again, and a daemon that does not answer would
 * make us wait.
 */
static int detach_once(const struct found_mount *found, const struct daemon *daemon, bool *ret_said)
{
    char **natives = found->state != NULL ? found->state->natives : NULL;
    guint n = natives != NULL ? g_strv_length(natives) : 0;
    int answer = n > 0 ? guard_probe(found->point) : 0;
    if (answer == -ENOTCONN || answer == -ECONNABORTED)
        return detach_dead(found, daemon, ret_said);
    for (guint i = answer != -ETIMEDOUT ? n : 0; i > 0; i--)
        (void)unmount_or_detach(found, natives[i - 1], daemon, ret_said);
    return unmount_or_detach(found, NULL, daemon, ret_said);
}

/* Takes the mount out of the tree. FALSE with one line. */
static gboolean detach(const struct found_mount *found, const struct daemon *daemon, bool *ret_said, GError **error)
{
    g_autofree char *shown = text_word(found->point);
    if (!found->is_mounted)
        return TRUE;
    int result = 0;
    for (int i = 0; i < STACKED_MAX && result == 0 && (i == 0 || mount_table_still_has(found->point, found->device));
         i++)
        result = detach_once(found, daemon, ret_said);
    /* EINVAL: somebody else was faster and it is no mount any more. */
    if (result == 0 || result == -EINVAL)
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot unmount %s: %s%s", shown, g_strerror(-result),
                result == -EPERM ? "; only root and the user who mounted it may" : "");
    return FALSE;
}

/*
 * Says who keeps the daemon from ending. Whether somebody does, as far as can be seen.
 *
 * Where it was not busy as we unmounted it, nobody uses it unless it is mounted elsewhere. To look for users all the same would
 * find those of whatever has its device's number by now; a file system that is in no table, as a daemon's own tmpfs, cannot
 * be told from it.
 */
static bool say_last_users(const struct paths *paths, const struct found_mount *found, const struct daemon *daemon)
{
    if (found->state != NULL && !state_dir_has(paths->run, found->state))
        return false;
    return (!found->is_mounted || users_find_mounts(found->device, name_of(found))) && say_users(found, daemon);
}

/* Waits for the daemon's end, or for Ctrl-C. */
static void wait_for_daemon(const struct paths *paths, const struct found_mount *found, const struct daemon *daemon,
                            int signal_fd, bool has_said)
{
    int64_t timeout = has_said ? 0 : QUIET_MS;
    for (int64_t waited = timeout;; waited += timeout) {
        struct pollfd events[] = {{.fd = daemon->pidfd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
        int ready = poll(events, 2, (int)timeout);
        if (ready < 0)
            continue;
        if (ready > 0 && events[0].revents != 0)
            return;
        if (ready > 0) {
            app_notice("not waiting any longer; the daemon (pid %d) goes on until the last user is gone",
                       (int)daemon->pid);
            return;
        }
        if (!has_said && !say_last_users(paths, found, daemon) && waited < ALONE_MS)
            continue;
        app_notice("waiting until the last user is gone and the daemon (pid %d) has ended; Ctrl-C ends the wait",
                   (int)daemon->pid);
        has_said = true;
        timeout = -1;
    }
}

/* The signals are blocked from before the unmount, so that Ctrl-C never ends it half way. */
static int block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static gboolean umount_one(const struct paths *paths, const char *word, GError **error)
{
    struct found_mount *found = find_mount(paths, word, error);
    if (found == NULL)
        return FALSE;
    /* Whoever is in the mount keeps it in use, and this process is found already. */
    (void)!chdir("/");
    int signal_fd = block_signals();
    struct daemon daemon = find_daemon(found);
    bool has_said = false;
    gboolean done = detach(found, &daemon, &has_said, error);
    if (done && daemon.pidfd >= 0)
        wait_for_daemon(paths, found, &daemon, signal_fd, has_said);
    if (done && found->state != NULL && !state_is_alive(found->state))
        state_dir_remove(paths->run, found->state);
    if (daemon.pidfd >= 0)
        close(daemon.pidfd);
    if (signal_fd >= 0)
        close(signal_fd);
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
