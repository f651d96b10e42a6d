/*
 * mapped_files - which processes have files of a file system mapped into their memory.
 *
 * Reading /proc/PID/maps takes the process's memory lock, and a process can hold that for ever: one whose page is being
 * written back to a daemon that has stopped, or one that wants to be in the way. So it is read by a forked child, which
 * is given up at the process where it gets stuck. Only for programs with one thread.
 */
#ifndef ROFUSE_SRC_MAPPED_FILES_H
#define ROFUSE_SRC_MAPPED_FILES_H

#include <stddef.h>
#include <sys/types.h>

/*
 * mapped_files_each - calls @found for each mapped file, but not for the executable that a process runs.
 *
 * @path: as the kernel spells it, for the call only. Processes that cannot be looked at are left out.
 */
void mapped_files_each(const pid_t *pids, size_t n, dev_t device,
                       void (*found)(void *data, pid_t pid, const char *path), void *data);

#endif
