#include "advice_list.h"

void advice_list_free_advice(void *data)
{
    struct advice *advice = data;
    route_spec_clear(&advice->spec);
    g_free(advice->name);
    g_free(advice->value);
    g_free(advice->text);
    g_free(advice->why);
    g_free(advice->cost);
    g_ptr_array_unref(advice->facts);
    g_free(advice);
}

static void free_left(void *data)
{
    struct advice_left *left = data;
    g_free(left->reason);
    g_free(left);
}

struct advice *advice_list_new_advice(void)
{
    struct advice *advice = g_new0(struct advice, 1);
    advice->facts = g_ptr_array_new();
    return advice;
}

struct advice_list *advice_list_new(void)
{
    struct advice_list *list = g_new(struct advice_list, 1);
    list->advices = g_ptr_array_new_with_free_func(advice_list_free_advice);
    list->left = g_ptr_array_new_with_free_func(free_left);
    list->notes = g_ptr_array_new_with_free_func(g_free);
    return list;
}

void advice_list_free(struct advice_list *list)
{
    if (list == NULL)
        return;
    g_ptr_array_unref(list->advices);
    g_ptr_array_unref(list->left);
    g_ptr_array_unref(list->notes);
    g_free(list);
}

guint advice_count(const struct advice_list *list, enum advice_need need)
{
    guint n = 0;
    for (guint i = 0; i < list->advices->len; i++)
        n += ((const struct advice *)g_ptr_array_index(list->advices, i))->need == need;
    return n;
}

const char *advice_kind_name(enum advice_kind kind)
{
    static const char *const names[] = {
        [ADVICE_TMPFS] = "tmpfs", [ADVICE_VOLUME] = "volume",   [ADVICE_BIND] = "bind",
        [ADVICE_ENV] = "env",     [ADVICE_SETTING] = "setting",
    };
    return names[kind];
}

const char *advice_need_name(enum advice_need need)
{
    static const char *const names[] = {
        [ADVICE_REQUIRED] = "required", [ADVICE_OPTIONAL] = "optional", [ADVICE_CHOICE] = "choice"};
    return names[need];
}
