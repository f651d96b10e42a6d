/*
 * One thread accepts; each connection has one that reads a request, answers, and reads the next.
 */
#include "control_server.h"

#include "app_error.h"
#include "control_budget.h"
#include "control_line.h"
#include "control_socket.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 32

/* Who follows keeps his place for as long as he likes: some are left for those who ask. */
#define MOST_FOLLOWERS 24
#define MOST_REQUEST ((size_t)256 << 10)

/* A connection without a request is closed after this: a client asks what it came for. */
#define IDLE_MS 60000
/* For a client that does not read what it asked for. */
#define SEND_MS 10000

/* Requests of one connection: so many at once, then one in so many microseconds. */
#define BURST 200
#define REQUEST_US 5000

/* What of a follower's work counts for others: what he is told at first. */
#define MOST_FOLLOWED_US 100000

/* A newcomer gets the place of who has asked nothing for so long, where all are taken, and waits so long for it. */
#define QUIET_US 100000
#define PLACE_SECONDS 1

struct connection {
    struct control_server *server;
    int fd;             /* owned */
    gint64 quiet_since; /* [lock] of the server; 0 while a request is under way */
    bool is_shut;       /* [lock] of the server */
    gint64 charged;     /* of its thread's time, in microseconds */
};

struct control_server {
    char *path; /* owned */
    int listen_fd;
    int stop_fd; /* eventfd: readable from control_server_stop() on */
    const struct control_command *const *tables;
    void *data;
    pthread_t thread;
    struct control_budget budget;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool stopping;                                    /* [lock] */
    struct connection *connections[MOST_CONNECTIONS]; /* [lock] NULL = free */
    unsigned n_connections;                           /* [lock] */
    unsigned n_followers;                             /* [lock] of them, those that follow until they go */
};

struct control_stream {
    struct connection *connection;
};

static const struct control_command *find_command(const struct control_server *server, const char *name)
{
    for (const struct control_command *const *table = server->tables; *table != NULL; table++)
        for (const struct control_command *command = *table; command->name != NULL; command++)
            if (strcmp(command->name, name) == 0)
                return command;
    return NULL;
}

/* Who says nothing, or does not read, makes room for others. */
static void set_quiet(struct connection *connection, bool is_quiet)
{
    pthread_mutex_lock(&connection->server->lock);
    connection->quiet_since = is_quiet ? g_get_monotonic_time() : 0;
    pthread_mutex_unlock(&connection->server->lock);
}

static bool send_line(struct connection *connection, const char *text)
{
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    set_quiet(connection, true);
    bool sent = control_send_text(connection->fd, line, strlen(line), SEND_MS) == 0;
    set_quiet(connection, false);
    return sent;
}

/* Takes the reference. */
static bool send_json(struct connection *connection, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    bool sent = text != NULL && send_line(connection, text);
    free(text);
    return sent;
}

/* Takes the error. */
static bool send_error(struct connection *connection, GError *error)
{
    int status = error->domain == APP_ERROR ? error->code : APP_ERROR_FAILED;
    g_autofree char *repaired = text_repair(error->message);
    json_t *json = json_pack("{s:i, s:b, s:{s:i, s:s}}", "v", 1, "ok", 0, "error", "status", status, "message",
                             repaired != NULL ? repaired : error->message);
    g_error_free(error);
    return send_json(connection, json);
}

/* Reads what a line asks for. NULL with one line; *ret_args is a new reference. */
static const struct control_command *read_request(const struct control_server *server, const char *line,
                                                  json_t **ret_args, GError **error)
{
    json_error_t why;
    json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, &why);
    json_t *args = NULL;
    const char *name = NULL;
    int version = 0;
    const struct control_command *command = NULL;
    if (request == NULL)
        app_error_usage(error, "a request is a JSON object on one line: %s", why.text);
    else if (json_unpack(request, "{s:i, s:s, s?o!}", "v", &version, "do", &name, "args", &args) < 0 ||
             (args != NULL && !json_is_object(args)))
        app_error_usage(error, "a request is {\"v\":1,\"do\":COMMAND,\"args\":{...}}");
    else if (version != 1)
        app_error_usage(error, "version %d is not spoken here; this is version 1", version);
    else if ((command = find_command(server, name)) == NULL) {
        g_autofree char *shown = text_word(name);
        app_error_usage(error, "%s is no command of this daemon; it may be older than the one who asks", shown);
    }
    if (command != NULL)
        *ret_args = args != NULL ? json_incref(args) : json_object();
    json_decref(request);
    return command;
}

/* Counts what the connection's thread has done since it was counted last. */
static void charge(struct connection *connection, gint64 most)
{
    gint64 used = control_budget_used();
    control_budget_charge(&connection->server->budget, MIN(used - connection->charged, most));
    connection->charged = used;
}

