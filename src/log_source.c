#include "log_source.h"

#include "app_error.h"
#include "find_mount.h"
#include "log_older.h"
#include "mount_ask.h"
#include "packed_file.h"
#include "record_parse.h"
#include "state_dir.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct log_source {
    struct asked_mount *asked; /* owned; NULL = it is a file */
    struct log_older older;    /* what is to be read before @file */
    struct packed_file *file;  /* of @path; owned; NULL = there is none, or it was read */
    char *path;                /* owned */
    struct packed_file *now;   /* what is read: @file, or an older one; owned */
    char *now_path;            /* owned */
};

static gboolean fail_reading(const char *path, const char *why, GError **error)
{
    g_autofree char *shown = text_word(path);
    return app_error_failed(error, "cannot read the log %s: %s", shown, why);
}

/* NULL with one line. */
static FILE *open_file(const char *path, GError **error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    struct stat st;
    int reason = file == NULL || fstat(fileno(file), &st) != 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (reason == 0)
        return file;
    fail_reading(path, g_strerror(reason), error);
    if (file != NULL && !is_stdin)
        fclose(file);
    return NULL;
}

struct log_source *log_source_file(const char *path, GError **error)
{
    FILE *file = open_file(path, error);
    if (file == NULL)
        return NULL;
    struct log_source *source = g_new0(struct log_source, 1);
    source->file = packed_file_new(file);
    source->path = g_strdup(path);
    return source;
}

void log_source_free(struct log_source *source)
{
    if (source == NULL)
        return;
    asked_mount_free(source->asked);
    packed_file_free(source->file);
    packed_file_free(source->now);
    log_older_clear(&source->older);
    g_free(source->path);
    g_free(source->now_path);
    g_free(source);
}

char *log_source_name(const struct log_source *source)
{
    if (source->path == NULL)
        return g_strdup("the daemon");
    return strcmp(source->path, "-") == 0 ? g_strdup("stdin") : text_word(source->path);
}

