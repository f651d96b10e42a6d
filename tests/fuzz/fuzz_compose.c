#include "compose.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A whole Compose file, for its service "a". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *environment[] = {"A=a", "EMPTY=", "LONG=0123456789abcdef", NULL};
    const struct compose_options options = {
        .service = "a", .directory = "/project", .environment = environment, .home = "/home/me"};
    GError *error = NULL;
    struct compose_service *service = compose_load_text(&options, (const char *)data, size, &error);
    g_assert_true((service == NULL) == (error != NULL));
    if (error != NULL)
        g_assert_null(strpbrk(error->message, "\n\r\x1b"));
    g_clear_error(&error);
    compose_service_free(service);
    return 0;
}
