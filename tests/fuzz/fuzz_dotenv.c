#include "compose_dotenv.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the format. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct compose_vars *vars = compose_vars_new(), *missing = compose_vars_new(), *into = compose_vars_new();
    compose_vars_set(vars, "A", "a");
    struct compose_interpolation state = {.vars = vars, .missing = missing, .budget = 65536};
    const struct compose_dotenv dotenv = {.name = ".env", .state = &state, .is_raw = data[0] == 'r', .into = into};
    GError *error = NULL;
    gboolean done = compose_dotenv_parse(&dotenv, (const char *)data + 1, size - 1, &error);
    g_assert_true(done == (error == NULL));
    g_clear_error(&error);
    compose_vars_free(vars);
    compose_vars_free(missing);
    compose_vars_free(into);
    return 0;
}
