#include "origin.h"

#include "beneath.h"
#include "xattr_at.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NOTED "trusted.overlay.origin"
/* Of overlayfs' own kind, which it shows to nobody. */
#define ASIDE "trusted.overlay.rofuse.origin"

/* struct ovl_fb: version, magic, length of all, flags, type of the handle, uuid, handle. */
#define MAGIC 0xfb
#define AT_MAGIC 1
#define AT_LENGTH 2
#define AT_TYPE 4
#define AT_HANDLE 21

void origin_put_aside(const char *path)
{
    char note[ORIGIN_MOST + AT_HANDLE];
    ssize_t length = getxattr(path, NOTED, note, sizeof note);
    if (length > 0)
        (void)setxattr(path, ASIDE, note, (size_t)length, 0);
    (void)removexattr(path, NOTED);
}

bool origin_is_noted(const char *path)
{
    return getxattr(path, NOTED, NULL, 0) >= 0;
}

bool origin_of_copy(int dir_fd, const char *name, struct origin *ret)
{
    unsigned char note[ORIGIN_MOST + AT_HANDLE];
    ssize_t length = xattr_at_get(dir_fd, name, ASIDE, note, sizeof note);
    if (length < 0)
        length = xattr_at_get(dir_fd, name, NOTED, note, sizeof note);
    if (length <= AT_HANDLE || note[AT_MAGIC] != MAGIC || note[AT_LENGTH] != length)
        return false;
    ret->type = note[AT_TYPE];
    ret->length = (size_t)length - AT_HANDLE;
    memcpy(ret->bytes, note + AT_HANDLE, ret->length);
    return true;
}

bool origin_of_lower(int lower_fd, const char *path, struct origin *ret)
{
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + ORIGIN_MOST];
    } found;
    int mount_id, fd = beneath_open(lower_fd, path, O_PATH, true);
    if (fd < 0)
        return false;
    found.handle.handle_bytes = ORIGIN_MOST;
    bool known = name_to_handle_at(fd, "", &found.handle, &mount_id, AT_EMPTY_PATH) == 0;
    close(fd);
    if (!known)
        return false;
    ret->type = found.handle.handle_type;
    ret->length = found.handle.handle_bytes;
    memcpy(ret->bytes, found.handle.f_handle, ret->length);
    return true;
}

int origin_compare(const struct origin *a, const struct origin *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->length);
}