/* The log of a mount: its file, after those that it was before it was rotated. NULL with one line, where there is none. */
static struct log_source *open_rotated(const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    struct stat st;
    FILE *file = open_file(path, &cause);
    struct log_source *source = g_new0(struct log_source, 1);
    source->path = g_strdup(path);
    source->file = file != NULL ? packed_file_new(file) : NULL;
    log_older_open(path, file != NULL && fstat(fileno(file), &st) == 0 ? &st : NULL, &source->older);
    if (file == NULL && (access(path, F_OK) == 0 || g_queue_is_empty(&source->older.files))) {
        log_source_free(source);
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    /* Else nobody knew that something is missing. */
    g_autofree char *shown = text_word(path);
    if (source->older.n_unopened > 0)
        app_notice("%s: older logs that cannot be read, or are too many: %u", shown, source->older.n_unopened);
    return source;
}

/* The first of its logs that is a file in JSON; NULL where there is none. Borrowed. */
static const char *file_of(const struct state *state)
{
    for (guint i = 0; state->logs[i] != NULL && state->log_formats[i] != NULL; i++) {
        if (g_str_has_prefix(state->logs[i], "file:") && strcmp(state->log_formats[i], "json") == 0)
            return state->logs[i] + strlen("file:");
    }
    return NULL;
}

static struct log_source *open_dead(const struct state *state, bool follow, GError **error)
{
    g_autofree char *shown = text_word(state->mountpoint);
    const char *path = file_of(state);
    if (follow)
        app_error_failed(error, "the daemon of %s has ended, nothing comes any more; leave --follow out", shown);
    else if (path == NULL)
        app_error_failed(error,
                         "the daemon of %s has ended and its log was no file in JSON; look where --log said, or in "
                         "journalctl, or name a file with --from",
                         shown);
    return follow || path == NULL ? NULL : open_rotated(path, error);
}

static struct log_source *open_alive(const struct paths *paths, const char *word, bool follow, GError **error)
{
    struct asked_mount *asked = mount_ask(paths, word, error);
    if (asked == NULL)
        return NULL;
    json_t *head = control_client_ask(asked->client, "log", json_pack("{s:b}", "follow", (int)follow), error);
    if (head == NULL) {
        asked_mount_free(asked);
        return NULL;
    }
    json_decref(head);
    struct log_source *source = g_new0(struct log_source, 1);
    source->asked = asked;
    return source;
}

static struct log_source *open_only(const struct paths *paths, bool follow, GError **error)
{
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    const struct state *only = states->len == 1 ? g_ptr_array_index(states, 0) : NULL;
    if (only != NULL && !state_is_alive(only))
        return open_dead(only, follow, error);
    return open_alive(paths, NULL, follow, error);
}

/* Of a mount that is gone its log is left, where that was the usual one. NULL where there is none. */
static struct log_source *open_gone(const struct paths *paths, const char *word, GError **error)
{
    if (!state_name_is_valid(word))
        return NULL;
    g_autofree char *name = g_strconcat(word, ".log", NULL);
    g_autofree char *path = g_build_filename(paths->log, name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS) ? open_rotated(path, error) : NULL;
}

struct log_source *log_source_mount(const struct paths *paths, const char *word, bool follow, GError **error)
{
    if (word == NULL)
        return open_only(paths, follow, error);
    g_autoptr(GError) cause = NULL;
    struct found_mount *found = find_mount(paths, word, &cause);
    struct log_source *source = NULL;
    if (found != NULL && found->state != NULL && !state_is_alive(found->state))
        source = open_dead(found->state, follow, error);
    else if (found != NULL)
        source = open_alive(paths, word, follow, error);
    else if (follow)
        g_propagate_error(error, g_steal_pointer(&cause));
    else if ((source = open_gone(paths, word, error)) != NULL)
        app_notice("%s is no mount that can be asked here; this is what its log has, %s", word, source->path);
    else if (error == NULL || *error == NULL)
        app_error_failed(error, "%s; a log of the past is read with --from LOG", cause->message);
    found_mount_free(found);
    return source;
}

/* 1, or -1 at the file's end. What is beyond the longest line that can be a record is read and forgotten. */
static int next_line(const struct log_source *source, char **ret, GError **error)
{
    GString *line = g_string_sized_new(1024);
    FILE *stream = packed_file_stream(source->now);
    int c;
    while ((c = getc_unlocked(stream)) != EOF && c != '\n') {
        if (line->len < RECORD_PARSE_MOST_LINE)
            g_string_append_c(line, (char)c);
    }
    if (ferror(stream)) {
        g_autofree char *why = packed_file_why(source->now);
        fail_reading(source->now_path, why, error);
    }
    bool is_end = ferror(stream) || (c == EOF && line->len == 0);
    *ret = g_string_free(line, is_end);
    return is_end ? -1 : 1;
}

/* The oldest first. False where there is none any more. */
static bool start_next(struct log_source *source)
{
    g_clear_pointer(&source->now, packed_file_free);
    g_clear_pointer(&source->now_path, g_free);
    FILE *older = log_older_take(&source->older, &source->now_path);
    if (older != NULL) {
        source->now = packed_file_new(older);
        return true;
    }
    source->now = g_steal_pointer(&source->file);
    source->now_path = g_strdup(source->path);
    return source->now != NULL;
}

/* The same of all files, one after the other. An older one that is damaged is said, and does not hide the newer ones. */
static int next_of_files(struct log_source *source, char **ret, GError **error)
{
    while (source->now != NULL || start_next(source)) {
        g_autoptr(GError) cause = NULL;
        int status = next_line(source, ret, &cause);
        if (cause != NULL && strcmp(source->now_path, source->path) == 0) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return -1;
        }
        if (cause != NULL)
            app_notice("%s; what it has further is left out", cause->message);
        if (status > 0)
            return status;
        g_clear_pointer(&source->now, packed_file_free);
    }
    return -1;
}

static int next_of_daemon(struct log_source *source, int timeout_ms, char **ret, GError **error)
{
    json_t *event = NULL;
    int status = control_client_next(source->asked->client, timeout_ms, &event, error);
    if (status <= 0)
        return status;
    char *text = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    json_decref(event);
    *ret = g_strdup(text);
    free(text);
    return 1;
}

int log_source_next(struct log_source *source, char **ret, GError **error)
{
    return source->asked != NULL ? next_of_daemon(source, 0, ret, error) : next_of_files(source, ret, error);
}

bool log_source_wait(const struct log_source *source, int output)
{
    if (source->asked == NULL)
        return true;
    /* For the output it is errors alone: a pipe without a reader. */
    struct pollfd events[] = {{.fd = control_client_fd(source->asked->client), .events = POLLIN}, {.fd = output}};
    (void)poll(events, 2, -1);
    return (events[1].revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}
