/*
 * The daemon tells its log as it comes, and its facts when it is asked. So the log says when to ask; and as long as the
 * class of a fact is not decided, time does.
 */
#include "watch_feed.h"

#include "counters_file.h"
#include "fact_json.h"
#include "mount_ask.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long after the facts were asked for they are asked for again: where a record came, and where a class is open. */
#define SOON_US 200000
#define LATER_US 1000000

struct question {
    const char *command;
    json_t *args; /* owned */
};

struct watch_feed {
    struct asked_mount *followed; /* owned */
    GMutex lock;
    struct control_client *asked; /* [lock] where it is replaced, by the thread, or shut; another connection; owned */
    char *run;                    /* directory of the mounts' state; owned */
    GThread *thread;
    GAsyncQueue *questions; /* of struct question * */
    GAsyncQueue *news;      /* of struct watch_news * */
    int wake_thread;        /* eventfd: there is a question, or the end */
    int wake_owner;         /* eventfd: there are news */
    gint is_ending;         /* atomic */
    /* The thread's own. */
    bool has_news;   /* a record came since the facts were asked for */
    bool is_open;    /* the class of a fact is not decided */
    gint64 asked_at; /* monotonic, microseconds */
};

static void free_question(gpointer data)
{
    struct question *question = data;
    json_decref(question->args);
    g_free(question);
}

static void free_news(gpointer data)
{
    watch_news_free(data);
}

void watch_news_free(struct watch_news *news)
{
    if (news == NULL)
        return;
    g_clear_pointer(&news->facts, g_ptr_array_unref);
    json_decref(news->result);
    g_clear_error(&news->error);
    g_free(news);
}

static void wake(int fd)
{
    const uint64_t one = 1;
    (void)!write(fd, &one, sizeof one);
}

static void quiet(int fd)
{
    uint64_t n;
    (void)!read(fd, &n, sizeof n);
}

static struct watch_news *tell(struct watch_feed *feed, struct watch_news *news)
{
    g_async_queue_push(feed->news, news);
    wake(feed->wake_owner);
    return news;
}

static struct watch_news *new_news(enum watch_news_kind kind)
{
    struct watch_news *news = g_new0(struct watch_news, 1);
    news->kind = kind;
    return news;
}

/* Whether the class of one of them may change without another record. How a process ended is told when its parent has waited
 * for it, which may be later than its end. */
static bool some_wait(const GPtrArray *facts)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        bool is_fresh = now - (gint64)fact->last.tv_sec <= FACT_WINDOW_SECONDS;
        if (fact->class == FACT_OPEN && (fact->because == FACT_WAITING || (fact->because == FACT_NOT_SEEN && is_fresh)))
            return true;
    }
    return false;
}

/*
 * The connection to ask by. The daemon closes one that asks nothing for long, or whose place others want; what is followed
 * tells whether it has ended.
 */
static struct control_client *client_to_ask(struct watch_feed *feed)
{
    if (!control_client_is_closed(feed->asked))
        return feed->asked;
    struct control_client *client = mount_ask_again(feed->run, feed->followed->state, NULL);
    g_mutex_lock(&feed->lock);
    if (client != NULL && !g_atomic_int_get(&feed->is_ending)) {
        struct control_client *old = feed->asked;
        feed->asked = client;
        client = old;
    }
    g_mutex_unlock(&feed->lock);
    control_client_free(client);
    return feed->asked;
}

/* False where they are not as they should be. */
static bool take_facts(struct watch_feed *feed, json_t *document)
{
    struct facts_head head = {0};
    GPtrArray *facts = facts_from_json(document, "the daemon's answer", &head, NULL);
    if (facts == NULL)
        return false;
    struct watch_news *news = new_news(WATCH_NEWS_FACTS);
    feed->is_open = some_wait(facts);
    news->facts = facts;
    news->dropped = head.dropped;
    facts_head_clear(&head);
    tell(feed, news);
    return true;
}

/* False when the daemon does not answer as it should. */
static bool ask_facts(struct watch_feed *feed)
{
    feed->asked_at = g_get_monotonic_time();
    feed->has_news = false;
    json_t *document = control_client_ask(client_to_ask(feed), "facts", NULL, NULL);
    bool is_without_answer = document == NULL;
    bool is_taken = document != NULL && take_facts(feed, document);
    json_decref(document);
    if (is_taken)
        return true;
    feed->is_open = true; /* where there was no place, there may be one in a while */
    return is_without_answer && control_client_is_closed(feed->asked);
}

/* The last that a daemon tells, as nobody can ask it for them any more. */
static bool are_facts(const json_t *event)
{
    const char *schema = json_string_value(json_object_get(event, "schema"));
    return schema != NULL && strcmp(schema, FACTS_SCHEMA) == 0;
}

static void answer(struct watch_feed *feed, struct question *question)
{
    struct watch_news *news = new_news(WATCH_NEWS_ANSWER);
    news->asked = question->command;
    news->result =
        control_client_ask(client_to_ask(feed), question->command, g_steal_pointer(&question->args), &news->error);
    free_question(question);
    tell(feed, news);
}

