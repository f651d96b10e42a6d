#include "compose_vars.h"

#include <string.h>

struct variable {
    char *name;  /* owned */
    char *value; /* owned; NULL: it was removed */
};

struct compose_vars {
    GPtrArray *list; /* struct variable, owned, in order */
    GTree *by_name;  /* name -> struct variable, both of the list */
};

static void free_variable(gpointer data)
{
    struct variable *variable = data;
    g_free(variable->name);
    g_free(variable->value);
    g_free(variable);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

struct compose_vars *compose_vars_new(void)
{
    struct compose_vars *vars = g_new0(struct compose_vars, 1);
    vars->list = g_ptr_array_new_with_free_func(free_variable);
    vars->by_name = g_tree_new(compare_names);
    return vars;
}

void compose_vars_free(struct compose_vars *vars)
{
    if (vars == NULL)
        return;
    g_tree_unref(vars->by_name);
    g_ptr_array_unref(vars->list);
    g_free(vars);
}

void compose_vars_set(struct compose_vars *vars, const char *name, const char *value)
{
    struct variable *variable = g_tree_lookup(vars->by_name, name);
    if (variable == NULL) {
        if (value == NULL)
            return;
        variable = g_new0(struct variable, 1);
        variable->name = g_strdup(name);
        g_ptr_array_add(vars->list, variable);
        g_tree_insert(vars->by_name, variable->name, variable);
    }
    char *copy = g_strdup(value);
    g_free(variable->value);
    variable->value = copy;
}

const char *compose_vars_get(const struct compose_vars *vars, const char *name)
{
    const struct variable *variable = g_tree_lookup(vars->by_name, name);
    return variable != NULL ? variable->value : NULL;
}

void compose_vars_add_list(struct compose_vars *vars, char *const *list)
{
    for (; list != NULL && *list != NULL; list++) {
        const char *equals = strchr(*list, '=');
        if (equals == NULL || equals == *list)
            continue;
        g_autofree char *name = g_strndup(*list, (gsize)(equals - *list));
        compose_vars_set(vars, name, equals + 1);
    }
}

char **compose_vars_to_list(const struct compose_vars *vars)
{
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < vars->list->len; i++) {
        const struct variable *variable = g_ptr_array_index(vars->list, i);
        if (variable->value != NULL)
            g_ptr_array_add(list, g_strconcat(variable->name, "=", variable->value, NULL));
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}
