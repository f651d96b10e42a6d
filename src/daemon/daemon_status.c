/*
 * Control commands about how the mount does:
 *
 *     status {}   what the memory of counters (counters_file.h) cannot hold: {"routes": [{"target", "index", "last_writer"}],
 *                 "queue": {...}, "classes": {CLASS: calls}, "learn_layer": {"size", "used"} or null}, as
 *                 rofuse.status/1 has them, what was refused by now among them; index is the route's place among the counters.
 */
#include "daemon.h"

#include "denial.h"
#include "facts_watch.h"
#include "json_bytes.h"
#include "log_set.h"
#include "record_names.h"
#include "session.h"
#include "writers.h"

/* For records that are on their way: rofuse status wants a daemon's answer, late as the machine may be, sooner than that of a
 * daemon that is stopped. */
#define MOST_WAIT_MS 1000

static json_t *id_to_json(int64_t id)
{
    return id > 0 ? json_integer(id) : json_null();
}

static json_t *writer_to_json(const struct writer *writer)
{
    if (writer->pid == 0)
        return json_null();
    json_t *json = json_object();
    g_autofree char *time = record_time_utc(&writer->time);
    json_object_set_new(json, "pid", id_to_json(writer->pid));
    json_object_set_new(json, "uid", json_integer(writer->uid));
    json_bytes_set(json, "comm", writer->comm);
    json_bytes_set(json, "exe", writer->exe);
    json_bytes_set(json, "container_id", writer->container_id);
    json_bytes_set(json, "time", time);
    return json;
}

static json_t *routes_to_json(struct daemon *daemon)
{
    json_t *list = json_array();
    pthread_mutex_lock(&daemon->lock);
    for (size_t i = 0; i < daemon->state->n_routes; i++) {
        struct writer writer;
        json_t *json = json_object();
        int index = session_use(daemon->session, daemon->state->routes[i].target, &writer);
        json_bytes_set(json, "target", daemon->state->routes[i].target);
        json_object_set_new(json, "index", json_integer(index));
        json_object_set_new(json, "last_writer", writer_to_json(&writer));
        json_array_append_new(list, json);
        writer_clear(&writer);
    }
    pthread_mutex_unlock(&daemon->lock);
    return list;
}

/* The logs come first among the sinks, in the order in which they were asked for (log_set_open()). */
static json_t *queue_to_json(struct daemon *daemon)
{
    struct denial_log *log = log_set_denials(daemon->log);
    struct denial_counters all;
    struct denial_sink_counters one;
    json_t *sinks = json_array();
    denial_log_counters(log, &all);
    pthread_mutex_lock(&daemon->lock);
    for (size_t i = 0; daemon->state->logs[i] != NULL && denial_log_sink_counters(log, i, &one); i++) {
        json_t *json = json_object();
        json_bytes_set(json, "destination", daemon->state->logs[i]);
        json_object_set_new(json, "waiting", json_integer((json_int_t)one.waiting));
        json_object_set_new(json, "dropped", json_integer((json_int_t)one.dropped));
        json_array_append_new(sinks, json);
    }
    pthread_mutex_unlock(&daemon->lock);
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "denied", (json_int_t)all.denied, "folded", (json_int_t)all.folded,
                     "dropped", (json_int_t)all.dropped, "waiting", (json_int_t)all.waiting, "logs", sinks);
}

/* Refused calls by what they meant to their programs; those that learn mode let happen are none. */
static json_t *classes_to_json(struct daemon *daemon)
{
    g_autoptr(GPtrArray) facts = facts_list(facts_watch_facts(daemon->facts));
    uint64_t calls[FACT_N_CLASSES] = {0};
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        if (!fact->learned)
            calls[fact->class] += fact->count;
    }
    json_t *json = json_object();
    for (int i = FACT_N_CLASSES; i-- > 0;)
        json_object_set_new(json, fact_class_name((enum fact_class)i), json_integer((json_int_t)calls[i]));
    return json;
}

static json_t *learn_layer_to_json(struct daemon *daemon)
{
    uint64_t size, used;
    if (!session_learn_space(daemon->session, &size, &used))
        return json_null();
    return json_pack("{s:I, s:I}", "size", (json_int_t)size, "used", (json_int_t)used);
}

static json_t *work_status(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    struct daemon *daemon = data;
    (void)args;
    (void)error;
    daemon_catch_up(daemon, stream, MOST_WAIT_MS);
    return json_pack("{s:o, s:o, s:o, s:o}", "routes", routes_to_json(daemon), "queue", queue_to_json(daemon),
                     "classes", classes_to_json(daemon), "learn_layer", learn_layer_to_json(daemon));
}

const struct control_command daemon_status_commands[] = {{.name = "status", .work = work_status}, {.name = NULL}};
