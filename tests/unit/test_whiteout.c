#include "whiteout.h"

#include <glib.h>
#include <string.h>
#include <sys/sysmacros.h>

static void names(void)
{
    g_assert_cmpstr(whiteout_hidden_name(".wh.passwd"), ==, "passwd");
    g_assert_cmpstr(whiteout_hidden_name(".wh..hidden"), ==, ".hidden");
    g_assert_null(whiteout_hidden_name("passwd"));
    g_assert_null(whiteout_hidden_name(".whx"));
    g_assert_null(whiteout_hidden_name(".wh."));
    g_assert_null(whiteout_hidden_name(WHITEOUT_OPAQUE));
    g_assert_null(whiteout_hidden_name(".wh..wh.plnk"));

    g_assert_true(whiteout_is_metadata_name(".wh."));
    g_assert_true(whiteout_is_metadata_name(".wh..wh.aufs"));
    g_assert_false(whiteout_is_metadata_name(".w"));
    g_assert_false(whiteout_is_metadata_name("x.wh.y"));
}

static void device(void)
{
    struct stat st = {.st_mode = S_IFCHR, .st_rdev = makedev(0, 0)};
    g_assert_true(whiteout_is_device(&st));
    st.st_rdev = makedev(1, 3);
    g_assert_false(whiteout_is_device(&st));
    st = (struct stat){.st_mode = S_IFBLK, .st_rdev = makedev(0, 0)};
    g_assert_false(whiteout_is_device(&st));
}

static void attributes(void)
{
    static const struct {
        const char *name;
        enum whiteout_attribute meaning;
    } cases[] = {
        {"trusted.overlay.opaque", WHITEOUT_ATTRIBUTE_OPAQUE},
        {"user.overlay.opaque", WHITEOUT_ATTRIBUTE_OPAQUE},
        {"user.fuseoverlayfs.opaque", WHITEOUT_ATTRIBUTE_OPAQUE},
        {"trusted.overlay.whiteout", WHITEOUT_ATTRIBUTE_WHITEOUT},
        {"user.overlay.whiteout", WHITEOUT_ATTRIBUTE_WHITEOUT},
        {"user.containers.override_stat", WHITEOUT_ATTRIBUTE_OVERRIDE},
        {"trusted.overlay.origin", WHITEOUT_ATTRIBUTE_HIDDEN},
        {"user.fuseoverlayfs.origin", WHITEOUT_ATTRIBUTE_HIDDEN},
        {"user.overlayer", WHITEOUT_ATTRIBUTE_VISIBLE},
        {"user.containers.other", WHITEOUT_ATTRIBUTE_VISIBLE},
        {"security.capability", WHITEOUT_ATTRIBUTE_VISIBLE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(whiteout_attribute(cases[i].name), ==, cases[i].meaning);
}

static struct stat overridden(mode_t mode, const char *value, bool expected)
{
    struct stat st = {.st_mode = mode, .st_uid = 1000, .st_gid = 1000};
    g_assert_cmpint(whiteout_override(&st, value, strlen(value)), ==, expected);
    return st;
}

static void override_good(void)
{
    struct stat st = overridden(S_IFREG | 0644, "0:42:4755", true);
    g_assert_cmpuint(st.st_uid, ==, 0);
    g_assert_cmpuint(st.st_gid, ==, 42);
    g_assert_cmpuint(st.st_mode, ==, S_IFREG | 04755);
    st = overridden(S_IFREG | 0644, "7:8:0600:char-1-3", true);
    g_assert_cmpuint(st.st_mode, ==, S_IFCHR | 0600);
    g_assert_cmpuint(st.st_rdev, ==, makedev(1, 3));
    st = overridden(S_IFREG | 0644, "0:0:0660:block-8-1", true);
    g_assert_cmpuint(st.st_mode, ==, S_IFBLK | 0660);
    st = overridden(S_IFREG | 0644, "0:0:0600:pipe", true);
    g_assert_cmpuint(st.st_mode, ==, S_IFIFO | 0600);
    st = overridden(S_IFDIR | 0700, "0:0:1777:dir", true);
    g_assert_cmpuint(st.st_mode, ==, S_IFDIR | 01777);
}

static void override_bad(void)
{
    static const char *const bad[] = {
        "",
        "0",
        "0:0",
        ":0:0",
        "0:0:",
        "0:0:0644 ",
        "0:0:9",
        "-1:0:0644",
        "0:0:0644:",
        "0:0:0644:what",
        "0:0:0644:dir",
        "4294967295:0:0644",
        "0:0:0644:char-1",
        "0:0:0644:char-1-",
        "0:0:0644:char-99999-0",
        "0:0:7777777",
        "99999999999999999999:0:0",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct stat st = overridden(S_IFREG | 0644, bad[i], false);
        g_assert_cmpuint(st.st_mode, ==, S_IFREG | 0644);
        g_assert_cmpuint(st.st_uid, ==, 1000);
    }
    overridden(S_IFDIR | 0755, "0:0:0755:file", false);
    overridden(S_IFLNK | 0777, "0:0:0777:file", false);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/whiteout/names", names);
    g_test_add_func("/whiteout/device", device);
    g_test_add_func("/whiteout/attributes", attributes);
    g_test_add_func("/whiteout/override/good", override_good);
    g_test_add_func("/whiteout/override/bad", override_bad);
    return g_test_run();
}
