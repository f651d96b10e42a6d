#include "run_root.h"

#include "app_error.h"
#include "run_inside.h"
#include "run_mounts.h"
#include "run_places.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static gboolean failed(const char *what, const char *path, int problem, GError **error)
{
    g_autofree char *shown = text_word(path);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot %s %s: %s", what, shown, g_strerror(problem));
    return FALSE;
}

/* Where a writable place lies over the directory the file is missing, and is made there, as docker does. */
static int bind_file(int root, const char *source, const char *path)
{
    int result = run_mount_bind_inside(root, source, path, RUN_BIND_READ_ONLY | RUN_BIND_OVER_LINK);
    if (result == -ENOENT && run_mount_write_file(root, path, "") == 0)
        result = run_mount_bind_inside(root, source, path, RUN_BIND_READ_ONLY);
    return result;
}

/* The files of /etc, made in a file system of their own that nobody sees; it lives as long as they are mounted. */
static gboolean mount_files(int root, const struct run_spec *spec, GError **error)
{
    struct run_file files[RUN_N_FILES];
    run_files_make(spec, files);
    /* /proc is as good a place as any: it is covered by the real one afterwards. */
    int result = run_mount_at(root, "/proc", "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=1m");
    for (size_t i = 0; result == 0 && i < RUN_N_FILES; i++) {
        g_autofree char *source = g_strdup_printf("/proc/%zu", i);
        result = run_mount_write_file(root, source, files[i].text);
        if (result == 0)
            result = bind_file(root, source, files[i].path);
        if (result < 0)
            failed("mount", files[i].path, -result, error);
    }
    if (result == 0)
        result = run_mount_detach(root, "/proc");
    if (result < 0 && error != NULL && *error == NULL)
        failed("make files in", "/proc", -result, error);
    run_files_clear(files);
    return result == 0;
}

struct device {
    const char *name;
    unsigned major, minor;
};

