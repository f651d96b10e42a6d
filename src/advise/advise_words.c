#include "advise_words.h"

#include "text.h"

#include <string.h>

static void add_word(GString *words, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_word(GString *words, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (words->len > 0)
        g_string_append_c(words, ',');
    g_string_append_vprintf(words, format, arguments);
    va_end(arguments);
}

char *advise_size(uint64_t bytes)
{
    static const struct {
        unsigned shift;
        char unit;
    } units[] = {{30, 'g'}, {20, 'm'}, {10, 'k'}};
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (bytes != 0 && bytes % (UINT64_C(1) << units[i].shift) == 0)
            return g_strdup_printf("%" G_GUINT64_FORMAT "%c", bytes >> units[i].shift, units[i].unit);
    }
    return g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
}

/* podman's tmpfs has no owner: everybody's is what lets the writer in. */
static void add_owner(GString *words, const struct route_spec *spec, enum advise_dialect dialect)
{
    if (dialect == ADVISE_PODMAN && spec->has_uid) {
        add_word(words, "mode=1777");
        return;
    }
    if (spec->has_mode)
        add_word(words, "mode=%04o", (unsigned)spec->mode);
    if (spec->has_uid)
        add_word(words, "uid=%u", (unsigned)spec->uid);
    if (spec->has_gid && dialect != ADVISE_PODMAN)
        add_word(words, "gid=%u", (unsigned)spec->gid);
}

char *advise_tmpfs_options(const struct route_spec *spec, enum advise_dialect dialect)
{
    GString *words = g_string_new(NULL);
    if (spec->read_only)
        add_word(words, "ro");
    if (!spec->noexec)
        add_word(words, "exec");
    if (!spec->nosuid)
        add_word(words, "suid");
    if (!spec->nodev)
        add_word(words, "dev");
    g_autofree char *size = spec->size != 0 ? advise_size(spec->size) : NULL;
    if (size != NULL)
        add_word(words, "size=%s", size);
    if (spec->size_percent != 0)
        add_word(words, "size=%u%%", spec->size_percent);
    if (spec->nr_inodes != 0 && dialect != ADVISE_PODMAN)
        add_word(words, "nr_inodes=%" G_GUINT64_FORMAT, spec->nr_inodes);
    add_owner(words, spec, dialect);
    if (spec->tmpcopyup && dialect == ADVISE_ROFUSE)
        add_word(words, "tmpcopyup");
    if (spec->native && dialect == ADVISE_ROFUSE)
        add_word(words, "native");
    return g_string_free(words, FALSE);
}

char *advise_tmpfs_value(const struct route_spec *spec, enum advise_dialect dialect)
{
    g_autofree char *options = advise_tmpfs_options(spec, dialect);
    return *options == '\0' ? g_strdup(spec->target) : g_strconcat(spec->target, ":", options, NULL);
}

char *advise_volume_value(const struct route_spec *spec)
{
    GString *value = g_string_new(NULL);
    if (spec->source != NULL)
        g_string_append_printf(value, "%s:", spec->source);
    g_string_append(value, spec->target);
    if (spec->read_only || spec->nocopy)
        g_string_append_printf(value, ":%s%s%s", spec->read_only ? "ro" : "",
                               spec->read_only && spec->nocopy ? "," : "", spec->nocopy ? "nocopy" : "");
    return g_string_free(value, FALSE);
}

bool advise_needs_copy(const struct advice *advice)
{
    return advice->kind == ADVICE_TMPFS && advice->spec.tmpcopyup;
}

/* Words that YAML 1.1 or 1.2 takes for something else than a string, and those that look like numbers. */
static bool is_special(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);
    if (g_strv_contains(words, lower))
        return true;
    return g_ascii_isdigit(*text) || *text == '.';
}

static bool is_plain_scalar(const char *text)
{
    static const char safe[] = "/._-=+@,";
    size_t length = strlen(text);
    if (length == 0 || is_special(text) || !(g_ascii_isalnum(*text) || *text == '/'))
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        /* A colon is one only before a blank or at the end. */
        bool is_colon = *c == ':' && c[1] != '\0';
        if (!g_ascii_isalnum(*c) && strchr(safe, *c) == NULL && !is_colon)
            return false;
    }
    return true;
}

char *advise_yaml(const char *text)
{
    return is_plain_scalar(text) ? g_strdup(text) : advise_yaml_quoted(text);
}

char *advise_yaml_quoted(const char *text)
{
    g_autofree char *repaired = text_repair(text);
    GString *quoted = g_string_new("\"");
    for (const char *c = repaired != NULL ? repaired : text; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (u == '"' || u == '\\')
            g_string_append_printf(quoted, "\\%c", (char)u);
        else if (!g_unichar_isprint(u))
            g_string_append_printf(quoted, u > 0xffff ? "\\U%08X" : "\\u%04X", u);
        else
            g_string_append_unichar(quoted, u);
    }
    g_string_append_c(quoted, '"');
    return g_string_free(quoted, FALSE);
}

static char *calls(uint64_t n)
{
    return n == 1 ? g_strdup("1 call") : g_strdup_printf("%" G_GUINT64_FORMAT " calls", n);
}

char *advise_who(const GPtrArray *facts)
{
    g_autoptr(GPtrArray) programs = g_ptr_array_new_with_free_func(g_free);
    enum fact_class worst = FACT_OPEN;
    bool is_learned = true;
    uint64_t n = 0;
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        char *program = fact_program(fact);
        n += fact->count;
        worst = MAX(worst, fact->class);
        is_learned &= fact->learned;
        if (g_ptr_array_find_with_equal_func(programs, program, g_str_equal, NULL))
            g_free(program);
        else
            g_ptr_array_add(programs, program);
    }
    g_autofree char *count = calls(n);
    const char *first = programs->len > 0 ? g_ptr_array_index(programs, 0) : "?";
    if (programs->len < 2)
        return g_strdup_printf("%s, %s, %s", first, count, fact_class_word(worst, is_learned));
    return g_strdup_printf("%s and %u more, %s, %s", first, programs->len - 1, count,
                           fact_class_word(worst, is_learned));
}

char *advise_fact(const struct fact *fact)
{
    g_autofree char *program = fact_program(fact), *count = calls(fact->count);
    return g_strdup_printf("%s: %s, %s, %s", program, fact->place, count, fact_class_word(fact->class, fact->learned));
}
