/* Facts in, advice out, a row for each. */
#ifndef ROFUSE_TESTS_ADVICE_ROWS_H
#define ROFUSE_TESTS_ADVICE_ROWS_H

#include "advice_facts.h"
#include "advice_view.h"
#include "advise_comments.h"

#define MOST_FACTS 6

/* What most images have. */
#define BASE                                                                                                              \
    "tmp/:1777:0 var/tmp/:1777:0 run/ run/lock/:1777:0 var/run>/run var/lib/ var/cache/ etc/passwd etc/hosts usr/bin/sh " \
    "usr/lib/ root/.profile home/ "

struct row {
    const char *name, *image, *routes;
    struct said_fact facts[MOST_FACTS];
    const char *expected; /* "NEED OPTION" and "left PLACE", a line each */
};

static inline char *say(const struct advice_list *list)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(list->advices, i);
        g_autofree char *option = advise_option(advice);
        g_string_append_printf(text, "%s %s\n", advice_need_name(advice->need), option);
        g_assert_nonnull(advice->why);
        g_assert_cmpuint(advice->facts->len, >, 0);
    }
    for (guint i = 0; i < list->left->len; i++) {
        const struct advice_left *left = g_ptr_array_index(list->left, i);
        g_string_append_printf(text, "left %s\n", left->fact->place);
        g_assert_nonnull(left->reason);
    }
    for (guint i = 0; i < list->notes->len; i++)
        g_string_append_printf(text, "note %.23s\n", (const char *)g_ptr_array_index(list->notes, i));
    return g_string_free(text, FALSE);
}

static inline GPtrArray *make_facts(const struct said_fact *said)
{
    GPtrArray *facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    for (guint i = 0; i < MOST_FACTS && said[i].exe != NULL; i++)
        g_ptr_array_add(facts, make_fact(&said[i]));
    return facts;
}

static inline void test_row(gconstpointer data)
{
    const struct row *row = data;
    if (geteuid() != 0) {
        g_test_skip("owners of files can be set by root alone");
        return;
    }
    g_autofree char *layer = g_dir_make_tmp("rofuse-advice-XXXXXX", NULL);
    struct advice_view view = {0};
    struct advice_image image = {0};
    struct mount_options *routes = make_routes(row->routes);
    if (row->image != NULL) {
        g_autofree char *why = NULL;
        const char *layers[] = {layer};
        make_layer(layer, row->image);
        g_assert_cmpint(image_view_open(layers, 1, &view.view, &why), ==, 0);
        image = advice_view_image(&view);
    }
    g_autoptr(GPtrArray) facts = make_facts(row->facts);
    struct advice_input input = {.facts = facts, .image = view.view != NULL ? &image : NULL};
    input.routes = mount_options_routes(routes, &input.n_routes);
    struct advice_list *list = advice_make(&input);
    g_autofree char *text = say(list);
    g_assert_cmpstr(text, ==, row->expected);
    advice_list_free(list);
    image_view_free(view.view);
    mount_options_free(routes);
    remove_tree_of(layer);
}

static inline void add_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *path = g_strconcat("/advice/", rows[i].name, NULL);
        g_strdelimit(path + strlen("/advice/"), "/", '-');
        g_test_add_data_func(path, &rows[i], test_row);
    }
}

#endif
