#include "advise_render.h"

#include "advise_comments.h"
#include "advise_words.h"
#include "text.h"

#include <string.h>

/* A value in a unit: "%" is a specifier's beginning, a blank ends a word (systemd.syntax(7)). */
static char *unit_word(const char *text)
{
    GString *word = g_string_new("\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '%')
            g_string_append_c(word, '%');
        if (*c == '"' || *c == '\\')
            g_string_append_c(word, '\\');
        if ((unsigned char)*c < ' ')
            g_string_append_printf(word, "\\x%02x", (unsigned)*c);
        else
            g_string_append_c(word, *c);
    }
    g_string_append_c(word, '"');
    bool is_plain = strpbrk(text, " '\"\\") == NULL && strlen(text) + 2 == word->len;
    if (is_plain) {
        g_string_truncate(word, word->len - 1);
        g_string_erase(word, 0, 1);
    }
    return g_string_free(word, FALSE);
}

/* systemd's own defaults are mode=0755 and executable. */
static void append_tmpfs(GString *out, const struct route_spec *spec)
{
    GString *value = g_string_new(spec->target);
    g_string_append_printf(value, ":mode=%04o", spec->has_mode ? (unsigned)spec->mode : 01777U);
    if (spec->has_uid)
        g_string_append_printf(value, ",uid=%u", (unsigned)spec->uid);
    if (spec->has_gid)
        g_string_append_printf(value, ",gid=%u", (unsigned)spec->gid);
    if (spec->size != 0)
        g_string_append_printf(value, ",size=%" G_GUINT64_FORMAT, spec->size);
    if (spec->size_percent != 0)
        g_string_append_printf(value, ",size=%u%%", spec->size_percent);
    if (spec->nr_inodes != 0)
        g_string_append_printf(value, ",nr_inodes=%" G_GUINT64_FORMAT, spec->nr_inodes);
    if (spec->noexec)
        g_string_append(value, ",noexec");
    if (spec->nosuid)
        g_string_append(value, ",nosuid");
    g_autofree char *word = unit_word(value->str);
    g_string_append_printf(out, "TemporaryFileSystem=%s\n", word);
    g_string_free(value, TRUE);
}

/* A state directory that is there is not filled: what the program wrote is in it. */
static void comment_filling(GString *out, const struct advice *advice, const char *kept)
{
    if (!advice->fills)
        return;
    const char *target = advice->spec.target;
    g_autofree char *from = g_strconcat("ROOT", target, "/.", NULL), *to = g_strconcat(kept, "/", NULL);
    g_autofree char *from_word = text_shell(from), *to_word = text_shell(to);
    advise_comment(
        out,
        "%s: it is to start with the image's content; before the first start, with the path of RootDirectory= for ROOT:",
        target);
    advise_comment(out, "mkdir -p %s && cp -a %s %s", to_word, from_word, to_word);
}

/* /var/lib/NAME is StateDirectory=NAME, which systemd makes; anything else is bound from there. */
static void append_volume(GString *out, const struct advise_output *output, const struct advice *advice)
{
    static const char states[] = "/var/lib/";
    const struct route_spec *spec = &advice->spec;
    if (spec->source != NULL && *spec->source == '/') {
        g_autofree char *pair = g_strconcat(spec->source, ":", spec->target, NULL), *word = unit_word(pair);
        g_string_append_printf(out, "BindPaths=%s\n", word);
    } else if (g_str_has_prefix(spec->target, states)) {
        g_autofree char *word = unit_word(spec->target + strlen(states));
        g_string_append_printf(out, "StateDirectory=%s\n", word);
        comment_filling(out, advice, spec->target);
    } else {
        g_autofree char *name = g_strconcat(output->service, "/", spec->source != NULL ? spec->source : "data", NULL);
        g_autofree char *pair = g_strconcat(states, name, ":", spec->target, NULL);
        g_autofree char *state = unit_word(name), *word = unit_word(pair);
        g_autofree char *kept = g_strconcat(states, name, NULL);
        g_string_append_printf(out, "StateDirectory=%s\nBindPaths=%s\n", state, word);
        comment_filling(out, advice, kept);
    }
}

/* A tmpfs of the unit's is empty at each of its commands, so one of them cannot fill it for another. RuntimeDirectory= is in
 * memory too, is kept between them, and can be filled from outside of the unit's root ("+"). */
static void append_copy(GString *out, const struct advise_output *output, const struct advice *advice)
{
    const struct route_spec *spec = &advice->spec;
    g_autofree char *last = g_strdelimit(g_strdup(spec->target + 1), "/", '-');
    g_autofree char *name = g_strconcat(output->service, "/", last, NULL);
    g_autofree char *pair = g_strconcat("/run/", name, ":", spec->target, NULL);
    g_autofree char *runtime = unit_word(name), *word = unit_word(pair);
    g_autofree char *from = g_strconcat("ROOT", spec->target, "/.", NULL), *to = g_strconcat("/run/", name, "/", NULL);
    g_autofree char *from_word = unit_word(from), *to_word = unit_word(to);
    g_string_append_printf(out, "RuntimeDirectory=%s\nBindPaths=%s\n", runtime, word);
    advise_comment(
        out, "%s: it is to start with the image's content; with the path of RootDirectory= for ROOT:", spec->target);
    advise_comment(out, "ExecStartPre=+/bin/cp -a %s %s", from_word, to_word);
    if (advice->needs_owner && spec->has_uid)
        advise_comment(out, "ExecStartPre=+/bin/chown %u:%u %s", (unsigned)spec->uid, (unsigned)spec->gid, to_word);
}

static void append_advice(GString *out, const struct advise_output *output, const struct advice *advice)
{
    if (advise_needs_copy(advice)) {
        append_copy(out, output, advice);
    } else if (advice->kind == ADVICE_TMPFS) {
        append_tmpfs(out, &advice->spec);
    } else if (advice->kind == ADVICE_ENV) {
        g_autofree char *variable = g_strconcat(advice->name, "=", advice->value, NULL);
        g_autofree char *word = unit_word(variable);
        g_string_append_printf(out, "Environment=%s\n", word);
    } else if (advice->kind != ADVICE_SETTING) {
        append_volume(out, output, advice);
    }
}

char *advise_systemd(const struct advise_output *output)
{
    GString *out = g_string_new(NULL);
    advise_comment_head(out, output, "A drop-in for the unit, which has RootDirectory= or RootImage= already.");
    advise_comment_rest(out, output);
    g_string_append(out, "[Service]\nReadOnlyPaths=+/\n");
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice))
            append_advice(out, output, advice);
    }
    return g_string_free(out, FALSE);
}
