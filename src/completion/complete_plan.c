#include "complete_plan.h"

#include <string.h>

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == text || !g_ascii_isalnum(at[-1]), ends = !g_ascii_isalnum(at[length]);
        if (begins && ends)
            return true;
    }
    return false;
}

/* "json|text", "on|off|diff": words to choose from, all of them small letters. */
static bool is_choice(const char *value)
{
    return strchr(value, '|') != NULL && strspn(value, "abcdefghijklmnopqrstuvwxyz-|0123456789") == strlen(value);
}

/* What a parameter or the value of an option stands for. */
static unsigned kinds_of(const char *value, const char *command)
{
    static const struct {
        const char *word;
        unsigned kinds;
    } words[] = {
        {"TARGET", COMPLETE_TARGETS},   {"PATH", COMPLETE_INSIDE},     {"REF", COMPLETE_IMAGES | COMPLETE_FILES},
        {"SERVICE", COMPLETE_SERVICES}, {"DIR", COMPLETE_DIRECTORIES}, {"FILE", COMPLETE_FILES},
        {"LOG", COMPLETE_FILES},
    };
    if (is_choice(value))
        return COMPLETE_CHOICES;
    if (has_word(value, "MOUNTPOINT")) /* that of mount is not one yet */
        return strcmp(command, "mount") == 0 ? COMPLETE_DIRECTORIES : COMPLETE_MOUNTS;
    if (strcmp(command, "route add") == 0 && has_word(value, "TARGET")) /* what is declared already is none */
        return COMPLETE_PLACES;
    if (has_word(value, "ID"))
        return COMPLETE_IMAGES;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (has_word(value, words[i].word))
            return words[i].kinds;
    }
    return 0;
}

static void want(struct complete_plan *plan, const char *value, const char *command)
{
    unsigned kinds = kinds_of(value, command);
    plan->kinds |= kinds;
    if ((kinds & COMPLETE_CHOICES) != 0 && plan->choices == NULL)
        plan->choices = g_strdup(value);
}

/* Of "json, text or ecs; the default is ..." the words to choose from, "json|text|ecs"; NULL where it does not begin with
 * such a list. Owned by the caller. */
static char *choices_of(const char *text)
{
    static const char before_last[] = " or ";
    const char *end = strchr(text, ';');
    g_autofree char *list = end != NULL ? g_strndup(text, (gsize)(end - text)) : g_strdup(text);
    char *last = strstr(list, before_last);
    if (last == NULL)
        return NULL;
    g_autofree char *first = g_strndup(list, (gsize)(last - list));
    g_auto(GStrv) words = g_strsplit(first, ", ", -1);
    g_autofree char *joined = g_strjoinv("|", words);
    char *choices = g_strconcat(joined, "|", last + strlen(before_last), NULL);
    if (is_choice(choices))
        return choices;
    g_free(choices);
    return NULL;
}

static void want_option(struct complete_plan *plan, const struct help_entry *option, const char *command)
{
    if (option->value != NULL && (plan->choices = choices_of(option->text)) != NULL) {
        plan->kinds |= COMPLETE_CHOICES;
        return;
    }
    if (strcmp(option->name, "--service") == 0)
        plan->kinds |= COMPLETE_SERVICES;
    else if (option->value != NULL)
        want(plan, option->value, command);
}

/* The parameter number @at; the last one may be repeated. NULL where there is none. */
static const char *parameter_at(char *const *parameters, guint at)
{
    guint n = g_strv_length((char **)parameters);
    if (at < n)
        return parameters[at];
    return n > 0 && g_str_has_suffix(parameters[n - 1], "...") ? parameters[n - 1] : NULL;
}

/* @n: how many parameters stand before it. Where the first one can be left out, two may be meant. */
static void want_parameter(struct complete_plan *plan, const struct help *help, const char *command, guint n)
{
    const char *first = parameter_at(help->parameters, n);
    const char *second =
        help->parameters[0] != NULL && help->parameters[0][0] == '[' ? parameter_at(help->parameters, n + 1) : NULL;
    if (first != NULL)
        want(plan, first, command);
    if (second != NULL)
        want(plan, second, command);
}

void complete_plan(const struct help *help, const char *command, char *const *words, struct complete_plan *ret)
{
    *ret = (struct complete_plan){.before = g_strdup("")};
    guint n = g_strv_length((char **)words), parameters = 0;
    const char *word = words[n - 1];
    const struct help_entry *open = NULL; /* an option that waits for its value */
    for (guint i = 0; i + 1 < n; i++) {
        if (open != NULL) {
            open = NULL;
        } else if (strcmp(words[i], "--") == 0) {
            ret->kinds = COMPLETE_FILES; /* somebody else's command */
            return;
        } else if (words[i][0] == '-' && words[i][1] != '\0') {
            const struct help_entry *option = help_find_option(help, words[i]);
            open = option != NULL && option->value != NULL ? option : NULL;
        } else {
            if (parameters++ == 0)
                ret->mount = g_strdup(words[i]);
        }
    }
    const char *equals = word[0] == '-' ? strchr(word, '=') : NULL;
    if (open != NULL) {
        want_option(ret, open, command);
    } else if (equals != NULL) {
        g_autofree char *name = g_strndup(word, (gsize)(equals - word));
        const struct help_entry *option = help_find_option(help, name);
        if (option != NULL)
            want_option(ret, option, command);
        g_free(ret->before);
        ret->before = g_strconcat(name, "=", NULL);
    } else if (word[0] == '-') {
        ret->kinds = COMPLETE_OPTIONS;
    } else if (help->commands->len > 0) {
        ret->kinds = COMPLETE_COMMANDS;
    } else {
        want_parameter(ret, help, command, parameters);
    }
}

void complete_plan_clear(struct complete_plan *plan)
{
    g_free(plan->before);
    g_free(plan->choices);
    g_free(plan->mount);
    *plan = (struct complete_plan){0};
}
