#include "run_bundle.h"

#include "app_error.h"
#include "run_ids.h"
#include "run_places.h"
#include "run_seccomp.h"
#include "text.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Takes the list: JSON strings are UTF-8, and a runtime has no other way to be told of bytes that are not. */
static json_t *strings(const char *const *list, const char *what, GError **error)
{
    json_t *json = json_array();
    for (; *list != NULL; list++) {
        if (json_array_append_new(json, json_string(*list)) == 0)
            continue;
        g_autofree char *shown = text_word(*list);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "%s: %s is not UTF-8, which config.json has to be; use --runtime builtin", what, shown);
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *known_strings(const char *const *list)
{
    return strings(list, "", NULL);
}

static json_t *user_to_json(const struct run_spec *spec, bool may_set_groups)
{
    json_t *groups = json_array();
    for (size_t i = 0; may_set_groups && i < spec->n_groups; i++)
        json_array_append_new(groups, json_integer(spec->groups[i]));
    return json_pack("{s:I, s:I, s:i, s:o}", "uid", (json_int_t)spec->uid, "gid", (json_int_t)spec->gid, "umask", 022,
                     "additionalGids", groups);
}

static json_t *capabilities_to_json(uid_t uid)
{
    json_t *all = known_strings(run_capabilities);
    json_t *of_user = uid == 0 ? json_incref(all) : json_array();
    json_t *json = json_pack("{s:o, s:O, s:O, s:[], s:[]}", "bounding", all, "effective", of_user, "permitted", of_user,
                             "inheritable", "ambient");
    json_decref(of_user);
    return json;
}

/* Some runtimes give a terminal no size but this one. */
static void set_console_size(json_t *process)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        json_object_set_new(process, "consoleSize",
                            json_pack("{s:i, s:i}", "height", size.ws_row, "width", size.ws_col));
}

static json_t *process_to_json(const struct run_spec *spec, bool may_set_groups, GError **error)
{
    const char *const cwd[] = {spec->working_dir, NULL};
    json_t *args = strings((const char *const *)spec->argv, "the command", error);
    json_t *env = args != NULL ? strings((const char *const *)spec->env, "the environment", error) : NULL;
    json_t *place = env != NULL ? strings(cwd, "the working directory", error) : NULL;
    json_t *json = NULL;
    if (place != NULL)
        json = json_pack("{s:b, s:o, s:O, s:O, s:O, s:o, s:b}", "terminal", spec->terminal, "user",
                         user_to_json(spec, may_set_groups), "args", args, "env", env, "cwd", json_array_get(place, 0),
                         "capabilities", capabilities_to_json(spec->uid), "noNewPrivileges", 1);
    json_decref(args);
    json_decref(env);
    json_decref(place);
    if (json != NULL && spec->terminal)
        set_console_size(json);
    return json;
}

static void add_mount(json_t *mounts, const char *target, const char *type, const char *source, const char *options)
{
    g_auto(GStrv) words = g_strsplit(options, ",", -1);
    json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:o}", "destination", target, "type", type, "source",
                                            source, "options", known_strings((const char *const *)words)));
}

