#include "image_ref.h"

#include "app_error.h"
#include "image_name.h"

#include <glib.h>
#include <string.h>

static void good(void)
{
    static const struct {
        const char *text;
        enum image_ref_kind kind;
        const char *path, *name;
    } cases[] = {
        {"oci:/srv/x", IMAGE_OCI, "/srv/x", NULL},
        {"oci:/srv/x:v1", IMAGE_OCI, "/srv/x", "v1"},
        {"oci:/srv/x:docker.io/library/y:v1", IMAGE_OCI, "/srv/x", "docker.io/library/y:v1"},
        {"oci-archive:/a.tar", IMAGE_OCI_ARCHIVE, "/a.tar", NULL},
        {"docker-archive:/a.tar:app:1", IMAGE_DOCKER_ARCHIVE, "/a.tar", "app:1"},
        {"docker-archive:/a.tar:@0", IMAGE_DOCKER_ARCHIVE, "/a.tar", "@0"},
        {"/", IMAGE_DIRECTORY, "/", NULL},
        {"/usr/..", IMAGE_DIRECTORY, "/", NULL},
        {"/usr/none", IMAGE_DIRECTORY, "/usr/none", NULL},
        {"nginx", IMAGE_STORED, NULL, "nginx"},
        {"nginx:1.25", IMAGE_STORED, NULL, "nginx:1.25"},
        {"localhost/app:1", IMAGE_STORED, NULL, "localhost/app:1"},
        {"localhost:5000/app", IMAGE_STORED, NULL, "localhost:5000/app"},
        {"ocix:y", IMAGE_STORED, NULL, "ocix:y"},
        {"sha256:00ff", IMAGE_STORED, NULL, "sha256:00ff"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image_ref ref;
        GError *error = NULL;
        g_assert_true(image_ref_parse("--image", cases[i].text, &ref, &error));
        g_assert_no_error(error);
        g_assert_cmpint(ref.kind, ==, cases[i].kind);
        g_assert_cmpstr(ref.path, ==, cases[i].path);
        g_assert_cmpstr(ref.name, ==, cases[i].name);
        g_assert_cmpstr(ref.text, ==, cases[i].text);
        image_ref_clear(&ref);
    }
}

static void relative(void)
{
    static const char *const texts[] = {"oci:x:v1", "./x", "../here/x", "."};
    g_autofree char *here = g_get_current_dir();
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct image_ref ref;
        g_assert_true(image_ref_parse("--image", texts[i], &ref, NULL));
        g_assert_cmpint(ref.path[0], ==, '/');
        if (i < 2) {
            g_autofree char *path = g_build_filename(here, "x", NULL);
            g_assert_cmpstr(ref.path, ==, path);
        }
        image_ref_clear(&ref);
    }
}

static void bad(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "no image is named"},
        {"oci:", "no path"},
        {"oci::v1", "no path"},
        {"oci:/x:", "last colon"},
        {"docker-archive:", "no path"},
        {"docker://nginx", "skopeo copy"},
        {"dir:/x", "skopeo copy"},
        {"docker-daemon:x:1", "skopeo"},
        {"containers-storage:x", "skopeo"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image_ref ref;
        GError *error = NULL;
        g_assert_false(image_ref_parse("--image", cases[i].text, &ref, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        g_assert_nonnull(strstr(error->message, "--image"));
        g_assert_null(ref.path);
        g_error_free(error);
    }
}

static void names(void)
{
    static const char *const same[] = {"busybox", "busybox:latest", "docker.io/library/busybox",
                                       "docker.io/library/busybox:latest"};
    for (size_t i = 0; i < G_N_ELEMENTS(same); i++)
        g_assert_true(image_name_equal(same[0], same[i]));
    g_assert_false(image_name_equal("busybox", "busybox:1"));
    g_assert_false(image_name_equal("busybox", "localhost/busybox"));
    g_assert_true(image_name_equal("localhost:5000/x", "localhost:5000/x:latest"));
    g_assert_false(image_name_equal("x@sha256:00", "x"));
}

static void local_names(void)
{
    g_assert_true(image_name_is_local("localhost/web:1", "web:1"));
    g_assert_true(image_name_is_local("localhost/web:latest", "web"));
    g_assert_true(image_name_is_local("localhost/shop/web:1", "shop/web:1"));
    /* With a registry it is somebody else's. */
    g_assert_false(image_name_is_local("localhost/docker.io/web:1", "docker.io/web:1"));
    g_assert_false(image_name_is_local("localhost/web:1", "docker.io/library/web:1"));
    g_assert_false(image_name_is_local("localhost/host:5000/web:1", "host:5000/web:1"));
    g_assert_false(image_name_is_local("localhost/web:1", "localhost/web:1"));
    g_assert_false(image_name_is_local("localhost:5000/web:1", "web:1"));
    g_assert_false(image_name_is_local("localhost/web:1", "web:2"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image_ref/good", good);
    g_test_add_func("/image_ref/relative", relative);
    g_test_add_func("/image_ref/bad", bad);
    g_test_add_func("/image_ref/names", names);
    g_test_add_func("/image_ref/local_names", local_names);
    return g_test_run();
}
