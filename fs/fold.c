#include "fold.h"

#include <glib.h>
#include <string.h>
#include <time.h>

struct window {
    char *executable;                 /* owned */
    const struct denial_facts *facts; /* of @first, or of somebody who looks a window up */
    struct shared_event *first;       /* a ref */
    uint64_t count;
    struct timespec last;
    uint64_t end_ns;
    pid_t others[FOLD_MOST_OTHERS]; /* threads of later calls, 0 = none yet */
};

struct fold {
    uint64_t length_ns;
    size_t most_windows, most_bytes;
    size_t bytes; /* of the records that windows keep */
    /* Paths come from programs and layers: a tree that compares cannot be made slow by colliding hashes. */
    GTree *by_fact;         /* struct window, not owned */
    GQueue order;           /* struct window, owned; the oldest first */
    uint64_t others_end_ns; /* of the second that n_others is counted in */
    unsigned n_others;
};

static int compare_windows(const void *a, const void *b)
{
    const struct window *left = a, *right = b;
    if (left->facts->operation != right->facts->operation)
        return left->facts->operation < right->facts->operation ? -1 : 1;
    if (left->facts->why != right->facts->why)
        return left->facts->why < right->facts->why ? -1 : 1;
    if (left->facts->learned != right->facts->learned)
        return left->facts->learned ? 1 : -1;
    int difference = strcmp(left->facts->path, right->facts->path);
    return difference != 0 ? difference : strcmp(left->executable, right->executable);
}

struct fold *fold_new(unsigned seconds, size_t most_windows, size_t most_bytes)
{
    struct fold *fold = g_new0(struct fold, 1);
    fold->length_ns = seconds * UINT64_C(1000000000);
    fold->most_windows = most_windows;
    fold->most_bytes = most_bytes;
    fold->by_fact = g_tree_new(compare_windows);
    g_queue_init(&fold->order);
    return fold;
}

static void window_free(void *data)
{
    struct window *window = data;
    shared_event_unref(window->first);
    g_free(window->executable);
    g_free(window);
}

void fold_free(struct fold *fold)
{
    if (fold == NULL)
        return;
    g_tree_destroy(fold->by_fact);
    g_queue_clear_full(&fold->order, window_free);
    g_free(fold);
}

static struct window *find(struct fold *fold, const char *executable, const struct denial_facts *facts)
{
    struct window wanted = {.executable = (char *)executable, .facts = facts};
    return g_tree_lookup(fold->by_fact, &wanted);
}

/* A program that tries many names would else be looked at for each of them, which costs what it costs to tell of it. */
static bool has_room_for_others(struct fold *fold, uint64_t now_ns)
{
    if (now_ns >= fold->others_end_ns) {
        fold->others_end_ns = now_ns + UINT64_C(1000000000);
        fold->n_others = 0;
    }
    return fold->n_others < FOLD_MOST_OTHERS_A_SECOND;
}

/* Whether a thread is one that the window has not had; it has it from here on, if there is room. */
static bool is_other(struct fold *fold, struct window *window, pid_t tid, uint64_t now_ns)
{
    if (tid <= 0 || tid == window->facts->tid || !has_room_for_others(fold, now_ns))
        return false;
    for (size_t i = 0; i < FOLD_MOST_OTHERS; i++) {
        if (window->others[i] == tid)
            return false;
        if (window->others[i] == 0) {
            window->others[i] = tid;
            fold->n_others++;
            return true;
        }
    }
    return false;
}

bool fold_again(struct fold *fold, const char *executable, const struct denial_facts *facts, uint64_t now_ns,
                bool *ret_is_other)
{
    struct window *window = find(fold, executable, facts);
    if (window == NULL || now_ns >= window->end_ns)
        return false;
    window->count++;
    clock_gettime(CLOCK_REALTIME, &window->last);
    if (ret_is_other != NULL)
        *ret_is_other = is_other(fold, window, facts->tid, now_ns);
    return true;
}

void fold_open(struct fold *fold, const char *executable, struct shared_event *first, uint64_t now_ns)
{
    const struct denial_record *record = shared_event_get(first)->record;
    if (find(fold, executable, &record->facts) != NULL)
        return;
    struct window *window = g_new(struct window, 1);
    *window = (struct window){
        .executable = g_strdup(executable),
        .facts = &record->facts,
        .first = shared_event_ref(first),
        .count = 1,
        .last = record->last,
        .end_ns = now_ns + fold->length_ns,
    };
    fold->bytes += shared_event_size(first);
    g_tree_insert(fold->by_fact, window, window);
    g_queue_push_tail(&fold->order, window);
}

bool fold_ended(struct fold *fold, uint64_t now_ns, struct shared_event **ret_event)
{
    struct window *oldest = g_queue_peek_head(&fold->order);
    if (oldest == NULL ||
        (oldest->end_ns > now_ns && fold->order.length <= fold->most_windows && fold->bytes <= fold->most_bytes))
        return false;
    g_queue_pop_head(&fold->order);
    fold->bytes -= shared_event_size(oldest->first);
    g_tree_remove(fold->by_fact, oldest);
    *ret_event = oldest->count > 1 ? shared_event_folded(oldest->first, oldest->count, oldest->last) : NULL;
    window_free(oldest);
    return true;
}

uint64_t fold_next_end(const struct fold *fold)
{
    const struct window *oldest = g_queue_peek_head((GQueue *)&fold->order);
    return oldest != NULL ? oldest->end_ns : UINT64_MAX;
}
