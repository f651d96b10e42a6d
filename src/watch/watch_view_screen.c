#include "watch_view.h"

#include "fact_json.h"
#include "mount_options.h"
#include "text.h"
#include "watch_advice.h"
#include "watch_paint.h"
#include "watch_screen.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Ages grow by the second. */
#define TICK_MS 1000

struct view {
    struct watch_feed *feed;
    const char *state_dir;
    struct watch_screen *screen;
    struct watch_ui ui;
    bool utf8;
    char *declared; /* id of the fact for which a place is being declared; owned */
    bool has_facts; /* the first have come */
};

static void paint(struct view *view)
{
    struct timespec now;
    int width, height, cursor;
    clock_gettime(CLOCK_REALTIME, &now);
    watch_screen_size(view->screen, &width, &height);
    g_autoptr(GPtrArray) lines = watch_paint(&view->ui, &now, width, height, view->utf8, &cursor);
    watch_screen_show(view->screen, lines, cursor);
}

/* The value of --tmpfs or --volume as the daemon wants it; NULL with one line. */
static json_t *read_route(enum watch_action action, const char *value, GError **error)
{
    g_autofree char *directory = g_get_current_dir();
    struct mount_options *options = mount_options_new(directory, g_get_home_dir());
    bool is_tmpfs = action == WATCH_ADD_TMPFS;
    gboolean done = is_tmpfs ? mount_options_add_tmpfs(options, "--tmpfs", value, error)
                             : mount_options_add_volume(options, "--volume", value, error);
    json_t *args = NULL;
    if (done) {
        size_t n;
        const struct route_spec *specs = mount_options_routes(options, &n);
        args = json_pack("{s:[o]}", "routes", state_route_to_json(&specs[0]));
    }
    mount_options_free(options);
    return args;
}

static void add_route(struct view *view, enum watch_action action, const char *value)
{
    g_autoptr(GError) error = NULL;
    json_t *args = read_route(action, value, &error);
    if (args == NULL) {
        watch_ui_say(&view->ui, "%s", error->message);
        return;
    }
    const struct watch_item *item = watch_model_selected(view->ui.model, NULL);
    g_free(view->declared);
    view->declared = item != NULL ? g_strdup(item->fact->id) : NULL;
    watch_ui_say(&view->ui, "declaring %s ...", value);
    watch_feed_ask(view->feed, "route.add", args);
}

static void save(struct view *view, const char *path)
{
    g_autoptr(GError) error = NULL;
    if (watch_advice_write(view->ui.about.mount, view->state_dir, path, &error))
        watch_ui_say(&view->ui, "the advice is in %s", path);
    else
        watch_ui_say(&view->ui, "%s", error->message);
}

/* False where the person wants to go. */
static bool do_action(struct view *view, enum watch_action action, const char *value)
{
    bool is_for_daemon = action == WATCH_ADD_TMPFS || action == WATCH_ADD_VOLUME || action == WATCH_LEARN;
    if (is_for_daemon && view->ui.about.is_over)
        watch_ui_say(&view->ui, "the daemon has ended");
    else if (action == WATCH_ADD_TMPFS || action == WATCH_ADD_VOLUME)
        add_route(view, action, value);
    else if (action == WATCH_LEARN)
        watch_feed_ask(view->feed, view->ui.about.is_learning ? "learn.off" : "learn.on", NULL);
    else if (action == WATCH_SAVE)
        save(view, value);
    return action != WATCH_QUIT;
}

static bool read_keys(struct view *view)
{
    bool goes_on = true;
    int key;
    while (goes_on && (key = watch_screen_key(view->screen)) != WATCH_KEY_NONE) {
        g_autofree char *value = NULL;
        enum watch_action action = watch_ui_key(&view->ui, key, &value);
        goes_on = do_action(view, action, value);
    }
    return goes_on;
}

