#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

int log_file_open(const char *path)
{
    struct stat st;
    /* A fifo that is opened for writing alone waits for a reader; opened for both it does not, and a reader may come
     * and go (fifo(7)). */
    bool is_fifo = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    int flags = (is_fifo ? O_RDWR : O_WRONLY) | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0640);
    if (fd < 0)
        return -errno;
    int status = fcntl(fd, F_GETFL);
    if (status < 0 || fcntl(fd, F_SETFL, status & ~O_NONBLOCK) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}
