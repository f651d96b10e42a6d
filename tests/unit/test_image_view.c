/*
 * Looking into layers: links stay inside, loops end, and what upper layers hide is not there.
 */
#include "image_view.h"

#include "advice_facts.h"

#include <errno.h>

struct image {
    char *layers[2]; /* bottom, top */
    struct image_view *view;
};

static void open_image(struct image *image, const char *bottom, const char *top)
{
    g_autofree char *why = NULL;
    for (int i = 0; i < 2; i++) {
        image->layers[i] = g_dir_make_tmp("rofuse-view-XXXXXX", NULL);
        make_layer(image->layers[i], i == 0 ? bottom : top);
    }
    g_assert_cmpint(image_view_open((const char *const *)image->layers, 2, &image->view, &why), ==, 0);
}

static void close_image(struct image *image)
{
    image_view_free(image->view);
    for (int i = 0; i < 2; i++) {
        remove_tree_of(image->layers[i]);
        g_free(image->layers[i]);
    }
}

static void test_look(void)
{
    static const struct {
        const char *path;
        int status;
        const char *canonical;
    } table[] = {
        {"/", 0, "/"},
        {"/a/file", 0, "/a/file"},
        {"//a/./file", 0, "/a/file"},
        {"/a/../a/b/..", 0, "/a"},
        {"/../../a", 0, "/a"},
        {"/var/run/x/y", -ENOENT, "/run/x/y"},
        {"/var/run", 0, "/run"},
        {"/relative/file", 0, "/a/file"},
        {"/outside", -ENOENT, "/etc/no-such-file"},
        {"/loop/x", -ELOOP, NULL},
        {"/a/file/x", -ENOTDIR, NULL},
        {"/a/hidden", -ENOENT, "/a/hidden"},
        {"/a/top", 0, "/a/top"},
        {"/dangling/x", -ENOENT, "/nowhere/x"},
    };
    struct image image;
    open_image(&image, "a/b/ a/file a/hidden run/ var/run>/run relative>a loop>loop dangling>nowhere",
               "a/top a/.wh.hidden outside>../../../../../../../../etc/no-such-file");
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct stat st;
        g_autofree char *canonical = NULL;
        g_test_message("%s", table[i].path);
        g_assert_cmpint(image_view_look(image.view, table[i].path, &st, &canonical), ==, table[i].status);
        g_assert_cmpstr(canonical, ==, table[i].canonical);
    }
    g_autofree char *longest = g_strnfill(8192, '/'), *canonical = NULL;
    struct stat st;
    g_assert_cmpint(image_view_look(image.view, longest, &st, &canonical), ==, -ENAMETOOLONG);
    close_image(&image);
}

static void test_list_and_size(void)
{
    struct image image;
    uint64_t bytes;
    char **names;
    open_image(&image, "a/b/1 a/b/2 a/hidden link>a", "a/top a/.wh.hidden");
    g_assert_cmpint(image_view_list(image.view, "/link", 10, &names), ==, 0);
    g_autofree char *all = g_strjoinv(" ", names);
    g_assert_cmpstr(all, ==, "b top");
    g_strfreev(names);
    g_assert_cmpint(image_view_list(image.view, "/link", 1, &names), ==, 0);
    g_assert_cmpuint(g_strv_length(names), ==, 1);
    g_strfreev(names);
    g_assert_cmpint(image_view_list(image.view, "/a/top", 10, &names), ==, -ENOTDIR);
    g_assert_cmpint(image_view_size(image.view, "/a", 100, &bytes), ==, 0);
    g_assert_cmpuint(bytes, ==, 3);
    g_assert_cmpint(image_view_size(image.view, "/a", 2, &bytes), ==, 0);
    g_assert_cmpuint(bytes, ==, 1);
    g_assert_cmpint(image_view_size(image.view, "/none", 100, &bytes), ==, -ENOENT);
    close_image(&image);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image_view/look", test_look);
    g_test_add_func("/image_view/list_and_size", test_list_and_size);
    return g_test_run();
}
