#include "class_parent.h"

#include "caller.h"
#include "class_rule.h"

struct parent {
    const char *comm, *executable;
    bool is_inside, is_outside; /* neither: not known */
};

/* @is_in_container: somebody above lives outside. Without a container all live in the same place, the runtimes, too. */
static bool is_apart(const struct parent *parent, bool is_in_container)
{
    if (parent->is_outside || class_is_init(parent->comm, parent->executable))
        return true;
    return class_is_runtime(parent->comm, parent->executable) && !(parent->is_inside && is_in_container);
}

bool class_parent_is_apart(const struct caller *caller, size_t i)
{
    const struct caller_parent *at = &caller->parents[i];
    const struct parent parent = {at->comm, at->exe, at->home == CALLER_HOME_INSIDE, at->home == CALLER_HOME_OUTSIDE};
    bool is_in_container = false;
    for (size_t above = i + 1; above < caller->n_parents; above++)
        is_in_container |= caller->parents[above].home == CALLER_HOME_OUTSIDE;
    return is_apart(&parent, is_in_container);
}

bool class_parent_of_fact_is_apart(const struct fact *fact, guint i)
{
    uint32_t bit = UINT32_C(1) << i;
    const struct parent parent = {.executable = g_ptr_array_index(fact->parents, i),
                                  .is_inside = (fact->parents_inside & bit) != 0,
                                  .is_outside = (fact->parents_outside & bit) != 0};
    return is_apart(&parent, fact->parents_outside > bit); /* one of those above */
}
