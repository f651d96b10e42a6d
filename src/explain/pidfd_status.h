/*
 * pidfd_status - how the process of a pidfd has ended.
 */
#ifndef ROFUSE_SRC_PIDFD_STATUS_H
#define ROFUSE_SRC_PIDFD_STATUS_H

#include <sys/types.h>

enum pidfd_answer {
    PIDFD_STATUS,  /* known */
    PIDFD_NOT_YET, /* it is a zombie: to be known when its parent has waited for it */
    PIDFD_UNKNOWN, /* it is gone, and this kernel does not tell */
};

/*
 * pidfd_status - asks for it.
 *
 * @fd: of a process that has ended; @pid: its number. @ret_status: as wait(2) has it.
 * By ioctl(PIDFD_GET_INFO) with PIDFD_INFO_EXIT (Linux 6.15), which knows it once the parent has waited; before that from
 * /proc/PID/stat, proc_pid_stat(5), field 52, which root may read of any process. Any thread.
 */
enum pidfd_answer pidfd_status(int fd, pid_t pid, int *ret_status);

#endif
