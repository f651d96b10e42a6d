#include "image_platform.h"

#include "app_error.h"
#include "text.h"

#include <string.h>
#include <sys/utsname.h>

/* As the kernel calls it, and as Go does. */
static const struct {
    const char *machine, *architecture, *variant;
} machines[] = {
    {"x86_64", "amd64", NULL},    {"aarch64", "arm64", NULL},   {"armv8l", "arm", "v7"},
    {"armv7l", "arm", "v7"},      {"armv6l", "arm", "v6"},      {"armv5tel", "arm", "v5"},
    {"i386", "386", NULL},        {"i486", "386", NULL},        {"i586", "386", NULL},
    {"i686", "386", NULL},        {"ppc64le", "ppc64le", NULL}, {"s390x", "s390x", NULL},
    {"riscv64", "riscv64", NULL}, {"mips", "mips", NULL},       {"loongarch64", "loong64", NULL},
};

/* What is the same as no variant. */
static const char *plain_variant(const char *architecture, const char *variant)
{
    if (variant == NULL || *variant == '\0')
        return NULL;
    if ((strcmp(architecture, "arm64") == 0 && (strcmp(variant, "v8") == 0 || strcmp(variant, "8") == 0)) ||
        (strcmp(architecture, "amd64") == 0 && strcmp(variant, "v1") == 0))
        return NULL;
    return variant;
}

void image_platform_set(struct image_platform *ret, const char *os, const char *architecture, const char *variant)
{
    const char *name = architecture != NULL ? architecture : "";
    /* The kernel's words are taken for Go's, as containerd does. */
    for (size_t i = 0; i < G_N_ELEMENTS(machines); i++) {
        if (strcmp(machines[i].machine, name) == 0) {
            name = machines[i].architecture;
            variant = variant != NULL && *variant != '\0' ? variant : machines[i].variant;
            break;
        }
    }
    ret->os = g_strdup(os != NULL ? os : "");
    ret->architecture = g_strdup(name);
    ret->variant = g_strdup(plain_variant(name, variant));
}

void image_platform_clear(struct image_platform *platform)
{
    g_free(platform->os);
    g_free(platform->architecture);
    g_free(platform->variant);
    *platform = (struct image_platform){0};
}

gboolean image_platform_parse(const char *option, const char *text, struct image_platform *ret, GError **error)
{
    if (text == NULL) {
        struct utsname machine;
        uname(&machine);
        image_platform_set(ret, "linux", machine.machine, NULL);
        return TRUE;
    }
    g_auto(GStrv) words = g_strsplit(text, "/", 4);
    guint n = g_strv_length(words);
    gboolean is_good = n == 2 || n == 3;
    for (guint i = 0; i < n; i++)
        is_good &= *words[i] != '\0';
    if (!is_good) {
        g_autofree char *shown = text_word(text);
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "%s %s: is not OS/ARCH[/VARIANT]; write for example linux/amd64 or linux/arm/v7", option, shown);
        return FALSE;
    }
    image_platform_set(ret, words[0], words[1], words[2]);
    return TRUE;
}

/* "v7" = 7; 0 for what is no such word. */
static int arm_version(const char *variant)
{
    const char *digits = variant != NULL && *variant == 'v' ? variant + 1 : "";
    return g_ascii_isdigit(digits[0]) && digits[1] == '\0' ? digits[0] - '0' : 0;
}

int image_platform_score(const struct image_platform *wanted, const struct image_platform *has)
{
    if (strcmp(wanted->os, has->os) != 0 || strcmp(wanted->architecture, has->architecture) != 0)
        return 0;
    if (g_strcmp0(wanted->variant, has->variant) == 0)
        return 100;
    if (strcmp(wanted->architecture, "arm") == 0) {
        /* An arm image without a variant is v7, as for containerd. */
        int most = wanted->variant != NULL ? arm_version(wanted->variant) : 7;
        int version = has->variant != NULL ? arm_version(has->variant) : 7;
        return version > 0 && version <= most ? 10 + version : 0;
    }
    return wanted->variant != NULL && has->variant == NULL ? 1 : 0;
}

char *image_platform_text(const struct image_platform *platform)
{
    g_autofree char *text =
        g_strjoin("/", *platform->os != '\0' ? platform->os : "?",
                  *platform->architecture != '\0' ? platform->architecture : "?", platform->variant, NULL);
    return text_escape(text);
}