static const struct device devices[] = {
    {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

/* A node of our own where that is allowed; in a user namespace, where it is not, the host's. Bound in any case: who may make
 * nodes in /dev itself could open any device of the host, as no cgroup of devices forbids it. */
static gboolean make_device(int root, int nodes, const struct device *device, GError **error)
{
    g_autofree char *path = g_strconcat("/dev/", device->name, NULL);
    g_autofree char *node = g_strconcat("/proc/", device->name, NULL);
    int result = run_mount_write_file(root, path, "");
    if (result == 0 && mknodat(nodes, device->name, S_IFCHR | 0666, makedev(device->major, device->minor)) == 0)
        result = run_mount_bind_inside(root, node, path, 0);
    else if (result == 0)
        result = errno == EPERM ? run_mount_bind_host(root, path, path, 0) : -errno;
    return result == 0 ? TRUE : failed("make", path, -result, error);
}

/* In a file system that nobody sees, as the files of /etc. */
static gboolean make_devices(int root, GError **error)
{
    int result = run_mount_at(root, "/proc", "tmpfs", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k");
    int nodes = result == 0 ? run_inside_open(root, "/proc", O_PATH | O_DIRECTORY) : result;
    if (nodes < 0)
        return failed("make devices in", "/proc", -nodes, error);
    gboolean is_made = TRUE;
    for (size_t i = 0; is_made && i < G_N_ELEMENTS(devices); i++)
        is_made = make_device(root, nodes, &devices[i], error);
    close(nodes);
    result = is_made ? run_mount_detach(root, "/proc") : 0;
    return result == 0 ? is_made : failed("take off", "/proc", -result, error);
}

static gboolean make_links(int root, GError **error)
{
    static const struct {
        const char *name, *target;
    } links[] = {
        {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
        {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},         {"core", "/proc/kcore"},
    };
    int directory = run_inside_open(root, "/dev", O_PATH | O_DIRECTORY);
    if (directory < 0)
        return failed("open", "/dev", -directory, error);
    gboolean is_made = TRUE;
    for (size_t i = 0; is_made && i < G_N_ELEMENTS(links); i++) {
        if (symlinkat(links[i].target, directory, links[i].name) != 0)
            is_made = failed("make", links[i].name, errno, error);
    }
    static const char *const places[] = {"pts", "shm", "mqueue"};
    for (size_t i = 0; is_made && i < G_N_ELEMENTS(places); i++) {
        if (mkdirat(directory, places[i], 0755) != 0)
            is_made = failed("make", places[i], errno, error);
    }
    close(directory);
    return is_made;
}

/* The group "tty" of nearly all systems owns terminals; it may not exist in a user namespace. */
static int mount_devpts(int root)
{
    const unsigned long flags = MS_NOSUID | MS_NOEXEC;
    int result = run_mount_at(root, "/dev/pts", "devpts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    if (result == -EINVAL)
        result = run_mount_at(root, "/dev/pts", "devpts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620");
    return result;
}

static gboolean mount_dev(int root, GError **error)
{
    const unsigned long own = MS_NOSUID | MS_NODEV | MS_STRICTATIME, flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int result = run_mount_at(root, "/dev", "tmpfs", "tmpfs", own, "mode=755,size=65536k");
    if (result < 0)
        return failed("mount", "/dev", -result, error);
    if (!make_devices(root, error) || !make_links(root, error))
        return FALSE;
    result = mount_devpts(root);
    if (result < 0)
        return failed("mount", "/dev/pts", -result, error);
    result = run_mount_at(root, "/dev/shm", "tmpfs", "shm", flags, "mode=1777,size=65536k");
    if (result < 0)
        return failed("mount", "/dev/shm", -result, error);
    result = run_mount_at(root, "/dev/mqueue", "mqueue", "mqueue", flags, NULL);
    /* A kernel without POSIX message queues is no reason not to start. */
    return result == 0 || result == -ENODEV ? TRUE : failed("mount", "/dev/mqueue", -result, error);
}

/* sysfs belongs to a network namespace: in a user namespace that has not its own, the host's is shown instead. */
static gboolean mount_sys(int root, GError **error)
{
    int result = run_mount_at(root, "/sys", "sysfs", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    if (result == -EPERM)
        result = run_mount_bind_host(root, "/sys", "/sys", RUN_BIND_READ_ONLY | RUN_BIND_RECURSIVE);
    return result == 0 ? TRUE : failed("mount", "/sys", -result, error);
}

static gboolean mount_proc(int root, GError **error)
{
    int result = run_mount_at(root, "/proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (result == 0)
        return TRUE;
    failed("mount", "/proc", -result, error);
    if (result == -EPERM)
        g_prefix_error(error, "parts of the host's /proc are covered, as in a container, and a new one is not allowed; "
                              "run as root, or uncover them: ");
    return FALSE;
}

static gboolean cover(int root, GError **error)
{
    for (const char *const *path = run_masked_paths; *path != NULL; path++) {
        int result = run_mount_mask(root, *path);
        if (result < 0)
            return failed("cover", *path, -result, error);
    }
    for (const char *const *path = run_readonly_paths; *path != NULL; path++) {
        int result = run_mount_bind_inside(root, *path, *path, RUN_BIND_READ_ONLY | RUN_BIND_RECURSIVE);
        if (result < 0 && result != -ENOENT)
            return failed("make read-only", *path, -result, error);
    }
    return TRUE;
}

/*
 * What is mounted here is looked up by name again, to be masked and made read-only. A symbolic link could lead into a volume,
 * where another program makes it mean something else in between (as in CVE-2019-19921).
 */
static gboolean check_places(int root, GError **error)
{
    static const char *const places[] = {"/proc", "/sys", "/dev"};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        int fd = run_inside_open(root, places[i], O_PATH | O_DIRECTORY | O_NOFOLLOW);
        if (fd < 0)
            return failed("mount at the image's", places[i], -fd, error);
        close(fd);
    }
    return TRUE;
}

static gboolean mount_all(int root, const struct run_spec *spec, GError **error)
{
    return check_places(root, error) && mount_files(root, spec, error) && mount_dev(root, error) &&
           mount_proc(root, error) && mount_sys(root, error) && cover(root, error);
}

/* pivot_root(2), "pivot_root(".", ".")": the old root ends up below the new one and is taken off. */
static gboolean pivot(int root, GError **error)
{
    if (fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
        chdir("/") != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return failed("change the root to", "the mount", errno, error);
    return TRUE;
}

gboolean run_root_enter(const struct run_spec *spec, GError **error)
{
    /* As a slave we still lose what the host unmounts until we have left it, and hold nobody's mount for longer. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return failed("take off the propagation of", "/", errno, error);
    if (mount(spec->root, spec->root, NULL, MS_BIND | MS_REC, NULL) != 0)
        return failed("bind", spec->root, errno, error);
    int root = open(spec->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return failed("open", spec->root, errno, error);
    gboolean is_done = mount_all(root, spec, error) && pivot(root, error);
    close(root);
    return is_done;
}

gboolean run_root_open_terminal(const struct run_spec *spec, int *ret_master, int *ret_program, GError **error)
{
    int unlocked = 0, number = -1;
    int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) != 0 || ioctl(master, TIOCGPTN, &number) != 0)
        return failed("open", "/dev/pts/ptmx", errno, error);
    int program = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (program < 0)
        return failed("open the terminal's other end at", "/dev/pts/ptmx", errno, error);
    /* Who may not be given it has it open all the same. */
    (void)!fchown(program, spec->uid, (gid_t)-1);
    g_autofree char *name = g_strdup_printf("/dev/pts/%d", number);
    int console = open("/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0600);
    if (console < 0 || close(console) != 0 || mount(name, "/dev/console", NULL, MS_BIND, NULL) != 0)
        return failed("bind the terminal on", "/dev/console", errno, error);
    *ret_master = master;
    *ret_program = program;
    return TRUE;
}

static gboolean no_directory(const char *directory, int problem, GError **error)
{
    g_autofree char *shown = text_word(directory);
    if (problem == EROFS)
        g_set_error(
            error, APP_ERROR, APP_ERROR_FAILED,
            "the working directory %s is not in the image, and its root is read-only; name another one, or declare "
            "it: --tmpfs %s",
            shown, shown);
    else
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot go to the working directory %s: %s", shown,
                    g_strerror(problem));
    return FALSE;
}

/* By a descriptor that was passed to us one can come to a place that is not below the root; it has no name then. */
static int go_to(const char *directory)
{
    if (chdir(directory) != 0)
        return -errno;
    g_autofree char *name = g_malloc(PATH_MAX);
    long length = syscall(SYS_getcwd, name, (unsigned long)PATH_MAX);
    return length < 0 ? -errno : *name == '/' ? 0 : -EXDEV;
}

gboolean run_root_chdir(const char *directory, GError **error)
{
    int result = go_to(directory);
    /* As docker makes it, for root; in a declared place that works. */
    if (result == -ENOENT)
        result = g_mkdir_with_parents(directory, 0755) == 0 ? go_to(directory) : -errno;
    return result == 0 ? TRUE : no_directory(directory, -result, error);
}
