#include "control_client.h"

#include "app_error.h"
#include "control_line.h"
#include "control_socket.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a daemon may say at once: the facts of thousands of places. */
#define MOST_ANSWER ((size_t)64 << 20)
/* Who knows better sets it. */
#define ANSWER_MS (10 * 60 * 1000)
#define SEND_MS 10000
/* Who waits longer than this at a terminal is told for what. */
#define SILENT_MS 3000

struct control_client {
    int fd;
    int answer_ms;
    char *whose; /* is told to who waits; owned; NULL = nothing is */
    struct control_reader reader;
};

struct control_client *control_client_new(const char *path, GError **error)
{
    int fd = control_socket_connect(path);
    if (fd < 0) {
        g_autofree char *shown = text_word(path);
        if (fd == -ENOENT || fd == -ECONNREFUSED)
            app_error_failed(error, "no daemon answers at %s; rofuse status tells which mounts are alive", shown);
        else
            app_error_failed(error, "the control socket %s: %s", shown, g_strerror(-fd));
        return NULL;
    }
    struct control_client *client = g_new0(struct control_client, 1);
    client->fd = fd;
    client->answer_ms = ANSWER_MS;
    control_reader_init(&client->reader, fd, MOST_ANSWER);
    return client;
}

void control_client_free(struct control_client *client)
{
    if (client == NULL)
        return;
    control_reader_clear(&client->reader);
    close(client->fd);
    g_free(client->whose);
    g_free(client);
}

/* One object of the daemon's. Returns 1 with a new reference, 0 at the end, -ETIMEDOUT, or -errno with an error. */
static int next_object(struct control_client *client, int timeout_ms, json_t **ret, GError **error)
{
    char *line;
    int status = control_reader_next(&client->reader, timeout_ms, &line);
    if (status == 0 || status == -ETIMEDOUT)
        return status;
    if (status < 0) {
        app_error_failed(error, "the daemon's answer: %s", g_strerror(-status));
        return status;
    }
    json_error_t why;
    *ret = json_loads(line, JSON_REJECT_DUPLICATES, &why);
    g_free(line);
    if (json_is_object(*ret))
        return 1;
    app_error_failed(error, "the daemon's answer is no JSON object: %s", *ret == NULL ? why.text : "wrong type");
    json_decref(*ret);
    return -EBADMSG;
}

static void fail_as_told(const json_t *answer, GError **error)
{
    int status = APP_ERROR_FAILED;
    const char *message = NULL;
    if (json_unpack((json_t *)answer, "{s:{s:i, s:s}}", "error", "status", &status, "message", &message) < 0)
        app_error_failed(error, "the daemon's answer is of another version");
    else if (status == APP_ERROR_USAGE)
        app_error_usage(error, "%s", message);
    else
        app_error_failed(error, "%s", message);
}

/* As next_object(), for a request. */
static int wait_for_answer(struct control_client *client, json_t **ret, GError **error)
{
    bool is_long = client->answer_ms < 0 || client->answer_ms > SILENT_MS;
    if (client->whose == NULL || !is_long || !isatty(STDERR_FILENO))
        return next_object(client, client->answer_ms, ret, error);
    int status = next_object(client, SILENT_MS, ret, error);
    if (status != -ETIMEDOUT)
        return status;
    app_notice("waiting for %s, which is busy or was stopped; Ctrl-C ends the wait", client->whose);
    return next_object(client, client->answer_ms, ret, error);
}

/* NULL for a failure, and for what is no answer of our version. Borrowed. */
static json_t *result_of(const json_t *answer)
{
    bool is_ours = json_integer_value(json_object_get(answer, "v")) == 1;
    return is_ours && json_is_true(json_object_get(answer, "ok")) ? json_object_get(answer, "result") : NULL;
}

json_t *control_client_ask(struct control_client *client, const char *command, json_t *args, GError **error)
{
    json_t *request = json_pack("{s:i, s:s, s:o}", "v", 1, "do", command, "args", args != NULL ? args : json_object());
    char *dumped = json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(request);
    g_autofree char *line = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_t *answer = NULL, *result = NULL;
    int status = control_send_text(client->fd, line, strlen(line), SEND_MS);
    if (status == 0 || status == -EPIPE || status == -ECONNRESET)
        status = wait_for_answer(client, &answer, error);
    else
        app_error_failed(error, "the daemon does not listen: %s", g_strerror(-status));
    if (status == 0 || status == -ETIMEDOUT)
        app_error_failed(error, status == 0 ? "the daemon has closed the connection: it ends, or has too many of them"
                                            : "the daemon does not answer");
    if (status > 0)
        result = json_incref(result_of(answer));
    if (status > 0 && result == NULL)
        fail_as_told(answer, error);
    json_decref(answer);
    return result;
}

int control_client_next(struct control_client *client, int timeout_ms, json_t **ret, GError **error)
{
    json_t *object = NULL;
    int status = next_object(client, timeout_ms, &object, error);
    if (status == -ETIMEDOUT)
        return 0;
    if (status <= 0)
        return -1;
    json_t *event = json_object_get(object, "event");
    *ret = json_incref(event);
    json_decref(object);
    return event != NULL ? 1 : -1;
}

bool control_client_is_closed(const struct control_client *client)
{
    char c;
    ssize_t n = recv(client->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void control_client_set_patience(struct control_client *client, int timeout_ms)
{
    client->answer_ms = timeout_ms;
}

void control_client_set_whose(struct control_client *client, const char *whose)
{
    g_free(client->whose);
    client->whose = g_strdup(whose);
}

int control_client_fd(const struct control_client *client)
{
    return client->fd;
}
