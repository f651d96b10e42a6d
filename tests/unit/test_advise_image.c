/*
 * What docker and Kubernetes are told to start: a name that they understand, or what to fill in.
 */
#include "advise_image.h"

#include "advise_comments.h"

#include <string.h>

static void test_names(void)
{
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    g_autofree char *pinned = g_strconcat("web@sha256:", hex, NULL), *id = g_strconcat("sha256:", hex, NULL);
    const struct {
        const char *text;
        bool is_name;
    } table[] = {
        {"web", true},
        {"web:1.0", true},
        {"docker.io/library/nginx:1.25", true},
        {"localhost:5000/a/b__c-d.e:T_1.x-y", true},
        {"Host.example/web", true},
        {pinned, true},
        {hex, false},
        {id, false},
        {"0123456789ab", false},
        {"0123456789ab:1", true},
        {"Web", false},
        {"a/Web", false},
        {"", false},
        {"/srv/layer", false},
        {"./layer", false},
        {"oci:/srv/images/web:1.0", false},
        {"docker-archive:./web.tar", false},
        {"web:", false},
        {"web:1 0", false},
        {"web\n", false},
        {"w\xff", false},
        {"-web", false},
        {"web:-1", false},
        {"$(reboot)", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("%s", table[i].text);
        g_assert_cmpint(advise_image_is_name(table[i].text), ==, table[i].is_name);
    }
}

static struct advice_list *nothing(void)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new();
    const struct advice_input input = {.facts = facts};
    return advice_make(&input);
}

/* What each target is told, and whether it is told what to fill in. */
static void test_words(void)
{
    static const struct {
        const char *image, *name, *docker, *podman, *rofuse;
    } table[] = {
        {"web:1.0", "web:1.0", "web:1.0", "web:1.0", "web:1.0"},
        {"oci:/srv/x:1", NULL, "IMAGE", "oci:/srv/x:1", "oci:/srv/x:1"},
        {"docker-archive:/srv/x.tar:web:1", "web:1", "web:1", "web:1", "docker-archive:/srv/x.tar:web:1"},
        {"/srv/layer", NULL, "IMAGE", "IMAGE", "/srv/layer"},
        {NULL, NULL, "IMAGE", "IMAGE", "IMAGE"},
    };
    struct advice_list *list = nothing();
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct advise_output output = {
            .list = list, .service = "x", .image = table[i].image, .image_name = table[i].name};
        const struct {
            char *(*render)(const struct advise_output *output);
            const char *end, *word;
        } targets[] = {
            {advise_docker, " \\\n  ", table[i].docker},
            {advise_podman, " \\\n  ", table[i].podman},
            {advise_rofuse, " \\\n  --image ", table[i].rofuse},
            {advise_kubernetes, "      image: ", table[i].docker},
        };
        for (size_t j = 0; j < G_N_ELEMENTS(targets); j++) {
            g_autofree char *text = targets[j].render(&output);
            g_autofree char *line = g_strconcat("\n", targets[j].end, targets[j].word, "\n", NULL);
            g_test_message("%s", text);
            g_assert_nonnull(strstr(text, line + (targets[j].end[0] == ' ' && targets[j].end[1] == '\\')));
            g_assert_cmpint(strstr(text, "# IMAGE: write ") != NULL, ==, strcmp(targets[j].word, "IMAGE") == 0);
        }
    }
    advice_list_free(list);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advise_image/names", test_names);
    g_test_add_func("/advise_image/words", test_words);
    return g_test_run();
}
