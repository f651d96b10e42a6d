/* The JSON of an image: the input as a configuration, as a descriptor, and, with the first byte's help, as a docker
 * archive or a tar that is one. */
#include "image_config_parse.h"
#include "image_descriptor.h"
#include "image_json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_config config;
    struct image_descriptor descriptor;
    char **ids = NULL;
    if (image_config_parse((const char *)data, size, "config", &config, &ids, NULL)) {
        g_strfreev(ids);
        image_config_clear(&config);
    }
    json_t *json = image_json_parse((const char *)data, size, "index", NULL);
    if (json != NULL && image_descriptor_parse(json, "index", &descriptor, NULL))
        image_descriptor_clear(&descriptor);
    json_decref(json);
    return 0;
}
