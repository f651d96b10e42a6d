/*
 * What changes in a name from run to run is taken out, and what a person chose is not.
 */
#include "pattern.h"

#include <glib.h>
#include <string.h>

static void test_names(void)
{
    static const char *const table[][2] = {
        {"file", "file"},
        {"nginx.pid", "nginx.pid"},
        {"sh-thd.1732406400", "sh-thd.*"},
        {"startprod65789232523.sh", "startprod*.sh"},
        {"passwdaB3xYz", "passwd*"},
        {"ssh_host_rsa_key.oigkZJSpyj", "ssh_host_rsa_key.*"},
        {"x.passwdaB3xYz", "x.passwd*"},
        {"ibI84vhw", "ib*"},
        {"tmp.AlitLY", "tmp.*"},
        {"tmp.HVvDY8kYla", "tmp.*"},
        {"tmp.abcdefghij", "tmp.*"},
        {"tmpk3j9xq1a", "tmp*"},
        {"tmpab12cd_8", "tmp*"},
        {"tmpab12cd_8.json", "tmp*.json"},
        {"tmpfiles", "tmpfiles"},
        {"tmp1234", "tmp*"},
        {"sedwhvBHR", "sed*"},
        {"sedabcdef", "sed*"},
        {"sedition", "sedition"},
        {".nfs000000000123abcd00000001", ".nfs*"},
        {".#passwd8f14e45fceea167a", ".#passwd*"},
        {".#lock", ".#lock"},
        {".fuse_hidden0000000500000001", ".fuse_hidden*"},
        {"core.7", "core.*"},
        {"core.js", "core.js"},
        {"Makefile2", "Makefile2"},
        {"libssl3", "libssl3"},
        {"libfoo-1.2.3.so", "libfoo-1.2.3.so"},
        {"python3.11", "python3.11"},
        {"StartupLog", "StartupLog"},
        {"README", "README"},
        {"log.2024", "log.*"},
        {"access.log.1", "access.log.1"},
        {"app-2024-11-24.log", "app-*.log"},
        {"app-24.11.2024.log", "app-*.log"},
        {"app-20241124.log", "app-*.log"},
        {"12:34:56.txt", "*.txt"},
        {"2024-11-24T00_00_00_000Z-debug-0.log", "*-debug-0.log"},
        {"kube.host.root.log.ERROR.20241124-120000.1", "kube.host.root.log.ERROR.*"},
        {"dotnet-diagnostic-1-12345-socket", "dotnet-diagnostic-*-socket"},
        {"clr-debug-pipe-1-43210-in", "clr-debug-pipe-*-in"},
        {"8f14e45fceea167a5a36dedd4bea2543", "*"},
        {"index-8f14e45fceea167a.js", "index-*.js"},
        {"123e4567-e89b-12d3-a456-426614174000.lock", "*.lock"},
        {"sess_9vtdjj1kq2m0fd7kjddeuofnq", "sess_*"},
        {"sess_au1j9g23hprrn04bq5cabcdefg", "sess_*"},
        {"libabseil20220623strings1", "libabseil*strings1"},
        {"1732406400-1732406401", "*"},
        {"1rABCD-0000aB-Cd-H", "*-H"},
        {"hdr.1rABCD-0000aB-Cd", "hdr.*"},
        {"1vOdEf-00000000AbC-1gHi-D", "*-D"},
        {"1rABCD-0000aB-Cde", "*-*-Cde"},
        {"second-server-up", "second-server-up"},
        {"806378690.zip", "*.zip"},
        {".org.chromium.Chromium.xK3f9q", ".org.chromium.Chromium.*"},
        {"", ""},
        {"-", "-"},
        {"1.", "1."},
        {"\xff\xfe", "\xff\xfe"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *pattern = pattern_of(table[i][0], NULL);
        g_test_message("%s", table[i][0]);
        g_assert_cmpstr(pattern, ==, table[i][1]);
    }
}

static void test_hints(void)
{
    static const struct pattern_hints process = {.pids = {4321, 12, 0, 1}}, made_up = {.is_made_up = true};
    static const struct {
        const char *name;
        const struct pattern_hints *hints;
        const char *pattern;
    } table[] = {
        {"foo.12", &process, "foo.*"},
        {"12", &process, "*"},
        {"foo.13", &process, "foo.13"},
        {"foo12", &process, "foo12"},
        {"foo.1", &process, "foo.1"},
        {"foo.0", &process, "foo.0"},
        {"foo-12-3.lock", &process, "foo-*.lock"},
        {"foo.12.lock", &process, "foo.*.lock"},
        {"php8.12-fpm.log", &process, "php8.12-fpm.log"},
        {"python3.12", &process, "python3.12"},
        {"12.4.log", &process, "12.4.log"},
        {"4.12.1", &process, "4.12.1"},
        {"foo-4.4321.log", &process, "foo-*.log"},
        {"foo.12", NULL, "foo.12"},
        {"abcdefgh", NULL, "abcdefgh"},
        {"abcdefgh", &made_up, "*"},
        {"a_b1efgh", &made_up, "*"},
        {"wgunicorn-bh_k3d9x", &made_up, "wgunicorn-*"},
        {"wgunicorn-bh_k3d9x", NULL, "wgunicorn-bh_k3d9x"},
        {"web-stdout---supervisor-dlm3kq_x.log", &made_up, "web-stdout---supervisor-*.log"},
        {"app-settings.json", &made_up, "app-settings.json"},
        {"passwdabcdef", &made_up, "passwd*"},
        {"tmp-DAqagxZwTe", &made_up, "tmp-*"},
        {"x-passwdabcdef", &made_up, "x-passwd*"},
        {"ibabcdef", &made_up, "*"},
        {"postmaster.pid", &made_up, "postmaster.pid"},
        {".s.PGSQL.5432.lock", &made_up, ".s.PGSQL.*.lock"},
        {"abc", &made_up, "abc"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *pattern = pattern_of(table[i].name, table[i].hints);
        g_test_message("%s", table[i].name);
        g_assert_cmpstr(pattern, ==, table[i].pattern);
    }
}

/* Directories were there before the program came: what looks like a version is one. */
static void test_directories(void)
{
    static const struct pattern_hints process = {.pids = {12}};
    static const char *const table[][2] = {
        {"/", "/"},
        {"/tmp", "/tmp"},
        {"/opt/app2024/x86_64", "/opt/app2024/x86_64"},
        {"/proc/4321/fd", "/proc/*/fd"},
        {"/tmp/12/x", "/tmp/*/x"},
        {"/tmp/13/x", "/tmp/13/x"},
        {"/tmp/tmp.HVvDY8kYla/a", "/tmp/tmp.*/a"},
        {"/tmp/tmpab12cd_8", "/tmp/tmp*"},
        {"/build/8f14e45fceea167a/a", "/build/*/a"},
        {"/d/123e4567-e89b-12d3-a456-426614174000", "/d/*"},
        {"/usr/lib/python3.11/passwdaB3xYz", "/usr/lib/python3.11/passwdaB3xYz"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *pattern = pattern_of_directory(table[i][0], &process);
        g_assert_cmpstr(pattern, ==, table[i][1]);
    }
}

static void test_covers(void)
{
    static const struct {
        const char *pattern, *place;
        bool covers;
    } table[] = {
        {"/tmp/*", "/tmp/x", true},
        {"/tmp/*", "/tmp/x*", true},
        {"/tmp/*", "/tmp/", true},
        {"/tmp/*", "/tmp/x/y", false},
        {"/tmp/*", "/tmp", false},
        {"/tmp/*.sh", "/tmp/a.sh.sh", true},
        {"/tmp/*.sh", "/tmp/a.shx", false},
        {"/a/**", "/a/b/c/d", true},
        {"/a/**", "/b/c", false},
        {"/a/**/z", "/a/b/c/z", true},
        {"/a/**/z", "/a/b/c", false},
        {"/a/*/*/d", "/a/b/c/d", true},
        {"/a/[b]?", "/a/[b]?", true},
        {"/a/[b]?", "/a/bc", false},
        {"/same", "/same", true},
        {"", "", true},
        {"", "/", false},
        {"*", "", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("%s %s", table[i].pattern, table[i].place);
        g_assert_cmpint(pattern_covers(table[i].pattern, table[i].place), ==, table[i].covers);
    }
    /* Many stars do not make it slow. */
    g_autofree char *stars = g_strnfill(2000, '*'), *names = g_strnfill(4000, 'a');
    for (size_t i = 1; i < 2000; i += 2)
        stars[i] = 'a';
    g_autofree char *pattern = g_strconcat(stars, "b", NULL);
    g_assert_false(pattern_covers(pattern, names));
}

/* Any bytes: it ends, and a pattern has no two stars in a row. */
static void test_random_bytes(void)
{
    static const char alphabet[] = "ab1234567890ABCF-_.:TZ+#\xff";
    for (int i = 0; i < 20000; i++) {
        char name[40] = {0};
        int n = g_test_rand_int_range(0, 39);
        for (int k = 0; k < n; k++)
            name[k] = alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
        const struct pattern_hints hints = {.pids = {g_test_rand_int_range(0, 300)}, .is_made_up = i % 2 == 0};
        g_autofree char *pattern = pattern_of(name, &hints);
        g_assert_null(g_strstr_len(pattern, -1, "**"));
        g_assert_cmpuint(strlen(pattern), <=, (size_t)n + 1);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pattern/names", test_names);
    g_test_add_func("/pattern/hints", test_hints);
    g_test_add_func("/pattern/directories", test_directories);
    g_test_add_func("/pattern/covers", test_covers);
    g_test_add_func("/pattern/random-bytes", test_random_bytes);
    return g_test_run();
}
