#include "compose_interpolate.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size), *message = NULL;
    struct compose_vars *vars = compose_vars_new(), *missing = compose_vars_new();
    compose_vars_set(vars, "A", "a");
    compose_vars_set(vars, "E", "");
    struct compose_interpolation state = {.vars = vars, .missing = missing, .budget = 65536};
    g_autofree char *result = compose_interpolate(&state, text, "here", &message);
    g_assert_true((result == NULL) == (message != NULL));
    compose_vars_free(vars);
    compose_vars_free(missing);
    return 0;
}