static void take_learning(struct view *view, const json_t *result)
{
    bool was_asked_for = !view->ui.about.is_learning;
    view->ui.about.is_learning = json_is_true(json_object_get(result, "learning"));
    if (was_asked_for && json_is_false(json_object_get(result, "changed")))
        watch_ui_say(&view->ui, "learn mode was on already; l switches it off");
    else
        watch_ui_say(&view->ui, "learn mode is %s", view->ui.about.is_learning ? "on" : "off");
}

/* What was declared before this view began has mended what was refused before that. */
static void mend_declared(struct view *view)
{
    const struct state *state = watch_feed_state(view->feed);
    for (size_t i = 0; i < state->n_routes; i++) {
        if (!state->routes[i].read_only)
            watch_model_mend_below(view->ui.model, state->routes[i].target);
    }
}

static void take_added(struct view *view, const json_t *result)
{
    const json_t *routes = json_object_get(result, "routes"), *route;
    size_t i;
    json_array_foreach(routes, i, route)
    {
        struct route_spec spec = {0};
        if (state_route_from_json(route, &spec) && !spec.read_only)
            watch_model_mend_below(view->ui.model, spec.target);
        route_spec_clear(&spec);
    }
    if (view->declared != NULL)
        watch_model_mend(view->ui.model, view->declared);
    watch_ui_say(&view->ui, "declared; let the program try again");
}

static void take_answer(struct view *view, const struct watch_news *news)
{
    if (news->result == NULL) {
        watch_ui_say(&view->ui, "%s", news->error->message);
    } else if (strcmp(news->asked, "route.add") == 0) {
        take_added(view, news->result);
    } else {
        take_learning(view, news->result);
    }
}

static void take_news(struct view *view)
{
    struct watch_news *news;
    while ((news = watch_feed_take(view->feed)) != NULL) {
        if (news->kind == WATCH_NEWS_FACTS) {
            watch_model_set(view->ui.model, g_steal_pointer(&news->facts));
            view->ui.about.dropped = news->dropped;
            if (!view->has_facts)
                mend_declared(view);
            view->has_facts = true;
        } else if (news->kind == WATCH_NEWS_ANSWER) {
            take_answer(view, news);
        } else {
            view->ui.about.is_over = true;
        }
        watch_news_free(news);
    }
}

/* Returns the signal that ends it, or 0. */
static int take_signal(struct view *view, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGWINCH)
            return (int)info.ssi_signo;
        watch_screen_resized(view->screen);
    }
    return 0;
}

/* Until the person quits (0) or a signal ends it. */
static int loop(struct view *view, int signals)
{
    for (;;) {
        (void)watch_feed_learning(view->feed, &view->ui.about.is_learning);
        paint(view);
        struct pollfd events[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                  {.fd = signals, .events = POLLIN},
                                  {.fd = watch_feed_fd(view->feed), .events = POLLIN}};
        (void)poll(events, 3, TICK_MS);
        int signal_number = take_signal(view, signals);
        if (signal_number != 0)
            return signal_number;
        take_news(view);
        if (!read_keys(view))
            return 0;
        /* The terminal is gone. */
        if ((events[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
            return SIGHUP;
    }
}

/* Ends as by the signal itself, now that the terminal is as it was. */
static void end_by(int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool watch_view_screen(struct watch_feed *feed, const char *state_dir)
{
    struct view view = {.feed = feed, .state_dir = state_dir, .utf8 = watch_screen_is_utf8()};
    sigset_t set;
    sigemptyset(&set);
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        sigaddset(&set, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    view.screen = watch_screen_start();
    bool can = view.screen != NULL;
    if (can) {
        const struct state *state = watch_feed_state(feed);
        watch_ui_init(&view.ui, state->name, state->mountpoint);
        int signal_number = loop(&view, signals);
        watch_screen_end(view.screen);
        watch_ui_clear(&view.ui);
        g_free(view.declared);
        if (signal_number != 0)
            end_by(signal_number);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    if (signals >= 0)
        close(signals);
    return can;
}