/* Takes what the log tells; false when the daemon has ended. */
static bool drain_log(struct watch_feed *feed)
{
    for (;;) {
        json_t *event = NULL;
        int status = control_client_next(feed->followed->client, 0, &event, NULL);
        if (status > 0 && are_facts(event))
            (void)take_facts(feed, event);
        json_decref(event);
        if (status <= 0)
            return status == 0;
        feed->has_news = true;
    }
}

/* How long the thread may sleep before the facts are to be asked for; -1 = until something comes. */
static int milliseconds_left(const struct watch_feed *feed)
{
    if (!feed->has_news && !feed->is_open)
        return -1;
    gint64 due = feed->asked_at + (feed->has_news ? SOON_US : LATER_US);
    return (int)MAX((due - g_get_monotonic_time() + 999) / 1000, 0);
}

static gpointer serve(gpointer data)
{
    struct watch_feed *feed = data;
    bool is_on = ask_facts(feed);
    while (is_on && !g_atomic_int_get(&feed->is_ending)) {
        struct pollfd events[] = {{.fd = control_client_fd(feed->followed->client), .events = POLLIN},
                                  {.fd = feed->wake_thread, .events = POLLIN}};
        is_on = drain_log(feed);
        if (!is_on)
            break;
        (void)poll(events, 2, milliseconds_left(feed));
        if (events[1].revents != 0)
            quiet(feed->wake_thread);
        struct question *question;
        while ((question = g_async_queue_try_pop(feed->questions)) != NULL)
            answer(feed, question);
        if (milliseconds_left(feed) == 0)
            is_on = ask_facts(feed);
    }
    /* Where it was a question that went unanswered; what the log told before is there. */
    (void)drain_log(feed);
    tell(feed, new_news(WATCH_NEWS_OVER));
    return NULL;
}

static bool start_following(struct watch_feed *feed, GError **error)
{
    json_t *head =
        control_client_ask(feed->followed->client, "log", json_pack("{s:b, s:b}", "follow", 1, "facts", 1), error);
    json_decref(head);
    return head != NULL;
}

struct watch_feed *watch_feed_open(const struct paths *paths, const char *word, GError **error)
{
    struct watch_feed *feed = g_new0(struct watch_feed, 1);
    feed->run = g_strdup(paths->run);
    feed->questions = g_async_queue_new_full(free_question);
    feed->news = g_async_queue_new_full(free_news);
    feed->wake_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    feed->wake_owner = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_mutex_init(&feed->lock);
    feed->followed = mount_ask(paths, word, error);
    if (feed->followed != NULL)
        feed->asked = mount_ask_again(paths->run, feed->followed->state, error);
    if (feed->followed == NULL || feed->asked == NULL || !start_following(feed, error)) {
        watch_feed_free(feed);
        return NULL;
    }
    /* The screen is the terminal's from now on. */
    control_client_set_whose(feed->followed->client, NULL);
    /* Signals are for whoever shows it. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    feed->thread = g_thread_new("watch-feed", serve, feed);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return feed;
}

void watch_feed_free(struct watch_feed *feed)
{
    if (feed == NULL)
        return;
    g_atomic_int_set(&feed->is_ending, 1);
    if (feed->thread != NULL) {
        /* A daemon that hangs would keep the thread for ever. */
        g_mutex_lock(&feed->lock);
        shutdown(control_client_fd(feed->asked), SHUT_RDWR);
        g_mutex_unlock(&feed->lock);
        wake(feed->wake_thread);
        g_thread_join(feed->thread);
    }
    asked_mount_free(feed->followed);
    control_client_free(feed->asked);
    g_mutex_clear(&feed->lock);
    g_async_queue_unref(feed->questions);
    g_async_queue_unref(feed->news);
    if (feed->wake_thread >= 0)
        close(feed->wake_thread);
    if (feed->wake_owner >= 0)
        close(feed->wake_owner);
    g_free(feed->run);
    g_free(feed);
}

const struct state *watch_feed_state(const struct watch_feed *feed)
{
    return feed->followed->state;
}

bool watch_feed_learning(const struct watch_feed *feed, bool *ret_is_on)
{
    struct counters counters;
    if (!counters_file_read(feed->run, feed->followed->state->name, &counters))
        return false;
    *ret_is_on = (counters.features & COUNTERS_FEATURE_LEARN) != 0;
    return true;
}

int watch_feed_fd(const struct watch_feed *feed)
{
    return feed->wake_owner;
}

struct watch_news *watch_feed_take(struct watch_feed *feed)
{
    quiet(feed->wake_owner);
    return g_async_queue_try_pop(feed->news);
}

void watch_feed_ask(struct watch_feed *feed, const char *command, json_t *args)
{
    struct question *question = g_new0(struct question, 1);
    question->command = command;
    question->args = args;
    g_async_queue_push(feed->questions, question);
    wake(feed->wake_thread);
}
