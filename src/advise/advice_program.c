#include "advice_program.h"

#include "class_parent.h"
#include "class_rule.h"
#include "place.h"

#include <string.h>

/* An argument that lies there is the program's own file (a script, a library); but not what it was told to write. */
static bool is_own_file(const struct fact *fact, const char *arg, const char *target)
{
    return *arg == '/' && place_is_below(arg, target) && strcmp(arg, fact->place) != 0 &&
           !g_ptr_array_find_with_equal_func(fact->paths, arg, g_str_equal, NULL);
}

bool advice_holds_program(const struct advice_wish *wish)
{
    for (guint i = 0; i < wish->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(wish->facts, i);
        if (fact->executable != NULL && place_is_below(fact->executable, wish->target))
            return true;
        /* What a small tool is told is a file that it works on. */
        bool is_tool = class_is_tool(fact->comm, fact->executable);
        for (char **arg = fact->args; !is_tool && *arg != NULL; arg++) {
            if (is_own_file(fact, *arg, wish->target))
                return true;
        }
    }
    return false;
}

/* comm of a script that was executed by its own name is that name, cut. */
static bool is_script(const struct fact *fact, const char *arg)
{
    enum { MOST_COMM = 15 };
    g_autofree char *name = g_path_get_basename(arg);
    return fact->comm != NULL && *arg == '/' && strncmp(fact->comm, name, MOST_COMM) == 0;
}

/* Who started the container is no part of it, and its executable is a path of the host. */
static bool has_parent_below(const struct fact *fact, const char *target)
{
    for (guint i = 0; i < fact->parents->len; i++) {
        const char *parent = g_ptr_array_index(fact->parents, i);
        if (class_parent_of_fact_is_apart(fact, i))
            return false;
        if (place_is_below(parent, target))
            return true;
    }
    return false;
}

bool advice_executes(const struct advice_wish *wish)
{
    for (guint i = 0; i < wish->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(wish->facts, i);
        bool does = fact_has(fact, DENIAL_EXEC) || has_parent_below(fact, wish->target) ||
                    (fact->executable != NULL && place_is_below(fact->executable, wish->target));
        for (char **arg = fact->args; *arg != NULL; arg++)
            does |= is_script(fact, *arg) && place_is_below(*arg, wish->target);
        if (does)
            return true;
    }
    return false;
}

/* Whether a directory above a path, and below the place, is made by somebody. */
static bool is_in_made(const struct advice_wish *wish, const char *path)
{
    for (guint i = 0; i < wish->facts->len; i++) {
        const struct fact *maker = g_ptr_array_index(wish->facts, i);
        for (guint j = 0; fact_has(maker, DENIAL_MKDIR) && j < maker->paths->len; j++) {
            const char *made = g_ptr_array_index(maker->paths, j);
            bool is_within = place_is_below(made, wish->target) && strcmp(made, wish->target) != 0;
            if (is_within && place_is_below(path, made) && strcmp(path, made) != 0)
                return true;
        }
    }
    return false;
}

bool advice_is_made_for(const struct advice_wish *wish, const struct fact *fact)
{
    for (guint i = 0; i < fact->paths->len; i++) {
        if (!is_in_made(wish, g_ptr_array_index(fact->paths, i)))
            return false;
    }
    return fact->paths->len > 0;
}
