#include "image_config.h"
#include "image_config_parse.h"

#include "app_error.h"
#include "image_digest.h"

#include <glib.h>
#include <string.h>

#define ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" ID "\"]}"

static gboolean parse(const char *text, struct image_config *config, char ***ids, GError **error)
{
    return image_config_parse(text, strlen(text), "/x/config", config, ids, error);
}

static void everything(void)
{
    static const char text[] =
        "{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\",\"config\":{\"User\":\"app:1\",\"Env\":[\"A=b\","
        "\"C=\"],\"Entrypoint\":[\"/e\",\"x y\"],\"Cmd\":[\"c\"],\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\","
        "\"Volumes\":{\"/b\":{},\"/a\":{}},\"ExposedPorts\":{\"80/tcp\":{}}}," ROOTFS "}";
    struct image_config config;
    g_auto(GStrv) ids = NULL;
    g_assert_true(parse(text, &config, &ids, NULL));
    g_assert_cmpstr(config.user, ==, "app:1");
    g_assert_cmpstr(config.env[1], ==, "C=");
    g_assert_null(config.env[2]);
    g_assert_cmpstr(config.entrypoint[1], ==, "x y");
    g_assert_cmpstr(config.cmd[0], ==, "c");
    g_assert_cmpstr(config.working_dir, ==, "/w");
    g_assert_cmpstr(config.stop_signal, ==, "SIGINT");
    g_assert_cmpstr(config.volumes[0], ==, "/b");
    g_assert_cmpstr(config.volumes[1], ==, "/a");
    g_assert_cmpstr(config.os, ==, "linux");
    g_assert_cmpstr(config.architecture, ==, "arm64");
    g_assert_cmpstr(config.variant, ==, "v8");
    g_assert_cmpstr(ids[0], ==, ID);
    g_assert_null(ids[1]);
    image_config_clear(&config);
}

/* null, "" and what is missing are the same; docker takes a string for a list of one. */
static void nothing(void)
{
    static const char *const texts[] = {
        "{" ROOTFS "}",
        "{\"config\":null," ROOTFS "}",
        "{\"config\":{\"User\":\"\",\"Env\":null,\"Cmd\":null,\"Entrypoint\":[],\"Volumes\":null}," ROOTFS "}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct image_config config;
        g_auto(GStrv) ids = NULL;
        g_assert_true(parse(texts[i], &config, &ids, NULL));
        g_assert_null(config.user);
        g_assert_null(config.env[0]);
        g_assert_null(config.cmd[0]);
        g_assert_null(config.entrypoint[0]);
        g_assert_null(config.volumes[0]);
        g_assert_null(config.working_dir);
        image_config_clear(&config);
    }
    struct image_config config;
    g_auto(GStrv) ids = NULL;
    g_assert_true(parse("{\"config\":{\"Cmd\":\"one\"}," ROOTFS "}", &config, &ids, NULL));
    g_assert_cmpstr(config.cmd[0], ==, "one");
    g_assert_null(config.cmd[1]);
    image_config_clear(&config);
}

static void bad(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1"},
        {"[]", "not a JSON object"},
        {"{}", "rootfs"},
        {"{\"rootfs\":1}", "\"rootfs\" is not an object"},
        {"{\"rootfs\":{\"diff_ids\":[1]}}", "item 1"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha256:00\"]}}", "sha256:00"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha256:../../../../../../etc\"]}}", "sha256:../"},
        {"{\"config\":[]," ROOTFS "}", "\"config\""},
        {"{\"config\":{\"User\":5}," ROOTFS "}", "\"User\" is not a string"},
        {"{\"config\":{\"Env\":\"A=b\"}," ROOTFS "}", "\"Env\""},
        {"{\"config\":{\"Env\":[1]}," ROOTFS "}", "\"Env\": item 1"},
        {"{\"config\":{\"Cmd\":{}}," ROOTFS "}", "\"Cmd\""},
        {"{\"config\":{\"Volumes\":[]}," ROOTFS "}", "\"Volumes\""},
        {"{\"config\":{\"Volumes\":{\"data\":{}}}," ROOTFS "}", "data is no absolute path"},
        {"{\"os\":1," ROOTFS "}", "\"os\""},
        {"{\"os\":\"a\",\"os\":\"b\"," ROOTFS "}", "duplicate"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct image_config config;
        char **ids = NULL;
        GError *error = NULL;
        g_assert_false(parse(cases[i].text, &config, &ids, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        g_assert_true(g_str_has_prefix(error->message, "/x/config: "));
        g_assert_null(ids);
        g_error_free(error);
    }
}

static void digests(void)
{
    g_assert_true(image_digest_is_valid(ID));
    g_assert_true(image_digest_is_sha256(ID));
    g_assert_false(image_digest_is_valid("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
    g_assert_false(image_digest_is_valid(ID "0"));
    g_assert_false(image_digest_is_valid("md5:00"));
    g_assert_false(image_digest_is_valid("sha256"));
    g_autofree char *of = image_digest_of("", 0);
    g_assert_cmpstr(of, ==, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    g_autofree char *path = image_digest_blob_path(of);
    g_assert_true(g_str_has_prefix(path, "blobs/sha256/e3b0"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image_config/everything", everything);
    g_test_add_func("/image_config/nothing", nothing);
    g_test_add_func("/image_config/bad", bad);
    g_test_add_func("/image_config/digests", digests);
    return g_test_run();
}