static bool begin_following(struct control_server *server, GError **error)
{
    pthread_mutex_lock(&server->lock);
    bool has_room = server->n_followers < MOST_FOLLOWERS;
    server->n_followers += has_room;
    pthread_mutex_unlock(&server->lock);
    return has_room || app_error_failed(error,
                                        "%d clients follow this mount already (rofuse log --follow, rofuse watch); "
                                        "end one of them",
                                        MOST_FOLLOWERS);
}

static void end_following(struct control_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->n_followers--;
    pthread_cond_broadcast(&server->ended);
    pthread_mutex_unlock(&server->lock);
}

/* Does what was asked for and answers. False where nobody listens any more. */
static bool carry_out(struct connection *connection, const struct control_command *command, const json_t *args)
{
    struct control_server *server = connection->server;
    GError *error = NULL;
    struct control_stream stream = {.connection = connection};
    json_t *result = command->work != NULL ? command->work(server->data, args, &stream, &error)
                                           : command->run(server->data, args, &error);
    bool sent = result == NULL ? send_error(connection, error)
                               : send_json(connection, json_pack("{s:i, s:b, s:o}", "v", 1, "ok", 1, "result", result));
    charge(connection, G_MAXINT64);
    if (result != NULL && sent && command->follow != NULL) {
        command->follow(server->data, args, &stream);
        sent = send_json(connection, json_pack("{s:i, s:b}", "v", 1, "end", 1));
        charge(connection, MOST_FOLLOWED_US);
    }
    return sent;
}

static bool answer(struct connection *connection, const char *line)
{
    struct control_server *server = connection->server;
    GError *error = NULL;
    json_t *args = NULL;
    const struct control_command *command = read_request(server, line, &args, &error);
    bool follows = command != NULL && command->follow != NULL && json_is_true(json_object_get(args, "follow"));
    bool is_refused = command == NULL || (follows && !begin_following(server, &error));
    bool sent = is_refused ? send_error(connection, error) : carry_out(connection, command, args);
    if (follows && !is_refused)
        end_following(server);
    json_decref(args);
    return sent;
}

/* Lets a connection have no more requests than it may: the rest of them wait. @next: when the bucket is full again, in
 * microseconds. */
static void keep_rate(gint64 *next)
{
    gint64 now = g_get_monotonic_time();
    *next = MAX(*next, now) + REQUEST_US;
    gint64 early = *next - now - (gint64)BURST * REQUEST_US;
    if (early > 0)
        g_usleep((gulong)early);
}

static void serve_connection(struct connection *connection)
{
    struct control_reader reader;
    control_reader_init(&reader, connection->fd, MOST_REQUEST);
    gint64 next = 0;
    for (bool going_on = true; going_on;) {
        char *line;
        int status = control_reader_next(&reader, IDLE_MS, &line);
        if (status == -EMSGSIZE)
            (void)send_error(connection, g_error_new(APP_ERROR, APP_ERROR_USAGE,
                                                     "the request is too long; %zu bytes "
                                                     "are allowed",
                                                     MOST_REQUEST));
        if (status <= 0)
            break;
        set_quiet(connection, false);
        keep_rate(&next);
        control_budget_wait(&connection->server->budget, connection->server->stop_fd);
        going_on = answer(connection, line);
        g_free(line);
        set_quiet(connection, true);
    }
    control_reader_clear(&reader);
}

static void *run_connection(void *data)
{
    struct connection *connection = data;
    struct control_server *server = connection->server;
    serve_connection(connection);
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < MOST_CONNECTIONS; i++)
        if (server->connections[i] == connection)
            server->connections[i] = NULL;
    server->n_connections--;
    close(connection->fd);
    g_free(connection);
    pthread_cond_signal(&server->ended);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* All signals blocked: they are the main thread's. */
static int start_thread(pthread_t *ret, void *(*run)(void *), void *data, bool detached)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (detached)
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(ret, &attributes, run, data);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

/* [lock] Ends the connection that has been quiet for longest, and waits until its place is free. */
static void make_place(struct control_server *server)
{
    struct connection *quiet = NULL;
    for (size_t i = 0; i < MOST_CONNECTIONS; i++) {
        struct connection *connection = server->connections[i];
        if (connection != NULL && connection->quiet_since != 0 && !connection->is_shut &&
            (quiet == NULL || connection->quiet_since < quiet->quiet_since))
            quiet = connection;
    }
    if (quiet == NULL || g_get_monotonic_time() - quiet->quiet_since < QUIET_US)
        return;
    quiet->is_shut = true;
    (void)shutdown(quiet->fd, SHUT_RDWR);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PLACE_SECONDS;
    while (server->n_connections == MOST_CONNECTIONS)
        if (pthread_cond_clockwait(&server->ended, &server->lock, CLOCK_MONOTONIC, &until) != 0)
            return;
}

