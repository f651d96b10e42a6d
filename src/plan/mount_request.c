#include "mount_request.h"

#include "app_error.h"
#include "command_parse.h"
#include "mount_arguments.h"
#include "text.h"

static const char summary[] =
    "Mounts directories (the layers of an image, first = bottom) as one root file system that is\n"
    "read-only everywhere but in the places declared here, and logs every write that it refuses\n"
    "together with the process that tried it.";

static const char examples[] =
    "Places that may be written, in docker's words:\n"
    "  --tmpfs /tmp                       memory, empty, gone after unmount (noexec,nosuid,nodev)\n"
    "  --tmpfs /run:size=64m,mode=0755    also nr_inodes=, uid=, gid=, ro, exec, tmpcopyup\n"
    "  -v data:/var/lib/app               a named volume, filled from the image when new\n"
    "  -v /srv/conf:/etc/app:ro           a directory or file of the host, read-only\n"
    "  -v /cache                          an anonymous volume\n"
    "  --mount type=volume,source=data,target=/data,volume-subpath=app,readonly\n"
    "  --tmpfs /tmp:native                a real mount, as fast as the kernel; needs the right to mount;\n"
    "                                     what is refused there is not logged (--routes native: all places)\n"
    "\n"
    "Log destinations: - (stderr), file:PATH (appended; reopened on SIGHUP), journald. Default: stderr\n"
    "in the foreground; otherwise journald, or a file in the state directory where there is no journal.\n"
    "\n"
    "What is mounted comes from --image, from --layer, or from a service of a Compose file with its writable\n"
    "places; without any of them from compose.yaml (or the like) in the working directory or above it.\n"
    "\n"
    "Examples:\n"
    "  rofuse mount --image oci:images/web:1.0 --tmpfs /tmp /mnt/root\n"
    "  rofuse mount --compose compose.yaml --service api /mnt/root\n"
    "  rofuse mount --layer base --layer app --tmpfs /tmp -v data:/data /mnt/root\n"
    "  rofuse mount --foreground --log - --layer rootfs --tmpfs /tmp --tmpfs /run /mnt/root\n"
    "  rofuse mount --layer rootfs --log file:/var/log/app.jsonl --log journald --log-fold off /mnt/root\n"
    "\n"
    "The exit status is 0 when the mount answers, 1 when it could not be set up, 2 when the arguments are wrong.";

static gboolean check_rest(char **rest, GError **error)
{
    guint n = rest != NULL ? g_strv_length(rest) : 0;
    if (n == 0 || *rest[0] == '\0') {
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "no mount point is given; write rofuse mount [OPTIONS] MOUNTPOINT, see rofuse mount --help");
        return FALSE;
    }
    if (n == 1)
        return TRUE;
    g_autofree char *first = text_word(rest[0]), *second = text_word(rest[1]);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "there is one mount point too many: %s, %s; options begin with --",
                first, second);
    return FALSE;
}

struct mount_request *mount_request_parse(int argc, char **argv, GError **error)
{
    gboolean foreground = FALSE;
    g_auto(GStrv) rest = NULL;
    struct mount_arguments arguments;
    mount_arguments_init(&arguments);
    const GOptionEntry own[] = {
        {"foreground", 0, 0, G_OPTION_ARG_NONE, &foreground, "Stay in the foreground; readiness is told by sd_notify",
         NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL},
    };
    /* Its end is an element of zeros. */
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    mount_arguments_add_entries(&arguments, MOUNT_ARGUMENTS_MOUNT, entries);
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
    struct mount_request *request = NULL;
    if (command_parse(argc, argv, "mount", "MOUNTPOINT", summary, examples,
                      (const GOptionEntry *)(const void *)entries->data, &arguments, error) &&
        check_rest(rest, error))
        request = mount_arguments_take(&arguments, rest[0], error);
    if (request != NULL)
        request->foreground = foreground;
    mount_arguments_clear(&arguments);
    return request;
}

void mount_request_free(struct mount_request *request)
{
    if (request == NULL)
        return;
    for (size_t i = 0; i < request->n_logs; i++)
        log_dest_clear(&request->logs[i]);
    g_free(request->logs);
    mount_options_free(request->routes);
    g_free(request->mountpoint);
    g_strfreev(request->layers);
    g_free(request->image);
    g_free(request->platform);
    g_strfreev(request->compose);
    g_free(request->service);
    g_free(request->project);
    g_free(request->image_id);
    g_free(request->image_name);
    g_free(request->log_format);
    g_free(request->name);
    g_free(request->suggested_name);
    g_free(request->state_dir);
    g_free(request);
}
