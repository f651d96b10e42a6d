/*
 * On the way, or the place: paths from the root, from elsewhere, by links.
 */
#include "intent_way.h"

#include "advice_facts.h"

#define THROUGH INTENT_WAY_THROUGH
#define PLACE INTENT_WAY_PLACE
#define BEGINS INTENT_WAY_BEGINS
#define PERHAPS INTENT_WAY_PERHAPS
#define ELSEWHERE INTENT_WAY_ELSEWHERE

static const char image[] = "var/lib/uploads/ var/lib/lib/ var/cache/ data/a/b/ run/lock/ var/run>/run var/loop>loop "
                            "var/lib/last>uploads/last var/up>../data srv>var/lib var/lib/file deep/deep/deep/";

static struct node *find(struct tree *tree, const char *path)
{
    struct node *node = tree_image_at(tree, path, false);
    g_assert_nonnull(node);
    return node;
}

struct row {
    const char *dir, *path;
    enum intent_way way;
};

/* Returns the layer, owned. */
static char *open_image(struct tree **ret)
{
    g_autofree char *why = NULL;
    char *layer = g_dir_make_tmp("rofuse-way-XXXXXX", NULL);
    make_layer(layer, image);
    g_assert_cmpint(tree_new((const char *const[]){layer}, 1, 16, ret, &why), ==, 0);
    return layer;
}

static void check(const struct row *rows, size_t n, bool itself)
{
    struct tree *tree;
    g_autofree char *layer = open_image(&tree);
    for (const struct row *row = rows; row < rows + n; row++) {
        struct node *dir = find(tree, row->dir);
        g_test_message("%s of %s", row->dir, row->path);
        g_assert_cmpint(intent_way(tree, dir, row->path, itself), ==, row->way);
        node_unref(tree->table, dir);
    }
    tree_free(tree);
    remove_tree_of(layer);
}

static void test_way(void)
{
    static const struct row table[] = {
        /* From the root of the mount. */
        {"var/lib", "/var/lib/uploads/last", THROUGH},
        {"var", "/var/lib/uploads/last", THROUGH},
        {"", "/var/lib/uploads/last", THROUGH},
        {"var/lib/uploads", "/var/lib/uploads/last", PLACE},
        {"var/lib/uploads", "//var/./lib/../lib//uploads/last", PLACE},
        {"var/cache", "/var/cache/../lib/x", THROUGH},
        {"", "/x", PLACE},
        {"var/lib", "/var/lib/uploads/", PLACE}, /* mkdir of a name with a slash */
        {"var/lib", "/var/lib/missing/x", THROUGH},
        {"var/lib", "/var/lib/file/x", THROUGH},
        {"data", "/var/lib/uploads/last", ELSEWHERE},
        {"deep", "/deep/deep/deep/x", THROUGH},
        /* Links: the place is where they lead, and where they stand when they come last. */
        {"run", "/var/run/x", PLACE},
        {"var", "/var/run/x", THROUGH},
        {"run", "/var/run/lock/x", THROUGH},
        {"run/lock", "/var/run/lock/x", PLACE},
        {"var/lib/uploads", "/var/lib/last", PLACE},
        {"var/lib", "/var/lib/last", PLACE},
        {"data", "/var/up/x", PLACE},
        {"", "/var/up/x", THROUGH},
        {"var", "/var/loop/x", THROUGH},
        {"var", "/var/loop", PLACE},
        /* From a place that is not known. */
        {"var/lib", "uploads/last", BEGINS},
        {"var/lib/uploads", "uploads/last", PLACE},
        {"var/lib/uploads", "last", PERHAPS},
        {"var/lib", "lib/uploads/last", THROUGH},
        {"var", "lib/uploads/last", BEGINS},
        {"var/lib/uploads", "../uploads/last", PLACE},
        {"var/lib", "../lib/uploads/last", THROUGH},
        {"var/lib", "../x", PERHAPS},
        {"var/cache", "/lib/x", ELSEWHERE},
        {"run", "run/x", PLACE},
        {"var", "run/x", BEGINS},
        {"data", "link/x", ELSEWHERE}, /* a link that stands somewhere else */
        {"var/lib", "lib/x", PLACE},   /* or on the way: then the record is kept */
        {"data/a", "a/b/x", THROUGH},
        {"data/a/b", "a/b/x", PLACE},
        /* From outside of the mount. */
        {"var", "/var/tmp/mnt/var/x", PLACE},
        {"var", "/var/tmp/mnt/var/lib/uploads/x", THROUGH},
        {"var/lib", "/var/tmp/mnt/var/lib/uploads/x", THROUGH},
        {"var/cache", "mnt/var/cache/x", PLACE},
        {"", "/mnt/x", PLACE},
        {"var", "/var/tmp/mnt/srv/uploads/x", THROUGH},
        {"var/lib", "/var/tmp/mnt/srv/uploads/x", THROUGH},
        {"var/lib", "/var/tmp/mnt/srv/x", PLACE},
        {"var/lib", "../srv/uploads/x", THROUGH},
        {"var/lib", "../srv/x", PLACE},
        /* From another root. */
        {"data/a/b", "/b/x", PLACE},
        {"data/a", "/a/b/x", THROUGH},
        {"data/a", "/b/x", THROUGH},
        {"data", "..", PERHAPS},
    };
    check(table, G_N_ELEMENTS(table), false);
}

/* Of a change of what the path leads to. */
static void test_itself(void)
{
    static const struct row table[] = {
        {"var/lib", "/var/lib/uploads", THROUGH},
        {"var/lib", "/var/lib/file", THROUGH},
        {"var/lib", "/var/lib", PLACE},
        {"var/lib", "/var/lib/", PLACE},
        {"var/lib", "/srv", PLACE},
        {"var/lib", "/var/lib/uploads/..", PLACE},
        {"var/lib", "/var/lib/.", PLACE},
        {"var", "/srv", THROUGH},
        {"run", "/var/run", PLACE},
        {"", "/var", THROUGH},
        {"var/lib", ".", PERHAPS},
        {"var/lib", "..", PERHAPS},
        {"var/lib", "lib/file", THROUGH},
        {"var/lib", "uploads", BEGINS},
        {"var/lib", "/var/tmp/mnt/srv/uploads", THROUGH},
        {"var/lib", "/var/tmp/mnt/srv/file", THROUGH},
        {"var/lib", "/var/tmp/mnt/var/lib/file", THROUGH},
        {"var/cache", "/var/tmp/mnt/var/cache", PLACE},
        {"var/lib/uploads", "uploads", PLACE},
    };
    check(table, G_N_ELEMENTS(table), true);
}

/* The longest path there can be, of names that all look alike. */
static void test_bounded(void)
{
    struct tree *tree;
    g_autofree char *layer = open_image(&tree);
    struct node *dir = find(tree, "deep/deep");
    g_autoptr(GString) path = g_string_new("x");
    while (path->len < 4090)
        g_string_prepend(path, "deep/");
    g_assert_cmpint(intent_way(tree, dir, path->str, false), ==, PLACE); /* in doubt the record is kept */
    g_string_prepend_c(path, '/');
    g_assert_cmpint(intent_way(tree, dir, path->str, false), ==, PLACE);
    node_unref(tree->table, dir);
    tree_free(tree);
    remove_tree_of(layer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/intent-way/way", test_way);
    g_test_add_func("/intent-way/itself", test_itself);
    g_test_add_func("/intent-way/bounded", test_bounded);
    return g_test_run();
}
