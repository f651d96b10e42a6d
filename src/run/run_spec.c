#include "run_spec.h"

#include <string.h>

void run_spec_clear(struct run_spec *spec)
{
    g_free(spec->root);
    g_free(spec->name);
    g_free(spec->hostname);
    g_strfreev(spec->argv);
    g_strfreev(spec->env);
    g_free(spec->working_dir);
    g_free(spec->groups);
    memset(spec, 0, sizeof *spec);
}