static json_t *mounts_to_json(const char *directory, const struct run_file *files, bool with_users, bool has_tty_group)
{
    json_t *mounts = json_array();
    add_mount(mounts, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    add_mount(mounts, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
    add_mount(mounts, "/dev/pts", "devpts", "devpts",
              has_tty_group ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"
                            : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
    add_mount(mounts, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k");
    add_mount(mounts, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
    if (with_users)
        add_mount(mounts, "/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");
    else
        add_mount(mounts, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
    for (size_t i = 0; i < RUN_N_FILES; i++) {
        g_autofree char *name = g_path_get_basename(files[i].path);
        g_autofree char *source = g_build_filename(directory, name, NULL);
        add_mount(mounts, files[i].path, "bind", source, "bind,ro,private");
    }
    return mounts;
}

static json_t *maps_to_json(const struct run_id_range *ranges, size_t n)
{
    json_t *json = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(json, json_pack("{s:I, s:I, s:I}", "containerID", (json_int_t)ranges[i].inside, "hostID",
                                              (json_int_t)ranges[i].outside, "size", (json_int_t)ranges[i].count));
    return json;
}

static json_t *linux_to_json(const struct run_spec *spec, const struct run_id_maps *maps)
{
    /* No network namespace: the network is the host's. */
    json_t *namespaces = json_pack("[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}]", "type", "mount", "type", "pid", "type", "ipc",
                                   "type", "uts", "type", "cgroup");
    /* In /dev a program may make nodes; a cgroup forbids to open them, but for crun, which we start without one. */
    json_t *seccomp = run_seccomp_to_json(spec->runtime == RUN_CRUN);
    json_t *json =
        json_pack("{s:o, s:o, s:o, s:o}", "namespaces", namespaces, "maskedPaths", known_strings(run_masked_paths),
                  "readonlyPaths", known_strings(run_readonly_paths), "seccomp", seccomp);
    if (maps == NULL && run_ids_is_initial())
        json_object_set_new(json, "resources", json_pack("{s:[{s:b, s:s}]}", "devices", "allow", 0, "access", "rwm"));
    if (maps != NULL) {
        json_array_append_new(namespaces, json_pack("{s:s}", "type", "user"));
        json_object_set_new(json, "uidMappings", maps_to_json(maps->users, maps->n_users));
        json_object_set_new(json, "gidMappings", maps_to_json(maps->groups, maps->n_groups));
    }
    return json;
}

static gboolean write_text(const char *directory, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autoptr(GError) problem = NULL;
    if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &problem))
        return TRUE;
    g_autofree char *shown = text_word(problem->message);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot write the bundle: %s", shown);
    return FALSE;
}

static json_t *config_to_json(const struct run_spec *spec, const char *directory, const struct run_file *files,
                              GError **error)
{
    struct run_id_maps maps;
    bool with_users = !run_ids_may_mount() || !run_ids_exist(spec->uid, spec->gid);
    if (with_users)
        run_ids_plan(spec->uid, spec->gid, &maps);
    bool is_single = with_users && maps.is_single;
    /* runc refuses supplementary groups to whoever is not root, whatever his maps are. */
    json_t *process = process_to_json(spec, !is_single && run_ids_may_mount(), error);
    if (process == NULL)
        return NULL;
    bool has_tty_group = !is_single && run_ids_exist(0, 5);
    json_t *mounts = mounts_to_json(directory, files, with_users || !run_ids_is_initial(), has_tty_group);
    /* crun loses the root's nodev, and would let the program open devices of the image; user namespaces have no devices.
     * It has no other name for "/". */
    if (!with_users && run_ids_is_initial())
        add_mount(mounts, "/.", "bind", "/", "remount,bind,nodev");
    json_t *json = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process", process,
                             "root", "path", spec->root, "readonly", 0, "hostname", spec->hostname, "mounts", mounts,
                             "linux", linux_to_json(spec, with_users ? &maps : NULL));
    if (json == NULL)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "the mount point's name is not UTF-8, which config.json has to "
                    "be; use --runtime builtin");
    return json;
}

gboolean run_bundle_write(const struct run_spec *spec, const char *directory, GError **error)
{
    if (g_mkdir_with_parents(directory, 0700) != 0) {
        g_autofree char *shown = text_word(directory);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make %s: %s", shown, g_strerror(errno));
        return FALSE;
    }
    g_autofree char *absolute = g_canonicalize_filename(directory, NULL);
    struct run_file files[RUN_N_FILES];
    run_files_make(spec, files);
    gboolean is_written = TRUE;
    for (size_t i = 0; is_written && i < RUN_N_FILES; i++) {
        g_autofree char *name = g_path_get_basename(files[i].path);
        is_written = write_text(absolute, name, files[i].text, error);
    }
    json_t *json = is_written ? config_to_json(spec, absolute, files, error) : NULL;
    run_files_clear(files);
    if (json == NULL)
        return FALSE;
    char *text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    is_written = write_text(absolute, "config.json", text, error);
    free(text);
    return is_written;
}
