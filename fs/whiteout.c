#include "whiteout.h"

#include <errno.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define METADATA_OF_METADATA ".wh..wh."

bool whiteout_is_metadata_name(const char *name)
{
    return strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
}

const char *whiteout_hidden_name(const char *name)
{
    if (!whiteout_is_metadata_name(name) || strncmp(name, METADATA_OF_METADATA, strlen(METADATA_OF_METADATA)) == 0)
        return NULL;
    const char *hidden = name + strlen(WHITEOUT_PREFIX);
    return hidden[0] != '\0' ? hidden : NULL;
}

bool whiteout_is_device(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

enum whiteout_attribute whiteout_attribute(const char *name)
{
    static const struct {
        const char *name;
        enum whiteout_attribute meaning;
    } exact[] = {
        {"trusted.overlay.opaque", WHITEOUT_ATTRIBUTE_OPAQUE},
        {"user.overlay.opaque", WHITEOUT_ATTRIBUTE_OPAQUE},
        {"user.fuseoverlayfs.opaque", WHITEOUT_ATTRIBUTE_OPAQUE},
        {"trusted.overlay.whiteout", WHITEOUT_ATTRIBUTE_WHITEOUT},
        {"user.overlay.whiteout", WHITEOUT_ATTRIBUTE_WHITEOUT},
        {"user.containers.override_stat", WHITEOUT_ATTRIBUTE_OVERRIDE},
    };
    static const char *const hidden[] = {
        "trusted.overlay.",
        "user.overlay.",
        "user.fuseoverlayfs.",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(exact); i++)
        if (strcmp(name, exact[i].name) == 0)
            return exact[i].meaning;
    for (size_t i = 0; i < G_N_ELEMENTS(hidden); i++)
        if (strncmp(name, hidden[i], strlen(hidden[i])) == 0)
            return WHITEOUT_ATTRIBUTE_HIDDEN;
    return WHITEOUT_ATTRIBUTE_VISIBLE;
}

/* A number at *at, up to @end characters or the terminator; false when there is none or it is larger than @most. */
static bool take_number(const char **at, unsigned base, uint64_t most, uint64_t *ret)
{
    if (!g_ascii_isdigit(**at))
        return false;
    char *end;
    errno = 0;
    uint64_t number = g_ascii_strtoull(*at, &end, base);
    if (errno != 0 || end == *at || number > most)
        return false;
    *at = end;
    *ret = number;
    return true;
}

static bool take_type(const char *text, mode_t *ret_type, dev_t *ret_rdev)
{
    static const struct {
        const char *word;
        mode_t type;
    } plain[] = {
        {"file", S_IFREG}, {"dir", S_IFDIR}, {"symlink", S_IFLNK}, {"pipe", S_IFIFO}, {"socket", S_IFSOCK},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (strcmp(text, plain[i].word) == 0) {
            *ret_type = plain[i].type;
            return true;
        }
    }
    if (g_str_has_prefix(text, "block-"))
        *ret_type = S_IFBLK;
    else if (g_str_has_prefix(text, "char-"))
        *ret_type = S_IFCHR;
    else
        return false;
    const char *at = strchr(text, '-') + 1;
    uint64_t major_number, minor_number;
    if (!take_number(&at, 10, 0xfff, &major_number) || *at++ != '-' || !take_number(&at, 10, 0xfffff, &minor_number) ||
        *at != '\0')
        return false;
    *ret_rdev = makedev((unsigned)major_number, (unsigned)minor_number);
    return true;
}

bool whiteout_override(struct stat *st, const char *value, size_t length)
{
    g_autofree char *text = g_strndup(value, length);
    const char *at = text;
    uint64_t uid, gid, mode;
    /* UINT32_MAX is "no user": chown(2) would leave the owner alone. */
    if (!take_number(&at, 10, UINT32_MAX - 1, &uid) || *at++ != ':' || !take_number(&at, 10, UINT32_MAX - 1, &gid) ||
        *at++ != ':' || !take_number(&at, 8, 07777 | S_IFMT, &mode))
        return false;
    mode_t type = st->st_mode & S_IFMT;
    dev_t rdev = st->st_rdev;
    if (*at == ':' ? !take_type(at + 1, &type, &rdev) : *at != '\0')
        return false;
    mode_t own = st->st_mode & S_IFMT;
    if (type != own && (S_ISDIR(type) || S_ISDIR(own) || S_ISLNK(type) || S_ISLNK(own)))
        return false;
    st->st_uid = (uid_t)uid;
    st->st_gid = (gid_t)gid;
    st->st_mode = type | (mode & 07777);
    st->st_rdev = rdev;
    return true;
}
