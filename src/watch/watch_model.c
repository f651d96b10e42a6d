#include "watch_model.h"

#include <string.h>

struct watch_model {
    GPtrArray *facts;   /* owned; NULL = none yet */
    GPtrArray *waiting; /* the newest that have come while it is paused; owned; NULL = none */
    GPtrArray *items;   /* of struct watch_item *, one for each fact, by id; owned */
    GPtrArray *rows;    /* those that are shown, newest first; borrowed from items */
    char *filter;       /* owned; never NULL */
    char *selected;     /* id; owned; NULL = none */
    int at;             /* where it was last */
    bool is_held;       /* it remains selected; else it is the newest, whichever that is */
    bool is_paused;
    bool is_stale; /* rows are to be made anew before they are looked at */
};

struct watch_model *watch_model_new(void)
{
    struct watch_model *model = g_new0(struct watch_model, 1);
    model->items = g_ptr_array_new_with_free_func(g_free);
    model->rows = g_ptr_array_new();
    model->filter = g_strdup("");
    return model;
}

void watch_model_free(struct watch_model *model)
{
    if (model == NULL)
        return;
    g_ptr_array_unref(model->rows);
    g_ptr_array_unref(model->items);
    g_clear_pointer(&model->facts, g_ptr_array_unref);
    g_clear_pointer(&model->waiting, g_ptr_array_unref);
    g_free(model->filter);
    g_free(model->selected);
    g_free(model);
}

static void add_text(GString *haystack, const char *bytes)
{
    if (bytes != NULL)
        g_string_append_printf(haystack, "%s\n", bytes);
}

/* Without a regard to case where that is ASCII's: names are bytes. */
static bool matches(const struct fact *fact, const char *filter)
{
    g_autoptr(GString) haystack = g_string_new(NULL);
    add_text(haystack, fact->executable);
    add_text(haystack, fact->comm);
    add_text(haystack, fact->place);
    add_text(haystack, fact_class_name(fact->class));
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if (fact_has(fact, (enum denial_operation)i))
            add_text(haystack, denial_operation_name((enum denial_operation)i));
    }
    g_autofree char *folded = g_ascii_strdown(haystack->str, -1), *wanted = g_ascii_strdown(filter, -1);
    g_auto(GStrv) words = g_strsplit(wanted, " ", -1);
    for (char **word = words; *word != NULL; word++) {
        if (strstr(folded, *word) == NULL)
            return false;
    }
    return true;
}

static int newer_first(gconstpointer a, gconstpointer b)
{
    const struct fact *left = (*(struct watch_item *const *)a)->fact, *right = (*(struct watch_item *const *)b)->fact;
    if (left->last.tv_sec != right->last.tv_sec)
        return left->last.tv_sec < right->last.tv_sec ? 1 : -1;
    if (left->last.tv_nsec != right->last.tv_nsec)
        return left->last.tv_nsec < right->last.tv_nsec ? 1 : -1;
    return strcmp(left->id, right->id);
}

static void select_row(struct watch_model *model, int at)
{
    model->at = CLAMP(at, 0, MAX((int)model->rows->len - 1, 0));
    g_clear_pointer(&model->selected, g_free);
    if (model->rows->len > 0) {
        const struct watch_item *item = g_ptr_array_index(model->rows, (guint)model->at);
        model->selected = g_strdup(item->fact->id);
    }
}

static void refresh(struct watch_model *model)
{
    if (!model->is_stale)
        return;
    model->is_stale = false;
    g_ptr_array_set_size(model->rows, 0);
    for (guint i = 0; i < model->items->len; i++) {
        struct watch_item *item = g_ptr_array_index(model->items, i);
        if (!item->is_ignored && matches(item->fact, model->filter))
            g_ptr_array_add(model->rows, item);
    }
    g_ptr_array_sort(model->rows, newer_first);
    for (guint i = 0; model->is_held && model->selected != NULL && i < model->rows->len; i++) {
        const struct watch_item *item = g_ptr_array_index(model->rows, i);
        if (strcmp(item->fact->id, model->selected) == 0) {
            model->at = (int)i;
            return;
        }
    }
    select_row(model, model->is_held ? model->at : 0);
}

static int by_id(gconstpointer a, gconstpointer b)
{
    return strcmp((*(struct watch_item *const *)a)->fact->id, (*(struct watch_item *const *)b)->fact->id);
}

