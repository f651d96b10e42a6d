#include "run_seccomp.h"

#include "app_error.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct rule {
    const char *name;
    int error;
    unsigned argument; /* which argument is looked at, where @mask is not 0 */
    uint64_t mask;
    uint64_t value; /* of the masked argument */
};

/* One rule for each flag: any of them is enough. */
#define NEW_NAMESPACE(flag)                                                                                            \
    {                                                                                                                  \
        "clone", EPERM, 0, (flag), (flag)                                                                              \
    }
/* An ioctl's number is 32 bits wide, whatever stands in the upper half of the register. */
#define IOCTL(number)                                                                                                  \
    {                                                                                                                  \
        "ioctl", EPERM, 1, UINT32_MAX, (number)                                                                        \
    }

static const struct rule rules[] = {
    {"acct", EPERM, 0, 0, 0},
    {"add_key", EPERM, 0, 0, 0},
    {"bpf", EPERM, 0, 0, 0},
    {"clock_adjtime", EPERM, 0, 0, 0},
    {"clock_settime", EPERM, 0, 0, 0},
    {"clone3", ENOSYS, 0, 0, 0},
    {"create_module", EPERM, 0, 0, 0},
    {"delete_module", EPERM, 0, 0, 0},
    {"finit_module", EPERM, 0, 0, 0},
    {"fsconfig", EPERM, 0, 0, 0},
    {"fsmount", EPERM, 0, 0, 0},
    {"fsopen", EPERM, 0, 0, 0},
    {"fspick", EPERM, 0, 0, 0},
    {"init_module", EPERM, 0, 0, 0},
    {"io_uring_enter", EPERM, 0, 0, 0},
    {"io_uring_register", EPERM, 0, 0, 0},
    {"io_uring_setup", EPERM, 0, 0, 0},
    {"ioperm", EPERM, 0, 0, 0},
    {"iopl", EPERM, 0, 0, 0},
    {"kcmp", EPERM, 0, 0, 0},
    {"kexec_file_load", EPERM, 0, 0, 0},
    {"kexec_load", EPERM, 0, 0, 0},
    {"keyctl", EPERM, 0, 0, 0},
    {"lookup_dcookie", EPERM, 0, 0, 0},
    {"mount", EPERM, 0, 0, 0},
    {"mount_setattr", EPERM, 0, 0, 0},
    {"move_mount", EPERM, 0, 0, 0},
    {"open_by_handle_at", EPERM, 0, 0, 0},
    {"open_tree", EPERM, 0, 0, 0},
    {"perf_event_open", EPERM, 0, 0, 0},
    {"pivot_root", EPERM, 0, 0, 0},
    {"quotactl", EPERM, 0, 0, 0},
    {"quotactl_fd", EPERM, 0, 0, 0},
    {"reboot", EPERM, 0, 0, 0},
    {"request_key", EPERM, 0, 0, 0},
    {"setns", EPERM, 0, 0, 0},
    {"settimeofday", EPERM, 0, 0, 0},
    {"swapoff", EPERM, 0, 0, 0},
    {"swapon", EPERM, 0, 0, 0},
    {"syslog", EPERM, 0, 0, 0},
    {"umount2", EPERM, 0, 0, 0},
    {"unshare", EPERM, 0, 0, 0},
    {"userfaultfd", EPERM, 0, 0, 0},
    {"vhangup", EPERM, 0, 0, 0},
    NEW_NAMESPACE(CLONE_NEWNS),
    NEW_NAMESPACE(CLONE_NEWCGROUP),
    NEW_NAMESPACE(CLONE_NEWUTS),
    NEW_NAMESPACE(CLONE_NEWIPC),
    NEW_NAMESPACE(CLONE_NEWUSER),
    NEW_NAMESPACE(CLONE_NEWPID),
    NEW_NAMESPACE(CLONE_NEWNET),
    IOCTL(TIOCSTI),
    IOCTL(TIOCLINUX),
};

/* For runtimes that forbid the host's devices neither by a cgroup nor by mounts without them. */
#define NODE(name, argument, type)                                                                                     \
    {                                                                                                                  \
        (name), EPERM, (argument), S_IFMT, (type)                                                                      \
    }
