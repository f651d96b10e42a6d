/* A layer's tar, unpacked as an ordinary user would into a directory that is removed again. */
#include "image_unpack.h"
#include "remove_tree.h"
#include "tar_sums.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *tar = tar_with_sums(data, size);
    char path[] = "/dev/shm/fuzz-layer.XXXXXX";
    struct image_result result = {0};
    g_assert_nonnull(mkdtemp(path));
    int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = memfd_create("layer", 0);
    g_assert_cmpint(write(fd, tar, size), ==, (ssize_t)size);
    const struct image_unpack unpack = {.size = size};
    GError *error = NULL;
    if (!image_unpack_here(fd, dir_fd, false, &unpack, &result, &error))
        g_assert_nonnull(error);
    g_clear_error(&error);
    close(fd);
    close(dir_fd);
    int shm_fd = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(remove_tree(shm_fd, strrchr(path, '/') + 1), ==, 0);
    close(shm_fd);
    return 0;
}
