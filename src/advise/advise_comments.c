#include "advise_comments.h"

#include "advise_words.h"
#include "text.h"

/* A script that tries a thousand names must not make a file of them. */
#define MOST_LEFT 40

bool advise_applies(const struct advise_output *output, const struct advice *advice)
{
    return advice->need == ADVICE_REQUIRED || (advice->need == ADVICE_OPTIONAL && output->with_optional);
}

void advise_comment(GString *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = text_escape(text);
    g_string_append_printf(out, "# %s\n", line);
}

/* The option and its value, owned by the caller; NULL for a setting, which is a text. */
static const char *option_of(const struct advice *advice, char **ret_value)
{
    switch (advice->kind) {
    case ADVICE_TMPFS:
        *ret_value = advise_tmpfs_value(&advice->spec, ADVISE_ROFUSE);
        return "--tmpfs";
    case ADVICE_VOLUME:
    case ADVICE_BIND:
        *ret_value = advise_volume_value(&advice->spec);
        return "-v";
    case ADVICE_ENV:
        *ret_value = g_strconcat(advice->name, "=", advice->value, NULL);
        return "-e";
    default:
        return NULL;
    }
}

char *advise_option(const struct advice *advice)
{
    g_autofree char *value = NULL;
    const char *option = option_of(advice, &value);
    return option != NULL ? g_strconcat(option, " ", value, NULL) : g_strdup(advice->text);
}

char *advise_option_shell(const struct advice *advice)
{
    g_autofree char *value = NULL;
    const char *option = option_of(advice, &value);
    if (option == NULL)
        return text_escape(advice->text);
    g_autofree char *word = text_shell(value);
    return g_strconcat(option, " ", word, NULL);
}

char *advise_owner(const struct advice *advice)
{
    const struct route_spec *spec = &advice->spec;
    if (!advice->needs_owner || !advise_needs_copy(advice))
        return NULL;
    if (!spec->has_uid)
        return g_strdup_printf(
            "%s: the volume has the owner and mode that the directory has in the image, which refuse the "
            "program: change them there",
            spec->target);
    return g_strdup_printf("%s: the volume has the owner that the directory has in the image, who is not the program's "
                           "user: give it to %u:%u there",
                           spec->target, (unsigned)spec->uid, (unsigned)spec->gid);
}

/* "# /run: nobody misses what is there (nginx, 1 call, fatal)", and its cost. */
static void comment_why(GString *out, const struct advice *advice)
{
    g_autofree char *who = advise_who(advice->facts);
    const char *what = advice->kind == ADVICE_ENV ? advice->name : advice->spec.target;
    if (advice->kind == ADVICE_SETTING)
        advise_comment(out, "%s (%s): %s", advice->why, who, advice->text);
    else
        advise_comment(out, "%s: %s (%s)", what, advice->why, who);
    if (advice->cost != NULL)
        advise_comment(out, "  its price: %s", advice->cost);
}

void advise_comment_head(GString *out, const struct advise_output *output, const char *what)
{
    advise_comment(out, "%s", what);
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advise_applies(output, advice) && advice->kind != ADVICE_SETTING)
            comment_why(out, advice);
    }
}

/* "# TITLE: OPTION REST". */
static void comment_option(GString *out, const char *title, const struct advice *advice, const char *rest)
{
    g_autofree char *option = advise_option_shell(advice), *shown = text_escape(rest);
    g_string_append_printf(out, "# %s: %s%s\n", title, option, shown);
}

static void comment_others(GString *out, const struct advise_output *output)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        g_autofree char *who = advise_who(advice->facts), *rest = NULL;
        if (advice->kind == ADVICE_SETTING) {
            rest = g_strdup_printf(" (%s; %s)", advice->why, who);
            comment_option(out, "To be set elsewhere", advice, rest);
        } else if (advice->need == ADVICE_CHOICE) {
            rest = g_strdup_printf(": %s (%s)", advice->why, who);
            comment_option(out, "Your choice", advice, rest);
        } else if (!advise_applies(output, advice)) {
            rest = g_strdup_printf(" (%s)", who);
            comment_option(out, "Would also stop these messages", advice, rest);
        }
    }
}

/* Whether a server may have gone on with the next request. */
static bool was_served_on(const struct advice *advice)
{
    for (guint i = 0; i < advice->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(advice->facts, i);
        if (fact->because == FACT_WENT_ON || fact->because == FACT_STEP_FAILED)
            return true;
    }
    return false;
}

const char *advise_next_step(const struct advise_output *output)
{
    for (guint i = 0; i < output->list->advices->len; i++) {
        const struct advice *advice = g_ptr_array_index(output->list->advices, i);
        if (advice->need == ADVICE_OPTIONAL && !advise_applies(output, advice) && was_served_on(advice))
            return "These were refused while the program went on. Where one of its requests fails (an upload, a session), "
                   "--all declares them, too; and in learn mode (rofuse learn on) the request succeeds and shows all that "
                   "it needs.";
    }
    return NULL;
}

void advise_comment_rest(GString *out, const struct advise_output *output)
{
    const GPtrArray *left = output->list->left;
    comment_others(out, output);
    const char *step = advise_next_step(output);
    if (step != NULL)
        advise_comment(out, "%s", step);
    for (guint i = 0; i < MIN(left->len, MOST_LEFT); i++) {
        const struct advice_left *one = g_ptr_array_index(left, i);
        g_autofree char *fact = advise_fact(one->fact);
        advise_comment(out, "Left out: %s: %s", fact, one->reason);
    }
    if (left->len > MOST_LEFT)
        advise_comment(out, "Left out: %u more, see rofuse advise --json", left->len - MOST_LEFT);
    for (guint i = 0; i < output->list->notes->len; i++)
        advise_comment(out, "Note: %s", (const char *)g_ptr_array_index(output->list->notes, i));
}
