#include "image_fetch.h"

#include "app_error.h"
#include "image_child.h"
#include "image_digest.h"
#include "image_interrupt.h"
#include "image_progress.h"
#include "image_store.h"
#include "image_unpack.h"
#include "text.h"
#include "unpack_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSES_MAX 4

enum job_state {
    JOB_WAITS,
    JOB_RUNS,
    JOB_DONE,
};

struct job {
    const struct image_plan_layer *layer;
    size_t number; /* from 1 */
    enum job_state state;
    int lock_fd; /* of the layer, while it runs */
    struct image_tmp tmp;
    struct image_child child;
    struct image_result result;
};

struct fetch {
    const char *store;
    const struct image_plan *plan;
    GArray *holds;
    struct job *jobs;
    size_t n, n_done, n_running, most;
    struct image_progress *progress; /* NULL until something is to be unpacked */
    struct image_interrupt interrupt;
};

static gboolean fail_job(const struct fetch *fetch, const struct job *job, GError *cause, GError **error)
{
    g_autofree char *shown = text_word(fetch->plan->text);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s: layer %zu of %zu (%.12s): %s", shown, job->number, fetch->n,
                image_digest_hex(job->layer->diff_id), cause->message);
    g_error_free(cause);
    return FALSE;
}

/* What the blobs of missing layers have, for the bar. */
static uint64_t total_size(const struct fetch *fetch)
{
    uint64_t total = 0;
    for (size_t i = 0; i < fetch->n; i++) {
        struct image_region region;
        const struct image_plan_layer *layer = fetch->jobs[i].layer;
        if (fetch->jobs[i].state == JOB_DONE || !image_source_find(fetch->plan->source, layer->path, &region, NULL))
            continue;
        total += region.size;
        close(region.fd);
    }
    return total;
}

static void show(struct fetch *fetch)
{
    uint64_t done = 0;
    for (size_t i = 0; i < fetch->n; i++)
        done += fetch->jobs[i].result.done;
    image_progress_update(fetch->progress, done, fetch->n_done);
}

/* Whether the layer is in the store, and held from now on. */
static bool take_present(struct fetch *fetch, struct job *job)
{
    g_autofree char *directory = image_store_layer_dir(fetch->store, job->layer->diff_id);
    int hold = image_store_hold(directory);
    if (hold < 0)
        return false;
    g_array_append_val(fetch->holds, hold);
    job->state = JOB_DONE;
    fetch->n_done++;
    return true;
}

static gboolean check_size(const struct job *job, const struct image_region *region, GError **error)
{
    if (job->layer->size < 0 || (uint64_t)job->layer->size == region->size)
        return TRUE;
    return app_error_failed(error,
                            "its blob has %" G_GUINT64_FORMAT " bytes and should have %" G_GINT64_FORMAT
                            "; the image is damaged, copy it again",
                            region->size, job->layer->size);
}

static gboolean start_child(struct fetch *fetch, struct job *job, const struct image_region *region, GError **error)
{
    if (!check_size(job, region, error) || !image_tmp_make(fetch->store, &job->tmp, error))
        return FALSE;
    if (mkdirat(job->tmp.fd, "tree", 0755) != 0)
        return unpack_fail_errno(error, "cannot make a directory in the store", errno);
    int tree_fd = openat(job->tmp.fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree_fd < 0)
        return unpack_fail_errno(error, "cannot open a directory in the store", errno);
    const struct image_unpack unpack = {
        .offset = region->offset,
        .size = region->size,
        .digest = job->layer->digest,
        .diff_id = job->layer->diff_id,
    };
    gboolean done = image_unpack_start(&job->child, region->fd, tree_fd, &unpack, error);
    close(tree_fd);
    return done;
}

/* With the lock of the layer. */
static gboolean start_locked(struct fetch *fetch, struct job *job, GError **error)
{
    GError *cause = NULL;
    struct image_region region;
    if (fetch->progress == NULL)
        fetch->progress = image_progress_start(fetch->n, total_size(fetch));
    gboolean done = image_source_find(fetch->plan->source, job->layer->path, &region, &cause);
    if (done) {
        done = start_child(fetch, job, &region, &cause);
        close(region.fd);
    }
    if (!done)
        return fail_job(fetch, job, cause, error);
    job->state = JOB_RUNS;
    fetch->n_running++;
    return TRUE;
}

/* Starts a job, unless its layer is there or another process is at it. */
static gboolean start(struct fetch *fetch, struct job *job, bool wait, GError **error)
{
    GError *cause = NULL;
    if (take_present(fetch, job))
        return TRUE;
    if (wait)
        image_interrupt_allow(&fetch->interrupt);
    job->lock_fd = image_store_lock_layer(fetch->store, job->layer->diff_id, wait, &cause);
    if (wait)
        image_interrupt_forbid(&fetch->interrupt);
    if (job->lock_fd < 0)
        return cause == NULL ? TRUE : fail_job(fetch, job, cause, error);
    /* It may have come while we waited. */
    if (!take_present(fetch, job))
        return start_locked(fetch, job, error);
    close(job->lock_fd);
    job->lock_fd = -1;
    return TRUE;
}