/* What is known of an older state of a fact. */
static void inherit(struct watch_item *item, const GPtrArray *before)
{
    guint low = 0, high = before->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const struct watch_item *older = g_ptr_array_index(before, middle);
        int order = strcmp(item->fact->id, older->fact->id);
        if (order == 0) {
            item->is_ignored = older->is_ignored;
            item->is_mended = older->is_mended && item->fact->count <= older->fact->count;
            return;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
}

/* Takes the array. */
static void set_now(struct watch_model *model, GPtrArray *facts)
{
    GPtrArray *items = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < facts->len; i++) {
        struct watch_item *item = g_new0(struct watch_item, 1);
        item->fact = g_ptr_array_index(facts, i);
        inherit(item, model->items);
        g_ptr_array_add(items, item);
    }
    g_ptr_array_sort(items, by_id);
    g_ptr_array_set_size(model->rows, 0);
    g_ptr_array_unref(model->items);
    g_clear_pointer(&model->facts, g_ptr_array_unref);
    model->items = items;
    model->facts = facts;
    model->is_stale = true;
}

void watch_model_set(struct watch_model *model, GPtrArray *facts)
{
    if (!model->is_paused) {
        set_now(model, facts);
        return;
    }
    g_clear_pointer(&model->waiting, g_ptr_array_unref);
    model->waiting = facts;
}

void watch_model_pause(struct watch_model *model, bool is_paused)
{
    model->is_paused = is_paused;
    if (!is_paused && model->waiting != NULL)
        set_now(model, g_steal_pointer(&model->waiting));
}

bool watch_model_is_paused(const struct watch_model *model)
{
    return model->is_paused;
}

const GPtrArray *watch_model_rows(struct watch_model *model)
{
    refresh(model);
    return model->rows;
}

const struct watch_item *watch_model_selected(struct watch_model *model, int *ret_number)
{
    refresh(model);
    bool is_there = model->rows->len > 0;
    if (ret_number != NULL)
        *ret_number = is_there ? model->at : -1;
    return is_there ? g_ptr_array_index(model->rows, (guint)model->at) : NULL;
}

void watch_model_move(struct watch_model *model, int by)
{
    refresh(model);
    gint64 at = (gint64)model->at + by;
    select_row(model, (int)CLAMP(at, 0, (gint64)G_MAXINT));
    model->is_held = model->at > 0;
}

void watch_model_hold(struct watch_model *model)
{
    refresh(model);
    model->is_held = true;
}

void watch_model_filter(struct watch_model *model, const char *words)
{
    g_free(model->filter);
    model->filter = g_strstrip(g_strdup(words));
    model->is_stale = true;
}

const char *watch_model_filter_words(const struct watch_model *model)
{
    return model->filter;
}

/* The one that is shown, to be changed. */
static struct watch_item *selected_item(struct watch_model *model)
{
    refresh(model);
    return model->rows->len > 0 ? g_ptr_array_index(model->rows, (guint)model->at) : NULL;
}

void watch_model_ignore(struct watch_model *model)
{
    struct watch_item *item = selected_item(model);
    if (item == NULL)
        return;
    item->is_ignored = true;
    g_clear_pointer(&model->selected, g_free);
    model->is_stale = true;
}

void watch_model_unignore(struct watch_model *model)
{
    for (guint i = 0; i < model->items->len; i++)
        ((struct watch_item *)g_ptr_array_index(model->items, i))->is_ignored = false;
    model->is_stale = true;
}

guint watch_model_n_ignored(const struct watch_model *model)
{
    guint n = 0;
    for (guint i = 0; i < model->items->len; i++)
        n += ((const struct watch_item *)g_ptr_array_index(model->items, i))->is_ignored;
    return n;
}

void watch_model_mend(struct watch_model *model, const char *id)
{
    for (guint i = 0; i < model->items->len; i++) {
        struct watch_item *item = g_ptr_array_index(model->items, i);
        item->is_mended |= strcmp(item->fact->id, id) == 0;
    }
}

/* Whether a path is @target or lies below it. */
static bool is_below(const char *path, const char *target)
{
    size_t length = strcmp(target, "/") == 0 ? 0 : strlen(target);
    return strncmp(path, target, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_covered(const struct fact *fact, const char *target)
{
    /* The attempts are in a place that was declared before, there or deeper. */
    if (fact->held_by == DENIAL_PLACE_ROUTE && fact->route_target != NULL && is_below(fact->route_target, target))
        return false;
    return is_below(fact->directory, target) || is_below(fact->place, target);
}

void watch_model_mend_below(struct watch_model *model, const char *target)
{
    for (guint i = 0; i < model->items->len; i++) {
        struct watch_item *item = g_ptr_array_index(model->items, i);
        item->is_mended |= is_covered(item->fact, target);
    }
}

guint watch_model_n_shown(struct watch_model *model)
{
    refresh(model);
    return model->rows->len;
}

guint watch_model_n_facts(const struct watch_model *model)
{
    return model->items->len;
}

uint64_t watch_model_n_calls(const struct watch_model *model)
{
    uint64_t n = 0;
    for (guint i = 0; i < model->items->len; i++)
        n += ((const struct watch_item *)g_ptr_array_index(model->items, i))->fact->count;
    return n;
}
