#include "advice_view.h"

#include <errno.h>

/* No more is asked of a directory than whether it has something, and a little of what. */
#define MOST_NAMES 256
#define MOST_ENTRIES 20000

static bool look(void *data, const char *path, struct advice_seen *ret)
{
    struct stat st = {0};
    *ret = (struct advice_seen){0};
    int status = image_view_look(data, path, &st, &ret->path);
    if (status < 0 && status != -ENOENT)
        return false;
    ret->is_there = status == 0;
    ret->is_directory = status == 0 && S_ISDIR(st.st_mode);
    ret->mode = st.st_mode & 07777;
    ret->uid = st.st_uid;
    ret->gid = st.st_gid;
    return true;
}

static char **names(void *data, const char *directory)
{
    char **list = NULL;
    return image_view_list(data, directory, MOST_NAMES, &list) == 0 ? list : NULL;
}

static bool size(void *data, const char *directory, uint64_t *ret)
{
    return image_view_size(data, directory, MOST_ENTRIES, ret) == 0;
}

struct advice_image advice_view_image(struct image_view *view)
{
    return (struct advice_image){.data = view, .look = look, .names = names, .size = size};
}
