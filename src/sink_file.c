#include "sink.h"

#include "app_error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int sink_file_open(const char *path)
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

gboolean sink_file_new(const char *path, enum log_format format, struct notice_box *box, const char *mount,
                       struct denial_sink *ret, GError **error)
{
    int fd = sink_file_open(path);
    if (fd < 0) {
        g_autofree char *shown = text_word(path);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "--log: cannot open %s for appending: %s%s", shown,
                    g_strerror(-fd), fd == -ENOENT ? "; make its directory first" : "");
        return FALSE;
    }
    sink_fd_new(fd, path, format, box, mount, ret);
    return TRUE;
}
