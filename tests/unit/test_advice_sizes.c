/*
 * How large the tmpfs is that is advised: the run that was seen has room in it.
 */
#include "advice.h"

#include "advice_facts.h"

/* Room for the same run, and more; with the image's content where it starts with that. */
static void test_sizes(void)
{
    static const struct {
        const char *image, *path;
        uint64_t bytes, files, gone;
        uint32_t operations;
        uint64_t size;
    } table[] = {
        {"tmp/", NULL, 0, 0, 0, OP(CREATE), 0},
        {"tmp/", "/tmpfiles", 9, 1, 0, OP(CREATE), 0},
        {"tmp/", "/tmp", 9, 1, 0, OP(CREATE), UINT64_C(16) << 20},
        {"tmp/", "/var/run/a", 9, 1, 0, OP(CREATE), 0},
        {"tmp/", "/tmp/a/b", 18000000, 2, 0, OP(CREATE), UINT64_C(128) << 20},
        /* A page each. */
        {"tmp/", "/tmp", 10, 10000, 0, OP(CREATE), UINT64_C(256) << 20},
        /* What was removed was there for a while, perhaps here. */
        {"tmp/", "/tmp", 9, 1, 100000000, OP(CREATE), UINT64_C(16) << 20},
        {"tmp/", "/tmp", 9, 1, 100000000, OP(CREATE) | OP(UNLINK), UINT64_C(512) << 20},
        {"tmp/", "/tmp", UINT64_MAX, UINT64_MAX, UINT64_MAX, OP(UNLINK), UINT64_C(1) << 52},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct said_fact said = {"/bin/sh", 0, table[i].operations, "/tmp/x", "/tmp", .class = FACT_OPEN};
        g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
        struct fact_written *written = fact_written_new();
        written->gone = table[i].gone;
        if (table[i].path != NULL)
            g_assert_true(fact_written_add(written, table[i].path, table[i].bytes, table[i].files));
        g_ptr_array_add(facts, make_fact(&said));
        const struct advice_input input = {.facts = facts, .written = written};
        struct advice_list *list = advice_make(&input);
        g_assert_cmpuint(list->advices->len, ==, 1);
        g_test_message("%zu", i);
        g_assert_cmpuint(((const struct advice *)g_ptr_array_index(list->advices, 0))->spec.size, ==, table[i].size);
        advice_list_free(list);
        fact_written_unref(written);
    }
}

static bool look_nowhere(void *data, const char *path, struct advice_seen *ret)
{
    (void)data;
    (void)path;
    (void)ret;
    return false;
}

static char **two_names(void *data, const char *directory)
{
    (void)data;
    (void)directory;
    return g_strsplit("a b", " ", -1);
}

static bool size_of(void *data, const char *directory, uint64_t *ret)
{
    (void)directory;
    *ret = data != NULL ? *(uint64_t *)data : 0;
    return data != NULL;
}

/* A copy of the image's content takes room too; where nobody knows how much, no size is said. What the knowledge base says is
 * raised where it would not do. */
static void test_sizes_with_content(void)
{
    uint64_t content = UINT64_C(200) << 20;
    const struct fact_fix fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/etc/x", .options = (char *)"size=1m"};
    const struct {
        uint64_t *content;
        bool has_fix;
        uint64_t size;
    } table[] = {{&content, false, UINT64_C(256) << 20}, {NULL, false, 0}, {&content, true, UINT64_C(16) << 20}};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct said_fact said = {"/bin/sh", 0, OP(CREATE), "/etc/x/y", "/etc/x", .class = FACT_FATAL};
        if (table[i].has_fix)
            said.fix = fix;
        g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
        g_ptr_array_add(facts, make_fact(&said));
        struct fact_written *written = fact_written_new();
        fact_written_add(written, "/etc/x", 2000000, 1);
        const struct advice_image image = {table[i].content, look_nowhere, two_names, size_of};
        const struct advice_input input = {.facts = facts, .image = &image, .written = written};
        struct advice_list *list = advice_make(&input);
        g_assert_cmpuint(((const struct advice *)g_ptr_array_index(list->advices, 0))->spec.size, ==, table[i].size);
        advice_list_free(list);
        fact_written_unref(written);
    }
}

/* What was written in /var/run is in /run. */
static void test_links(void)
{
    const struct said_fact said = {"/bin/sh", 0, OP(CREATE), "/run/x", "/run", .class = FACT_OPEN};
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    g_ptr_array_add(facts, make_fact(&said));
    struct fact_written *written = fact_written_new();
    fact_written_add(written, "/var/run", 9000000, 1);
    const struct advice_input input = {.facts = facts, .written = written};
    struct advice_list *list = advice_make(&input);
    g_assert_cmpuint(((const struct advice *)g_ptr_array_index(list->advices, 0))->spec.size, ==, UINT64_C(64) << 20);
    advice_list_free(list);
    fact_written_unref(written);
}

static void test_many_places(void)
{
    struct fact_written *written = fact_written_new();
    bool done = true;
    for (unsigned i = 0; i < FACT_WRITTEN_MOST + 1; i++) {
        g_autofree char *path = g_strdup_printf("/x/%u", i);
        done = fact_written_add(written, path, 1, 1);
    }
    g_assert_false(done);
    g_assert_cmpuint(fact_written_below(written, "/x"), ==, FACT_WRITTEN_MOST * UINT64_C(4097));
    g_assert_cmpuint(fact_written_below(written, "/x/1"), ==, 4097);
    g_assert_cmpuint(fact_written_below(written, "/"), ==, FACT_WRITTEN_MOST * UINT64_C(4097));
    g_assert_cmpuint(fact_written_below(NULL, "/"), ==, 0);
    fact_written_unref(written);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advice_sizes/written", test_sizes);
    g_test_add_func("/advice_sizes/content", test_sizes_with_content);
    g_test_add_func("/advice_sizes/links", test_links);
    g_test_add_func("/advice_sizes/many_places", test_many_places);
    return g_test_run();
}
