#include "file_replace.h"

#include "app_error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, text + done, length - done));
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

/* Returns 0 or -errno. An owner that cannot be given is an error: the file would change hands. */
static int fill(int fd, const struct stat *old, const char *text, size_t length)
{
    struct stat new;
    int status = write_all(fd, text, length);
    if (status < 0)
        return status;
    if (fstat(fd, &new) != 0)
        return -errno;
    bool is_same_owner = new.st_uid == old->st_uid &&new.st_gid == old->st_gid;
    if ((!is_same_owner && fchown(fd, old->st_uid, old->st_gid) != 0) || fchmod(fd, old->st_mode & 07777) != 0 ||
        fsync(fd) != 0)
        return -errno;
    return 0;
}

static int replace(const char *real, const char *text, size_t length)
{
    struct stat old;
    if (stat(real, &old) != 0 || access(real, W_OK) != 0)
        return -errno;
    /* root may write it all the same, but somebody has said that nobody should. */
    if ((old.st_mode & 0222) == 0)
        return -EACCES;
    g_autofree char *other = g_strconcat(real, ".XXXXXX", NULL);
    int fd = mkostemp(other, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = fill(fd, &old, text, length);
    if (close(fd) != 0 && status == 0)
        status = -errno;
    if (status == 0 && rename(other, real) != 0)
        status = -errno;
    if (status < 0)
        unlink(other);
    return status;
}

gboolean file_replace(const char *path, const char *text, size_t length, GError **error)
{
    char *real = realpath(path, NULL);
    int status = real != NULL ? replace(real, text, length) : -errno;
    free(real);
    if (status == 0)
        return TRUE;
    g_autofree char *shown = text_word(path);
    return app_error_failed(error, "cannot write %s: %s; it is as it was", shown, g_strerror(-status));
}
