/* A docker archive or the archive of a layout, plain: its tar, its index or manifest.json, its manifest, its
 * configuration. */
#include "image_plan.h"
#include "tar_sums.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *tar = tar_with_sums(data, size);
    int fd = memfd_create("archive", 0);
    g_assert_cmpint(write(fd, tar, size), ==, (ssize_t)size);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    const struct image_options options = {.store = "/nonexistent/store", .platform = "linux/amd64"};
    for (enum image_ref_kind kind = IMAGE_OCI_ARCHIVE; kind <= IMAGE_DOCKER_ARCHIVE; kind++) {
        struct image_ref ref = {.kind = kind, .path = path, .text = path};
        /* What is compressed would start a process. */
        if (size >= 2 && data[0] != 0x1F && data[1] != 0xB5 && data[1] != 0x2A)
            image_plan_free(image_plan_read(&ref, &options, NULL));
    }
    close(fd);
    return 0;
}
