/*
 * watch_model - what rofuse watch shows: the facts of a mount, newest first, less those that are filtered or ignored; and
 * which one is selected. Pure data; one thread.
 */
#ifndef ROFUSE_SRC_WATCH_MODEL_H
#define ROFUSE_SRC_WATCH_MODEL_H

#include "fact.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct watch_model;

struct watch_item {
    const struct fact *fact; /* of the facts that were set */
    bool is_ignored;
    bool is_mended; /* a place was declared for it, and it has not come again since */
};

struct watch_model *watch_model_new(void);
void watch_model_free(struct watch_model *model); /* NULL is allowed */

/* Takes all facts that there are now, of struct fact *: the array and what is in it, which need a free function. While it is
 * paused they are kept for later. */
void watch_model_set(struct watch_model *model, GPtrArray *facts);

/* Holds the view still, or shows all that has come since. */
void watch_model_pause(struct watch_model *model, bool is_paused);
bool watch_model_is_paused(const struct watch_model *model);

/* What is visible: of struct watch_item *, borrowed until the next change. */
const GPtrArray *watch_model_rows(struct watch_model *model);

/* The selected one and its number among the rows; NULL (and -1) where there is no row. It is the newest until the selection is
 * moved down; then it remains selected wherever it moves to. */
const struct watch_item *watch_model_selected(struct watch_model *model, int *ret_number);
void watch_model_move(struct watch_model *model, int by);

/* The selected one remains selected, as somebody looks at it. */
void watch_model_hold(struct watch_model *model);

/* Words that must all be in a row's program, executable, place, class or operations, whatever their case; "" = everything. */
void watch_model_filter(struct watch_model *model, const char *words);
const char *watch_model_filter_words(const struct watch_model *model);

/* Takes the selected one out of the view, and all of them back. */
void watch_model_ignore(struct watch_model *model);
void watch_model_unignore(struct watch_model *model);
guint watch_model_n_ignored(const struct watch_model *model);

/* A place has been declared: for the fact with this id; and for all that lie below a target, and not in a place that was
 * declared at it or below it before. */
void watch_model_mend(struct watch_model *model, const char *id);
void watch_model_mend_below(struct watch_model *model, const char *target);

/* All facts, shown or not, those that fit the filter and are not ignored, and the calls that all stand for. */
guint watch_model_n_facts(const struct watch_model *model);
guint watch_model_n_shown(struct watch_model *model);
uint64_t watch_model_n_calls(const struct watch_model *model);

#endif
