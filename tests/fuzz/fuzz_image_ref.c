/* References and platforms, as a person types them. */
#include "image_name.h"
#include "image_platform.h"
#include "image_ref.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    struct image_ref ref;
    struct image_platform platform;
    if (image_ref_parse("--image", text, &ref, NULL)) {
        g_assert_nonnull(ref.kind == IMAGE_STORED ? ref.name : ref.path);
        image_ref_clear(&ref);
    }
    if (image_platform_parse("--platform", text, &platform, NULL))
        image_platform_clear(&platform);
    g_assert_true(image_name_equal(text, text));
    return 0;
}
