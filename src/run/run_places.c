#include "run_places.h"

#include "run_inside.h"

#include <fcntl.h>
#include <unistd.h>

#define MOST_RESOLV_CONF 65536

const char *const run_masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    NULL,
};

const char *const run_readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

const char *const run_capabilities[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FSETID",     "CAP_FOWNER",      "CAP_MKNOD",
    "CAP_NET_RAW", "CAP_SETGID",           "CAP_SETUID",     "CAP_SETFCAP",     "CAP_SETPCAP",
    "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE", NULL,
};

void run_files_make(const struct run_spec *spec, struct run_file files[static RUN_N_FILES])
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *resolv_conf = run_inside_read(root, "/etc/resolv.conf", MOST_RESOLV_CONF);
    close(root);
    files[0] = (struct run_file){"/etc/resolv.conf", resolv_conf != NULL ? resolv_conf : g_strdup("")};
    files[1] = (struct run_file){"/etc/hosts", g_strdup_printf("127.0.0.1\tlocalhost\n"
                                                               "127.0.1.1\t%s\n"
                                                               "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                                               "fe00::\tip6-localnet\n"
                                                               "ff00::\tip6-mcastprefix\n"
                                                               "ff02::1\tip6-allnodes\n"
                                                               "ff02::2\tip6-allrouters\n",
                                                               spec->hostname)};
    files[2] = (struct run_file){"/etc/hostname", g_strconcat(spec->hostname, "\n", NULL)};
}

void run_files_clear(struct run_file files[static RUN_N_FILES])
{
    for (size_t i = 0; i < RUN_N_FILES; i++)
        g_clear_pointer(&files[i].text, g_free);
}
