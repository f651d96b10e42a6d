#include "written.h"

#include "counters.h"
#include "learn_diff.h"
#include "session.h"

#include <sys/stat.h>

/* What the routes count. A native one is written past the daemon: of it nothing is known, and nothing said. */
static bool add_routes(struct daemon *daemon, struct fact_written *written)
{
    bool done = true;
    pthread_mutex_lock(&daemon->lock);
    const struct state *state = daemon->state;
    for (size_t i = 0; i < state->n_routes && done; i++) {
        const struct route_spec *route = &state->routes[i];
        unsigned counter = state_counter(state, i);
        if (route->native || counter >= COUNTERS_ROUTES)
            continue;
        const struct counters_written *seen = &daemon->counters->written[counter];
        uint64_t bytes = atomic_load(&seen->bytes) + atomic_load(&seen->grown), files = atomic_load(&seen->files);
        /* Directories alone take next to nothing, which is known as well. */
        if (files > 0 || atomic_load(&daemon->counters->changes[counter]) > 0)
            done = fact_written_add(written, route->target, bytes, MAX(files, 1));
    }
    pthread_mutex_unlock(&daemon->lock);
    return done;
}

/* What is there is told by its directory; a directory that is told as one has what is in it added up. */
static bool add_change(struct fact_written *written, const struct learn_change *change)
{
    if (change->kind == LEARN_REMOVED)
        return true;
    if (S_ISDIR(change->mode))
        return fact_written_add(written, change->path, change->size, MAX(change->n_below, 1));
    g_autofree char *directory = g_path_get_dirname(change->path);
    return fact_written_add(written, directory, change->size, 1);
}

static bool add_learned(struct daemon *daemon, struct fact_written *written)
{
    struct learn_diff *diff = session_learn_diff(daemon->session);
    uint64_t bytes = atomic_load(&daemon->counters->learned_bytes), kept = diff != NULL ? diff->bytes : 0;
    bool done = diff == NULL || !diff->is_cut;
    for (size_t i = 0; diff != NULL && i < diff->n_changes && done; i++)
        done = add_change(written, &diff->changes[i]);
    /* A file that was copied up has bytes that nobody wrote: they hide as many of those that are gone. */
    written->gone = bytes > kept ? bytes - kept : 0;
    learn_diff_free(diff);
    return done;
}

struct fact_written *written_find(struct daemon *daemon)
{
    struct fact_written *written = fact_written_new();
    if (add_routes(daemon, written) && add_learned(daemon, written))
        return written;
    fact_written_unref(written);
    return NULL;
}