/* Gives a connection a thread; where there are too many, or he may not, he is told by the end of the connection. */
static void take_connection(struct control_server *server, int fd)
{
    struct connection *connection = g_new0(struct connection, 1);
    *connection = (struct connection){.server = server, .fd = fd, .quiet_since = g_get_monotonic_time()};
    bool taken = false, is_welcome = is_allowed(fd);
    pthread_mutex_lock(&server->lock);
    if (is_welcome && server->n_connections == MOST_CONNECTIONS)
        make_place(server);
    for (size_t i = 0; i < MOST_CONNECTIONS && !taken && !server->stopping && is_welcome; i++) {
        pthread_t thread;
        if (server->connections[i] != NULL)
            continue;
        if (start_thread(&thread, run_connection, connection, true) < 0)
            break;
        server->connections[i] = connection;
        server->n_connections++;
        taken = true;
    }
    pthread_mutex_unlock(&server->lock);
    if (!taken) {
        close(fd);
        g_free(connection);
    }
}

static void *run_server(void *data)
{
    struct control_server *server = data;
    for (;;) {
        struct pollfd events[] = {{.fd = server->stop_fd, .events = POLLIN},
                                  {.fd = server->listen_fd, .events = POLLIN}};
        if (poll(events, G_N_ELEMENTS(events), -1) < 0)
            continue;
        if (events[0].revents != 0)
            return NULL;
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            take_connection(server, fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            g_usleep(100000); /* else the client that cannot be taken would make this thread spin */
    }
}

static void free_server(struct control_server *server)
{
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (server->stop_fd >= 0)
        close(server->stop_fd);
    control_budget_clear(&server->budget);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->ended);
    g_free(server->path);
    g_free(server);
}

struct control_server *control_server_start(const char *path, const struct control_command *const *tables, void *data,
                                            GError **error)
{
    struct control_server *server = g_new0(struct control_server, 1);
    server->path = g_strdup(path);
    server->tables = tables;
    server->data = data;
    control_budget_init(&server->budget);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->ended, NULL);
    server->stop_fd = eventfd(0, EFD_CLOEXEC);
    server->listen_fd = control_socket_listen(path);
    int status = server->stop_fd < 0 ? -errno : MIN(server->listen_fd, 0);
    if (status == 0) {
        status = start_thread(&server->thread, run_server, server, false);
        if (status < 0)
            (void)unlink(path);
    }
    if (status == 0)
        return server;
    g_autofree char *shown = text_word(path);
    app_error_failed(error, "the control socket %s: %s", shown, g_strerror(-status));
    free_server(server);
    return NULL;
}

/* [lock] Waits until nobody is left of the connections or of those that follow, at most so long; returns whether that is so. */
static bool wait_for_none(struct control_server *server, const unsigned *n, int patience_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += patience_ms / 1000;
    until.tv_nsec += patience_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (*n > 0)
        if (pthread_cond_clockwait(&server->ended, &server->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT)
            return *n == 0;
    return true;
}

bool control_server_stop(struct control_server *server, int patience_ms)
{
    if (server == NULL)
        return true;
    uint64_t one = 1;
    (void)!write(server->stop_fd, &one, sizeof one);
    pthread_join(server->thread, NULL);
    (void)unlink(server->path);
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    (void)wait_for_none(server, &server->n_followers, patience_ms);
    for (size_t i = 0; i < MOST_CONNECTIONS; i++)
        if (server->connections[i] != NULL)
            (void)shutdown(server->connections[i]->fd, SHUT_RDWR);
    bool have_ended = wait_for_none(server, &server->n_connections, patience_ms);
    pthread_mutex_unlock(&server->lock);
    if (have_ended)
        free_server(server);
    return have_ended;
}

bool control_stream_send_text(struct control_stream *stream, const char *json)
{
    g_autofree char *line = g_strdup_printf("{\"v\":1,\"event\":%.*s}", (int)strcspn(json, "\n"), json);
    return send_line(stream->connection, line);
}

bool control_stream_is_open(const struct control_stream *stream)
{
    /* A follower has nothing more to say: its end is all that can come. */
    struct pollfd descriptor = {.fd = stream->connection->fd, .events = POLLIN | POLLRDHUP};
    return poll(&descriptor, 1, 0) == 0;
}

bool control_stream_is_wanted(const struct control_stream *stream)
{
    struct pollfd descriptor = {.fd = stream->connection->fd};
    return poll(&descriptor, 1, 0) == 0;
}

const char *control_arg_text(const json_t *args, const char *key, bool required, GError **error)
{
    const json_t *value = json_object_get(args, key);
    if (value != NULL && !json_is_null(value)) {
        if (json_is_string(value))
            return json_string_value(value);
        app_error_usage(error, "the argument \"%s\" is a string", key);
    } else if (required) {
        app_error_usage(error, "the argument \"%s\" is missing", key);
    }
    return NULL;
}
