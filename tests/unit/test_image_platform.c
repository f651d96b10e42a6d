#include "image_platform.h"

#include "app_error.h"

#include <glib.h>
#include <string.h>

static int score(const char *wanted_text, const char *has_text)
{
    struct image_platform wanted, has;
    g_assert_true(image_platform_parse("--platform", wanted_text, &wanted, NULL));
    g_assert_true(image_platform_parse("--platform", has_text, &has, NULL));
    int result = image_platform_score(&wanted, &has);
    image_platform_clear(&wanted);
    image_platform_clear(&has);
    return result;
}

static void scores(void)
{
    g_assert_cmpint(score("linux/amd64", "linux/amd64"), >, 0);
    g_assert_cmpint(score("linux/amd64", "linux/x86_64"), >, 0);
    g_assert_cmpint(score("linux/amd64", "linux/amd64/v1"), >, 0);
    g_assert_cmpint(score("linux/amd64", "linux/amd64/v3"), ==, 0);
    g_assert_cmpint(score("linux/amd64/v3", "linux/amd64/v3"), >, score("linux/amd64/v3", "linux/amd64"));
    g_assert_cmpint(score("linux/amd64", "windows/amd64"), ==, 0);
    g_assert_cmpint(score("linux/amd64", "linux/arm64"), ==, 0);
    g_assert_cmpint(score("linux/arm64", "linux/arm64/v8"), >, 0);
    g_assert_cmpint(score("linux/arm64/v8", "linux/aarch64"), >, 0);
    g_assert_cmpint(score("linux/arm/v7", "linux/arm/v7"), >, score("linux/arm/v7", "linux/arm/v6"));
    g_assert_cmpint(score("linux/arm/v7", "linux/arm/v6"), >, score("linux/arm/v7", "linux/arm/v5"));
    g_assert_cmpint(score("linux/arm/v6", "linux/arm/v7"), ==, 0);
    g_assert_cmpint(score("linux/arm", "linux/arm/v7"), >, 0);
    g_assert_cmpint(score("linux/arm/v6", "linux/arm"), ==, 0);
}

static void words(void)
{
    static const char *const bad[] = {"", "linux", "linux/", "/amd64", "linux//v1", "linux/arm/v7/x", "linux/arm/"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct image_platform platform;
        GError *error = NULL;
        g_assert_false(image_platform_parse("--platform", bad[i], &platform, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, "--platform"));
        g_error_free(error);
    }
    struct image_platform platform;
    g_assert_true(image_platform_parse("--platform", "linux/arm/v7", &platform, NULL));
    g_autofree char *text = image_platform_text(&platform);
    g_assert_cmpstr(text, ==, "linux/arm/v7");
    image_platform_clear(&platform);
    g_assert_true(image_platform_parse("--platform", NULL, &platform, NULL));
    g_assert_cmpstr(platform.os, ==, "linux");
    g_assert_cmpstr(platform.architecture, !=, "");
    image_platform_clear(&platform);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image_platform/scores", scores);
    g_test_add_func("/image_platform/words", words);
    return g_test_run();
}
