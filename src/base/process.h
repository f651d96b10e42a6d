/*
 * process - whether a process that was written down is still the same one, and waiting for its end.
 *
 * A pid alone is used again; with its start time (proc_pid_stat(5), field 22) and the boot it belongs to one process
 * only.
 */
#ifndef ROFUSE_SRC_PROCESS_H
#define ROFUSE_SRC_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Clock ticks since boot at which a process started; 0 where it is gone or a zombie. Any thread. */
uint64_t process_start_ticks(pid_t pid);

/* The kernel's boot_id; owned by the caller, g_free(); "" where it cannot be read. */
char *process_boot_id(void);

/* The process's comm, escaped for people; owned by the caller; "?" where it cannot be read. */
char *process_comm(pid_t pid);

/* A pidfd of the process if it is still the one that started at @ticks; owned by the caller; else -errno. */
int process_open(pid_t pid, uint64_t ticks);

/* SIGINT, SIGTERM and SIGHUP, less what this process was told to ignore (nohup, a job of a shell script): the kernel keeps a
 * blocked signal even where it is ignored, and a signalfd would hand it out. */
sigset_t process_end_signals(void);

#endif
