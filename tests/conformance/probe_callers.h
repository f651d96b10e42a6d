/*
 * The callers of conformance_probe: users, users with some capabilities, and roots of user namespaces.
 *
 * The numbers are those that the test gives to the files: 1000 owns some, 2000 none but one, 3000 is in group 1000,
 * 4000 is named in ACLs.
 */
#ifndef PROBE_CALLERS_H
#define PROBE_CALLERS_H

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define CAP(which) (UINT64_C(1) << (which))
#define ALL_CAPS UINT64_MAX

struct caller {
    const char *name;
    uid_t uid;             /* outside of any user namespace; the group has the same number */
    gid_t group;           /* a supplementary one; 0 = none */
    uint64_t capabilities; /* those it keeps; in its user namespace, if it has one, always all */
    const char *map;       /* of user and group numbers in a user namespace of its own; NULL = none */
};

static const struct caller caller_table[] = {
    {"root", 0, 0, ALL_CAPS, NULL},
    {"root_nodac", 0, 0, ALL_CAPS & ~(CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH)), NULL},
    {"root_nocaps", 0, 0, 0, NULL},
    {"owner", 1000, 0, 0, NULL},
    {"group", 3000, 1000, 0, NULL},
    {"stranger", 2000, 0, 0, NULL},
    {"acl_user", 4000, 0, 0, NULL},
    {"overrider", 2000, 0, CAP(CAP_DAC_OVERRIDE), NULL},
    {"reader", 2000, 0, CAP(CAP_DAC_READ_SEARCH), NULL},
    /* unshare --map-root-user, by root and by a user */
    {"ns_root", 0, 0, 0, "0 0 1"},
    {"ns_owner", 1000, 0, 0, "0 1000 1"},
    /* podman without root */
    {"ns_range", 1000, 0, 0, "0 1000 1\n1 100000 65536"},
    /* docker's userns-remap: no file of the image belongs to anybody in there */
    {"ns_shift", 100000, 0, 0, "0 100000 65536"},
    /* everybody is mapped to himself */
    {"ns_all", 0, 0, 0, "0 0 4294967295"},
};
#define N_CALLERS (sizeof caller_table / sizeof caller_table[0])

/* The child asks for its map with one byte, the parent answers with one when it is written. */
struct handshake {
    int to_parent[2];
    int to_child[2];
};

static int handshake_open(struct handshake *handshake)
{
    return pipe2(handshake->to_parent, O_CLOEXEC) < 0 || pipe2(handshake->to_child, O_CLOEXEC) < 0 ? -1 : 0;
}

static void handshake_close(struct handshake *handshake)
{
    close(handshake->to_parent[0]);
    close(handshake->to_parent[1]);
    close(handshake->to_child[0]);
    close(handshake->to_child[1]);
}

static int set_capabilities(uint64_t wanted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        uint32_t kept = data[i].permitted & (uint32_t)(wanted >> (32 * i));
        data[i] = (struct __user_cap_data_struct){.effective = kept, .permitted = kept};
    }
    return (int)syscall(SYS_capset, &header, data);
}

/* Becomes root of a namespace whose map the parent writes. */
static const char *enter_namespace(struct handshake *handshake)
{
    char byte = 'm';
    if (unshare(CLONE_NEWUSER) < 0)
        return "unshare";
    if (write(handshake->to_parent[1], &byte, 1) != 1 || read(handshake->to_child[0], &byte, 1) != 1)
        return "waiting for the map";
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return "becoming root of the namespace";
    return NULL;
}

/*
 * become - turns the calling process into the caller, with @root as its root and current directory.
 * Returns NULL, or what failed, with errno. In the child.
 */
static const char *become(const struct caller *caller, const char *root, struct handshake *handshake)
{
    const char *failed = NULL;
    if (setgroups(caller->group != 0 ? 1 : 0, &caller->group) < 0)
        return "setgroups";
    if (caller->map == NULL && (chdir(root) < 0 || chroot(".") < 0))
        return root;
    if (caller->capabilities != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return "prctl";
    if (setresgid(caller->uid, caller->uid, caller->uid) < 0 || setresuid(caller->uid, caller->uid, caller->uid) < 0)
        return "setresuid";
    if (caller->map == NULL && set_capabilities(caller->capabilities) < 0)
        return "capset";
    if (caller->map != NULL) {
        failed = enter_namespace(handshake);
        /* Only now: a process with another root may not make a user namespace. */
        if (failed == NULL && (chdir(root) < 0 || chroot(".") < 0))
            failed = root;
    }
    handshake_close(handshake);
    return failed;
}

static int write_map(pid_t child, const char *name, const char *map)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)child, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, map, strlen(map));
    close(fd);
    return written == (ssize_t)strlen(map) ? 0 : -1;
}

/* The parent's part of become(). Returns NULL, or what failed, with errno. */
static const char *help_to_become(const struct caller *caller, pid_t child, struct handshake *handshake)
{
    const char *failed = NULL;
    char byte;
    close(handshake->to_parent[1]);
    handshake->to_parent[1] = -1;
    if (caller->map != NULL && read(handshake->to_parent[0], &byte, 1) == 1) {
        if (write_map(child, "gid_map", caller->map) < 0 || write_map(child, "uid_map", caller->map) < 0)
            failed = "writing the map of the user namespace";
        else if (write(handshake->to_child[1], "", 1) != 1)
            failed = "pipe";
    }
    handshake_close(handshake);
    return failed;
}

#endif
