#include "advice_view.h"

#include <errno.h>

/* No more is asked of a directory than whether it has something, and a little of what. */
#define MOST_NAMES 256
#define MOST_ENTRIES 20000

static bool look(void *data, const char *path, struct advice_seen *ret)
{
    const struct advice_view *view = data;
    struct stat st = {0};
    *ret = (struct advice_seen){0};
    int status = image_view_look(view->view, path, &st, &ret->path);
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
    const struct advice_view *view = data;
    char **list = NULL;
    return image_view_list(view->view, directory, MOST_NAMES, &list) == 0 ? list : NULL;
}

static bool size(void *data, const char *directory, uint64_t *ret)
{
    const struct advice_view *view = data;
    return image_view_size(view->view, directory, MOST_ENTRIES, ret) == 0;
}

struct advice_image advice_view_image(struct advice_view *view)
{
    return (struct advice_image){.data = view, .look = look, .names = names, .size = size};
}