static gboolean keep(struct fetch *fetch, struct job *job, GError **error)
{
    g_autofree char *place = image_store_layer_dir(fetch->store, job->layer->diff_id);
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string("rofuse.layer/1"));
    json_object_set_new(json, "size", json_integer((json_int_t)job->result.size));
    json_object_set_new(json, "entries", json_integer((json_int_t)job->result.entries));
    int hold = -1;
    if (image_store_write_json(job->tmp.path, "layer.json", json, error))
        hold = image_tmp_keep(fetch->store, &job->tmp, place, error);
    json_decref(json);
    if (hold < 0)
        return FALSE;
    g_array_append_val(fetch->holds, hold);
    return TRUE;
}

static gboolean finish(struct fetch *fetch, struct job *job, GError **error)
{
    GError *cause = NULL;
    fetch->n_running--;
    gboolean done = keep(fetch, job, &cause);
    image_tmp_clear(&job->tmp);
    close(job->lock_fd);
    job->lock_fd = -1;
    job->state = JOB_DONE;
    fetch->n_done++;
    if (!done)
        return fail_job(fetch, job, cause, error);
    image_progress_layer(fetch->progress, job->number, job->layer->diff_id, job->result.size, job->result.dropped);
    return TRUE;
}

/* Waits until one of the processes says something, and takes what they say. */
static gboolean take_reports(struct fetch *fetch, GError **error)
{
    struct pollfd events[PROCESSES_MAX + 1] = {{.fd = fetch->interrupt.fd, .events = POLLIN}};
    nfds_t n = 1;
    for (size_t i = 0; i < fetch->n; i++) {
        if (fetch->jobs[i].state == JOB_RUNS)
            events[n++] = (struct pollfd){.fd = fetch->jobs[i].child.fd, .events = POLLIN};
    }
    (void)poll(events, n, -1);
    if (image_interrupt_came(&fetch->interrupt))
        return app_error_failed(error, "interrupted");
    for (size_t i = 0; i < fetch->n; i++) {
        struct job *job = &fetch->jobs[i];
        GError *cause = NULL;
        if (job->state != JOB_RUNS)
            continue;
        enum image_child_state state = image_child_take(&job->child, &job->result, &cause);
        if (state == IMAGE_CHILD_FAILED)
            return fail_job(fetch, job, cause, error);
        if (state == IMAGE_CHILD_DONE && !finish(fetch, job, error))
            return FALSE;
    }
    show(fetch);
    return TRUE;
}

/* Where all that are left are unpacked by others, one of them is waited for; we hold nothing that they could want. */
static gboolean wait_for_others(struct fetch *fetch, GError **error)
{
    for (size_t i = 0; i < fetch->n; i++) {
        struct job *job = &fetch->jobs[i];
        if (job->state != JOB_WAITS)
            continue;
        app_notice("layer %zu of %zu is being unpacked by another process; waiting for it", job->number, fetch->n);
        return start(fetch, job, true, error);
    }
    return TRUE;
}

static gboolean run(struct fetch *fetch, GError **error)
{
    while (fetch->n_done < fetch->n) {
        for (size_t i = 0; i < fetch->n && fetch->n_running < fetch->most; i++) {
            struct job *job = &fetch->jobs[i];
            if (job->state == JOB_WAITS && !start(fetch, job, false, error))
                return FALSE;
        }
        if (fetch->n_done == fetch->n)
            break;
        if (fetch->n_running > 0 ? !take_reports(fetch, error) : !wait_for_others(fetch, error))
            return FALSE;
    }
    return TRUE;
}

static void clear(struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->n; i++) {
        struct job *job = &fetch->jobs[i];
        image_child_kill(&job->child);
        image_tmp_clear(&job->tmp);
        if (job->lock_fd >= 0)
            close(job->lock_fd);
    }
    if (fetch->progress != NULL)
        image_progress_end(fetch->progress);
    g_free(fetch->jobs);
}

gboolean image_fetch(const char *store, const struct image_plan *plan, GArray *holds, GError **error)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct fetch fetch = {.store = store, .plan = plan, .holds = holds, .n = plan->n_layers};
    fetch.most = processors < 1 ? 1 : MIN((size_t)processors, PROCESSES_MAX);
    fetch.jobs = g_new0(struct job, plan->n_layers + 1);
    for (size_t i = 0; i < fetch.n; i++) {
        fetch.jobs[i] = (struct job){.layer = &plan->layers[i], .number = i + 1, .lock_fd = -1};
        fetch.jobs[i].tmp.fd = -1;
        /* What is there is taken first, so that the bar knows what is to come. */
        (void)take_present(&fetch, &fetch.jobs[i]);
    }
    image_interrupt_begin(&fetch.interrupt);
    gboolean done = run(&fetch, error);
    clear(&fetch);
    image_interrupt_end(&fetch.interrupt);
    return done;
}
