#include "run_layers.h"

#include "run_inside.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1 a directory, 0 something else, -1 not there. */
static int look(const char *layer, const char *path)
{
    int root = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root >= 0 ? run_inside_open(root, path, O_PATH | O_NOFOLLOW) : -1;
    struct stat st;
    int answer = fd >= 0 && fstat(fd, &st) == 0 ? S_ISDIR(st.st_mode) : -1;
    if (fd >= 0)
        close(fd);
    if (root >= 0)
        close(root);
    return answer;
}

bool run_layers_has_directory(char *const *layers, const char *path)
{
    for (guint i = layers != NULL ? g_strv_length((char **)layers) : 0; i > 0; i--) {
        int answer = look(layers[i - 1], path);
        if (answer >= 0)
            return answer == 1;
    }
    return false;
}
