/*
 * watch_feed - the facts of a mount as they come, and what its daemon is asked to do meanwhile.
 *
 * A thread speaks with the daemon, so that whoever shows this never waits for it. All functions are for one thread.
 */
#ifndef ROFUSE_SRC_WATCH_FEED_H
#define ROFUSE_SRC_WATCH_FEED_H

#include "paths.h"
#include "state.h"

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct watch_feed;

enum watch_news_kind {
    WATCH_NEWS_FACTS,  /* all facts that there are now */
    WATCH_NEWS_ANSWER, /* to watch_feed_ask() */
    WATCH_NEWS_OVER,   /* the daemon has ended; nothing comes any more */
};

struct watch_news {
    enum watch_news_kind kind;
    GPtrArray *facts;  /* FACTS: of struct fact *; owned, may be taken out */
    uint64_t dropped;  /* FACTS: calls that the log lacks */
    const char *asked; /* ANSWER: the command; static text */
    json_t *result;    /* ANSWER: owned; NULL = it failed */
    GError *error;     /* ANSWER: why; owned */
};

/* @word: a mount point or a name; NULL = the only mount. Owned by the caller, watch_feed_free(). NULL with one line. */
struct watch_feed *watch_feed_open(const struct paths *paths, const char *word, GError **error);
void watch_feed_free(struct watch_feed *feed); /* NULL is allowed */

/* What the daemon wrote down when the feed was opened; borrowed. */
const struct state *watch_feed_state(const struct watch_feed *feed);

/* Whether learn mode is on just now, whoever switched it; false where that cannot be told. */
bool watch_feed_learning(const struct watch_feed *feed, bool *ret_is_on);

/* Readable when watch_feed_take() has something. Owned by the feed. */
int watch_feed_fd(const struct watch_feed *feed);

/* The next news, owned by the caller, watch_news_free(); NULL where there is none now: to be called until then. */
struct watch_news *watch_feed_take(struct watch_feed *feed);
void watch_news_free(struct watch_news *news); /* NULL is allowed */

/* Asks the daemon; the answer comes as news. @command: static text; @args: the reference is taken; NULL = none. */
void watch_feed_ask(struct watch_feed *feed, const char *command, json_t *args);

#endif
