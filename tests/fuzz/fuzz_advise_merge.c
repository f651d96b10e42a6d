/* Any YAML and a fixed advice: what comes out is a Compose file, or there is one line. */
#include "advise_merge.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A tmpfs, a volume, a tmpfs with content, and a variable, for whatever the file has of them. */
static struct advice_list *make_list(void)
{
    static const char *const programs[][2] = {
        {"/tmp/x", "/tmp"}, {"/data/x", "/data"}, {"/etc/x/y", "/etc/x"}, {"/root/.npm", "/root"}};
    static struct fact_fix fix = {.kind = FACT_FIX_ENV, .name = (char *)"A", .value = (char *)"$b"};
    static GPtrArray *facts; /* the advice borrows them */
    if (facts == NULL) {
        facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
        for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
            struct fact *fact = fact_new();
            fact->place = g_strdup(programs[i][0]);
            fact->directory = g_strdup(programs[i][1]);
            fact->operations = 1U << DENIAL_CREATE;
            fact->uid = 7;
            fact->gid = 7;
            if (i == 3)
                g_ptr_array_add(fact->fixes, fact_fix_copy(&fix));
            g_ptr_array_add(facts, fact);
        }
    }
    const struct advice_input input = {.facts = facts};
    return advice_make(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *environment[] = {"A=a", "EMPTY=", NULL};
    char *files[] = {"/project/compose.yaml", NULL};
    struct advice_list *list = make_list();
    const struct advise_output output = {.list = list, .service = "a"};
    const struct compose_options options = {
        .files = files, .service = "a", .directory = "/project", .environment = environment, .home = "/home/me"};
    const struct advise_merge merge = {
        .output = &output, .options = &options, .service = "a", .file = "compose.yaml", .path = files[0]};
    GError *error = NULL;
    size_t length = 0;
    char *diff = NULL;
    char *text = advise_merge_text(&merge, (const char *)data, size, &length, &diff, &error);
    g_assert_true((text == NULL) == (error != NULL));
    if (error != NULL) {
        g_assert_null(strpbrk(error->message, "\n\r\x1b"));
        g_clear_error(&error);
    } else {
        /* That it means what it should has been checked there. */
        bool is_same = length == size && memcmp(text, data, size) == 0;
        g_assert_true(is_same == (*diff == '\0'));
    }
    g_free(diff);
    g_free(text);
    advice_list_free(list);
    return 0;
}