static const struct rule device_rules[] = {
    NODE("mknod", 1, S_IFCHR),
    NODE("mknod", 1, S_IFBLK),
    NODE("mknodat", 2, S_IFCHR),
    NODE("mknodat", 2, S_IFBLK),
};

/* Programs of the machine's other architectures run too, under the same rules. */
static int add_architectures(scmp_filter_ctx filter)
{
#if defined(__x86_64__)
    static const uint32_t others[] = {SCMP_ARCH_X86, SCMP_ARCH_X32};
#elif defined(__aarch64__)
    static const uint32_t others[] = {SCMP_ARCH_ARM};
#else
    static const uint32_t others[] = {SCMP_ARCH_NATIVE};
#endif
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        int result = seccomp_arch_add(filter, others[i]);
        if (result < 0 && result != -EEXIST)
            return result;
    }
    return 0;
}

static int add_rule(scmp_filter_ctx filter, const struct rule *rule)
{
    int number = seccomp_syscall_resolve_name(rule->name);
    if (number == __NR_SCMP_ERROR)
        return 0; /* a name that this libseccomp does not know yet */
    if (rule->mask == 0)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)rule->error), number, 0);
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)rule->error), number, 1,
                            SCMP_CMP(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value));
}

static scmp_filter_ctx make_filter(GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result = filter != NULL ? add_architectures(filter) : -ENOMEM;
    for (size_t i = 0; result == 0 && i < G_N_ELEMENTS(rules); i++)
        result = add_rule(filter, &rules[i]);
    if (result == 0)
        return filter;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make the filter of system calls: %s", g_strerror(-result));
    seccomp_release(filter);
    return NULL;
}

gboolean run_seccomp_install(GError **error)
{
    scmp_filter_ctx filter = make_filter(error);
    if (filter == NULL)
        return FALSE;
    int result = seccomp_load(filter);
    seccomp_release(filter);
    if (result < 0)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot install the filter of system calls: %s",
                    g_strerror(-result));
    return result == 0;
}

int run_seccomp_export(GError **error)
{
    scmp_filter_ctx filter = make_filter(error);
    if (filter == NULL)
        return -1;
    int fd = memfd_create("rofuse-seccomp", MFD_CLOEXEC);
    int result = fd >= 0 ? seccomp_export_bpf(filter, fd) : -errno;
    if (result == 0 && lseek(fd, 0, SEEK_SET) != 0)
        result = -errno;
    seccomp_release(filter);
    if (result == 0)
        return fd;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot write the filter of system calls: %s", g_strerror(-result));
    if (fd >= 0)
        close(fd);
    return -1;
}

static json_t *rule_to_json(const struct rule *rule)
{
    json_t *json =
        json_pack("{s:[s], s:s, s:i}", "names", rule->name, "action", "SCMP_ACT_ERRNO", "errnoRet", rule->error);
    if (rule->mask != 0)
        json_object_set_new(json, "args",
                            json_pack("[{s:i, s:I, s:I, s:s}]", "index", (int)rule->argument, "value",
                                      (json_int_t)rule->mask, "valueTwo", (json_int_t)rule->value, "op",
                                      "SCMP_CMP_MASKED_EQ"));
    return json;
}

json_t *run_seccomp_to_json(bool forbids_devices)
{
    json_t *calls = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        json_array_append_new(calls, rule_to_json(&rules[i]));
    for (size_t i = 0; forbids_devices && i < G_N_ELEMENTS(device_rules); i++)
        json_array_append_new(calls, rule_to_json(&device_rules[i]));
#if defined(__x86_64__)
    json_t *architectures = json_pack("[s, s, s]", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
#elif defined(__aarch64__)
    json_t *architectures = json_pack("[s, s]", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM");
#else
    json_t *architectures = json_array(); /* the machine's own */
#endif
    return json_pack("{s:s, s:o, s:o}", "defaultAction", "SCMP_ACT_ALLOW", "architectures", architectures, "syscalls",
                     calls);
}
