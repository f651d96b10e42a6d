/*
 * run_seccomp - the system calls that a program in a container does not get.
 *
 * Everything is allowed but what stands in one table: docker's default profile turned round. Denied with EPERM are those
 * that a namespace does not contain (keys, bpf, perf, userfaultfd, io_uring, kexec, modules, clocks), those by which
 * a user without rights gets a user namespace in which he has all (unshare, setns, clone with CLONE_NEWUSER and its
 * kin, mounting), and the ioctls that push text into a terminal. clone3 is ENOSYS, since its flags cannot be seen: the
 * C libraries then use clone.
 */
#ifndef ROFUSE_SRC_RUN_SECCOMP_H
#define ROFUSE_SRC_RUN_SECCOMP_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Installs the filter for this thread and what it starts; no_new_privs must be set. FALSE with one line. */
gboolean run_seccomp_install(GError **error);

/* The filter as a BPF program in a file that has no name, at its start; a close-on-exec descriptor, owned by the caller;
 * -1 with one line. */
int run_seccomp_export(GError **error);

/* The same as "linux.seccomp" of an OCI config.json; a new reference. */
json_t *run_seccomp_to_json(bool forbids_devices);

#endif
