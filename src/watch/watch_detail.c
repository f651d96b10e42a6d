#include "watch_detail.h"

#include "record_names.h"
#include "text.h"
#include "watch_row.h"
#include "watch_text.h"

#define LABEL_WIDTH 13

struct page {
    GPtrArray *lines;
    int width;
    bool utf8;
};

/* "Place        /var/cache": @text is safe to print. */
static void put(const struct page *page, const char *label, const char *text)
{
    g_autofree char *plain = watch_text_ascii(text, page->utf8);
    g_autofree char *line = g_strdup_printf("%-*s%s", LABEL_WIDTH, label, plain);
    watch_text_wrap(page->lines, line, page->width, LABEL_WIDTH);
}

static void put_word(const struct page *page, const char *label, const char *bytes)
{
    if (bytes == NULL)
        return;
    g_autofree char *word = text_word(bytes);
    put(page, label, word);
}

static void put_sentence(const struct page *page, const char *label, const char *text)
{
    if (text == NULL)
        return;
    g_autofree char *escaped = text_escape(text);
    put(page, label, escaped);
}

/* A line for each, the label before the first. */
static void put_words(const struct page *page, const char *label, const GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        put_word(page, i == 0 ? label : "", g_ptr_array_index(list, i));
}

static char *words_in_a_line(char *const *list)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; list[i] != NULL; i++) {
        g_autofree char *word = text_word(list[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", word);
    }
    return g_string_free(text, FALSE);
}

/* "/bin/sh < /usr/bin/podman (host)" */
static char *parents_in_a_line(const struct fact *fact)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < fact->parents->len; i++) {
        g_autofree char *word = text_word(g_ptr_array_index(fact->parents, i));
        bool is_outside = (fact->parents_outside >> i & 1) != 0;
        g_string_append_printf(text, "%s%s%s", i > 0 ? " < " : "", word, is_outside ? " (host)" : "");
    }
    return g_string_free(text, FALSE);
}

static void put_place(const struct page *page, const struct fact *fact)
{
    put_word(page, "Place", fact->place);
    put_word(page, "Directory", fact->directory);
    put_words(page, "Also tried", fact->alternatives);
    put_words(page, "Attempts", fact->paths);
    if (fact->held_by == DENIAL_PLACE_IMAGE && fact->layer_dir != NULL) {
        g_autofree char *directory = text_word(fact->layer_dir);
        g_autofree char *layer = g_strdup_printf("layer %d of the image, %s", fact->layer, directory);
        put(page, "Held by", layer);
    } else if (fact->held_by == DENIAL_PLACE_ROUTE && fact->route_target != NULL) {
        g_autofree char *target = text_word(fact->route_target);
        g_autofree char *route =
            g_strdup_printf("the %s %s", fact->route_kind != NULL ? fact->route_kind : "route", target);
        put(page, "Held by", route);
    }
}

static void put_why(const struct page *page, const struct watch_item *item)
{
    const struct fact *fact = item->fact;
    g_autofree char *error = record_errno_name(fact->error), *operations = watch_row_operations(fact, ", ");
    g_autofree char *what = g_strdup_printf("%s: %s, %s%s", operations, error, denial_why_name(fact->why),
                                            fact->learned ? ", let through by learn mode" : "");
    put(page, "Refused", what);
    put(page, "Class", fact_class_word(fact->class, fact->learned));
    put_sentence(page, "Because", fact->reason);
    if (item->is_mended)
        put(page, "", "A place has been declared for it since.");
}

static void put_process(const struct page *page, const struct fact *fact)
{
    put_word(page, "Program", fact->executable != NULL ? fact->executable : fact->comm);
    if (*fact->args != NULL) {
        g_autofree char *args = words_in_a_line(fact->args);
        put(page, "Arguments", args);
    }
    GString *ids = g_string_new(NULL);
    if (fact->pid > 0)
        g_string_append_printf(ids, "pid %d, ", (int)fact->pid);
    if (fact->uid != (uid_t)-1)
        g_string_append_printf(ids, "uid %u, ", (unsigned)fact->uid);
    if (fact->gid != (gid_t)-1)
        g_string_append_printf(ids, "gid %u, ", (unsigned)fact->gid);
    if (ids->len > 2) {
        g_string_truncate(ids, ids->len - 2);
        put(page, "Process", ids->str);
    }
    g_string_free(ids, TRUE);
    if (fact->parents->len > 0) {
        g_autofree char *parents = parents_in_a_line(fact);
        put(page, "Parents", parents);
    }
    put_word(page, "Container", fact->container_id);
}

static void put_times(const struct page *page, const struct fact *fact, const struct timespec *now)
{
    g_autofree char *first = record_time_local(&fact->first), *last = record_time_local(&fact->last);
    g_autofree char *age = watch_text_age(&fact->last, now);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT " %s, first at %s, last at %s, %s ago", fact->count,
                                            fact->count == 1 ? "time" : "times", first, last, age);
    put(page, "Count", text);
}

static void put_knowledge(const struct page *page, const struct fact *fact)
{
    put_sentence(page, "Known", fact->note);
    put_sentence(page, "Reported", fact->reported);
    for (guint i = 0; i < fact->fixes->len; i++) {
        g_autofree char *words = fact_fix_words(g_ptr_array_index(fact->fixes, i), fact);
        put_sentence(page, i == 0 ? "Fix" : "or", words[0] != '\0' ? words : "nothing need be done");
    }
}

GPtrArray *watch_detail(const struct watch_item *item, const struct timespec *now, int width, bool utf8)
{
    const struct page page = {g_ptr_array_new_with_free_func(g_free), MAX(width, 1), utf8};
    put_place(&page, item->fact);
    put_why(&page, item);
    put_knowledge(&page, item->fact);
    put_process(&page, item->fact);
    put_times(&page, item->fact, now);
    return page.lines;
}
