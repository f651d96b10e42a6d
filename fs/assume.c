#include "assume.h"

#include "caller.h"

#include <errno.h>
#include <glib.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))

/*
 * What setfsuid() takes away from a thread that leaves root (the kernel's CAP_FS_MASK), less the ones that change more
 * than permissions do: immutable flags are decided apart, security labels are not for a container.
 */
#define FILE_CAPABILITIES                                                                                              \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |           \
     BIT(CAP_MKNOD))

/* libcap would do, but it takes an allocation for each call and these are per thread and per request. */
static int get_capabilities(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

static int set_capabilities(const struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static void raise_effective(uint64_t capabilities)
{
    struct __user_cap_data_struct data[2];
    if (get_capabilities(data) < 0)
        return;
    for (int i = 0; i < 2; i++)
        data[i].effective |= (uint32_t)(capabilities >> (32 * i)) & data[i].permitted;
    (void)set_capabilities(data);
}

static void lower_effective(uint64_t capabilities)
{
    struct __user_cap_data_struct data[2];
    if (get_capabilities(data) < 0)
        return;
    for (int i = 0; i < 2; i++)
        data[i].effective &= ~(uint32_t)(capabilities >> (32 * i));
    (void)set_capabilities(data);
}

/* glibc's setgroups() changes every thread of the process. */
static void set_thread_groups(size_t n_groups, const gid_t *groups)
{
    (void)syscall(SYS_setgroups, n_groups, groups);
}

void assume_power_read(struct assume_power *power)
{
    struct __user_cap_data_struct data[2] = {{0}};
    uint64_t effective = 0, permitted = 0;
    if (get_capabilities(data) == 0) {
        effective = data[0].effective | (uint64_t)data[1].effective << 32;
        permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    }
    *power = (struct assume_power){
        .can_change_ids = (effective & BIT(CAP_SETUID)) && (effective & BIT(CAP_SETGID)),
        .uid = geteuid(),
        .gid = getegid(),
        .file_capabilities = permitted & FILE_CAPABILITIES,
    };
    /* In a user namespace whose setgroups is denied this fails; then nobody inside has other groups either. */
    if (power->can_change_ids)
        (void)setgroups(0, NULL);
    lower_effective(BIT(CAP_SYS_RESOURCE));
}

int assume_thread_init(void)
{
    return unshare(CLONE_FS) < 0 ? -errno : 0;
}

static bool set_ids(uid_t uid, gid_t gid)
{
    setfsgid(gid);
    setfsuid(uid);
    /* They return the previous id and no error: asking with an impossible one tells what is set now. */
    return (gid_t)setfsgid((gid_t)-1) == gid && (uid_t)setfsuid((uid_t)-1) == uid;
}

/* Whether the ids are ours as they are: then nothing has to be set, nor set back. */
static bool is_ourselves(const struct assume *as)
{
    return as->who.uid == as->power->uid && as->who.gid == as->power->gid;
}

static void assume_end(struct assume *as)
{
    if (as->power->can_change_ids && (as->stage == 2 || !is_ourselves(as))) {
        if (as->stage == 2)
            set_thread_groups(0, NULL);
        if (!is_ourselves(as))
            set_ids(as->power->uid, as->power->gid);
        /* Back at fsuid 0 the kernel gives the capabilities back by itself (cap_task_fix_setuid). */
        if (as->power->uid != 0)
            raise_effective(as->power->file_capabilities);
    }
    as->stage = 0;
}

/* Adds what only /proc tells: groups, and those capabilities over files that the caller has effective and that count for
 * this file: whoever makes a user namespace has them all in it, and may do nothing more outside. */
static void add_groups_and_capabilities(struct assume *as)
{
    as->stage = 2;
    g_autofree gid_t *groups = NULL;
    size_t n_groups = 0;
    uint64_t effective = 0;
    struct stat st;
    if (as->who.tid == 0)
        return;
    if (caller_groups(as->who.tid, &groups, &n_groups) == 0)
        set_thread_groups(n_groups, groups);
    if (as->who.uid != 0 && fstat(as->object_fd, &st) == 0 &&
        caller_capabilities_over(as->who.tid, st.st_uid, st.st_gid, &effective) == 0)
        raise_effective(effective & as->power->file_capabilities);
}

void assume_keep_no_bits(bool keep_none)
{
    (keep_none ? lower_effective : raise_effective)(BIT(CAP_FSETID));
}

int assume_begin(struct assume *as, const struct assume_power *power, const struct assume_credentials *who,
                 int object_fd, int mask, bool with_groups)
{
    *as = (struct assume){.power = power, .who = *who, .object_fd = object_fd, .stage = 1};
    if (power->can_change_ids) {
        if (!is_ourselves(as) && !set_ids(who->uid, who->gid)) {
            assume_end(as);
            return -EPERM; /* an id that our user namespace does not know */
        }
    } else if (who->uid != power->uid) {
        return -EPERM;
    }
    if (mask >= 0)
        umask((mode_t)mask);
    if (with_groups && power->can_change_ids)
        add_groups_and_capabilities(as);
    return 0;
}

bool assume_again(struct assume *as, int status)
{
    if (as->stage == 1 && (status == -EACCES || status == -EPERM) && as->power->can_change_ids && as->who.tid != 0) {
        add_groups_and_capabilities(as);
        return true;
    }
    assume_end(as);
    return false;
}
