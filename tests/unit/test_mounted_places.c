#include "mounted_places.h"

#include "mount_table.h"

#include <sys/sysmacros.h>

/* The mount as a whole at /mnt, and a directory of it at /other; other file systems on both, and on each other. */
static const char text[] = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                           "30 20 0:50 / /mnt rw - fuse.rofuse m rw\n"
                           "31 30 0:5 / /mnt/dev rw - devtmpfs d rw\n"
                           "32 31 0:6 / /mnt/dev/pts rw - devpts d rw\n"
                           "33 30 8:1 /srv /mnt/app/a\\040b rw - ext4 /dev/sda1 rw\n"
                           "34 20 0:50 /app/data /other rw - fuse.rofuse m rw\n"
                           "35 34 0:7 / /other/sub rw - tmpfs t rw\n"
                           "36 20 0:50 /gone//deleted /third rw - fuse.rofuse m rw\n"
                           "37 36 0:7 / /third/sub rw - tmpfs t rw\n"
                           "38 30 0:7 / /mnt rw - tmpfs t rw\n"
                           "39 20 0:7 / /mnt/elsewhere rw - tmpfs t rw\n"
                           "40 30 0:5 / /mnt/dev rw - devtmpfs d rw\n";

/* As the root of a container. */
static const char inside[] = "50 1 0:50 / / rw - fuse.rofuse m rw\n"
                             "51 50 0:5 / /proc rw - proc p rw\n"
                             "52 51 0:5 / /proc/sys rw - proc p rw\n";

static void assert_places(const char *table_text, const char *const *expected)
{
    g_autoptr(GPtrArray) table = mount_table_parse(table_text);
    g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func(g_free);
    mounted_places_add(table, makedev(0, 50), places);
    g_assert_cmpuint(places->len, ==, g_strv_length((char **)expected));
    for (guint i = 0; i < places->len; i++)
        g_assert_cmpstr(places->pdata[i], ==, expected[i]);
}

static void tables(void)
{
    assert_places(text, (const char *const[]){"/dev", "/app/a b", "/app/data/sub", NULL});
    assert_places(inside, (const char *const[]){"/proc", NULL});
    assert_places("", (const char *const[]){NULL});
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mounted_places/tables", tables);
    return g_test_run();
}
