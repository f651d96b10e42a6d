#include "facts.h"

#include "fact_crowd.h"
#include "fact_make.h"
#include "facts_recent.h"
#include "knowledge.h"
#include "record_parse.h"
#include "text.h"

#include <pthread.h>
#include <string.h>

struct facts {
    pthread_mutex_t lock;
    struct facts_head head;            /* [lock] */
    const struct knowledge *knowledge; /* immutable */
    bool is_watched;                   /* immutable */
    GPtrArray *list;                   /* [lock] struct fact, owned, in order of appearance */
    GTree *by_id;                      /* [lock] borrowed from the list */
    size_t memory;                     /* [lock] about what the facts take */
    struct fact_crowds *crowds;        /* [lock] owned */
    struct facts_recent *recent;       /* [lock] owned */
};

static int compare_ids(const void *a, const void *b, void *data)
{
    (void)data;
    return strcmp(a, b);
}

struct facts *facts_new(const struct facts_options *options)
{
    struct facts *facts = g_new0(struct facts, 1);
    pthread_mutex_init(&facts->lock, NULL);
    facts->head.mount = g_strdup(options->mount);
    facts->head.image = g_strdup(options->image);
    facts->knowledge = options->knowledge;
    facts->is_watched = options->is_watched;
    facts->list = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    facts->by_id = g_tree_new_full(compare_ids, NULL, g_free, NULL);
    facts->crowds = fact_crowds_new();
    facts->recent = facts_recent_new();
    return facts;
}

void facts_free(struct facts *facts)
{
    if (facts == NULL)
        return;
    facts_recent_free(facts->recent);
    fact_crowds_free(facts->crowds);
    g_tree_unref(facts->by_id);
    g_ptr_array_unref(facts->list);
    facts_head_clear(&facts->head);
    pthread_mutex_destroy(&facts->lock);
    g_free(facts);
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* About what a fact takes at most: its lists grow, but not beyond a few times of what they are made of. */
static size_t fact_size(const struct fact *fact)
{
    const char *path = fact->paths->len > 0 ? g_ptr_array_index(fact->paths, 0) : NULL;
    size_t size = sizeof *fact + text_size(fact->executable) + text_size(fact->layer_dir) + text_size(fact->note) +
                  4 * text_size(fact->place) + FACT_MOST_PATHS * text_size(path);
    for (char **arg = fact->args; *arg != NULL; arg++)
        size += text_size(*arg) + sizeof *arg;
    for (guint i = 0; i < fact->parents->len; i++)
        size += text_size(g_ptr_array_index(fact->parents, i)) + sizeof(char *);
    return size;
}

/* [lock] What can be said at once. */
static void judge_new(const struct facts *facts, struct fact *fact, const struct denial_record *record)
{
    g_autofree char *program = fact_program(fact);
    g_autofree char *shown = text_quote(program);
    fact_decide(fact, FACT_OPEN, facts->is_watched ? FACT_WAITING : FACT_NOT_SEEN,
                g_strdup(facts->is_watched ? "it is still to be seen how the program goes on"
                                           : "nobody saw how the program went on"));
    if (fact->learned)
        fact_decide(fact, FACT_OPEN, FACT_LEARNED, g_strdup("learn mode let it through"));
    if (fact_is_noise(g_ptr_array_index(fact->paths, 0)))
        fact_decide(fact, FACT_PROBE, FACT_NOISE,
                    g_strconcat(shown, " keeps compiled modules where it can, and goes on without", NULL));
    else if (!facts->is_watched && !fact->learned && fact_is_touch_of_file(record))
        fact_decide(fact, FACT_PROBE, FACT_ASKED,
                    g_strdup("touch of a file that is there asks whether it may be changed"));
}

/* [lock] About what the table takes: facts, those that they were folded from in their ids, and the directories of all. */
static size_t table_size(const struct facts *facts)
{
    enum { NODE = 64 }; /* of the tree */
    return facts->memory + (size_t)g_tree_nnodes(facts->by_id) * (FACTS_ID_SIZE + NODE) +
           fact_crowds_memory(facts->crowds);
}

/* [lock] Takes a fact into the table; NULL, and it is freed, where there is no room. */
static struct fact *insert(struct facts *facts, struct fact *fact)
{
    size_t size = fact_size(fact);
    if (facts->list->len >= FACTS_MOST || table_size(facts) + size > FACTS_MOST_MEMORY) {
        facts->head.left_out += fact->count;
        fact_free(fact);
        return NULL;
    }
    facts->memory += size;
    g_ptr_array_add(facts->list, fact);
    g_tree_insert(facts->by_id, g_strdup(fact->id), fact);
    return fact;
}

static void set_place(struct fact *fact, const char *place)
{
    g_free(fact->place);
    fact->place = g_strdup(place);
    fact->n_asked = 0;
    fact_set_id(fact);
}

struct renaming {
    const GPtrArray *gone; /* of struct fact * */
    GPtrArray *ids;        /* borrowed from the tree */
};

static gboolean find_id(gpointer id, gpointer fact, gpointer data)
{
    const struct renaming *renaming = data;
    if (g_ptr_array_find((GPtrArray *)renaming->gone, fact, NULL))
        g_ptr_array_add(renaming->ids, id);
    return FALSE;
}

/* [lock] Whoever knows a fact that is gone by one of its ids, those among them that it had taken over itself, finds what it
 * has become. */
static void rename_gone(struct facts *facts, const GPtrArray *gone, struct fact *first)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    struct renaming renaming = {.gone = gone, .ids = ids};
    g_tree_foreach(facts->by_id, find_id, &renaming);
    for (guint i = 0; i < ids->len; i++)
        g_tree_insert(facts->by_id, g_strdup(g_ptr_array_index(ids, i)), first);
}

/* [lock] All facts that belong to a place become the first of them. @like: the newest fact, at the end of the list. Returns
 * it. */
static struct fact *gather(struct facts *facts, const char *place, struct fact *like)
{
    struct fact *first = NULL;
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    for (guint i = 0; i < facts->list->len; i++) {
        struct fact *fact = g_ptr_array_index(facts->list, i);
        if (!fact_crowds_holds(place, like, fact) || fact->because == FACT_NOISE)
            continue;
        if (first == NULL) {
            first = fact;
            continue;
        }
        fact_merge(first, fact);
        facts_recent_replace(facts->recent, fact, first);
        facts->memory -= MIN(fact_size(fact), facts->memory);
        g_ptr_array_add(gone, g_ptr_array_steal_index(facts->list, i--));
    }
    if (first == NULL)
        return like;
    rename_gone(facts, gone, first);
    set_place(first, place);
    g_tree_insert(facts->by_id, g_strdup(first->id), first);
    return first;
}

/* [lock] Folds a new fact, which is taken, into the one that it belongs to. NULL where there is no room. */
static struct fact *fold(struct facts *facts, struct fact *fact)
{
    bool is_noise = fact->because == FACT_NOISE;
    const char *place = is_noise ? NULL : fact_crowds_place(facts->crowds, fact);
    if (place != NULL)
        set_place(fact, place);
    struct fact *known = g_tree_lookup(facts->by_id, fact->id);
    if (known != NULL) {
        fact_merge(known, fact);
        fact_free(fact);
        return known;
    }
    fact = insert(facts, fact);
    if (fact == NULL || is_noise)
        return fact;
    place = fact_crowds_add(facts->crowds, fact);
    return place != NULL ? gather(facts, place, fact) : fact;
}

/* Of a file that was made in the last of several directories in turn, the first one stays the directory. */
static void add_to_made(struct fact *made, const struct fact *fact)
{
    if (made->alternatives->len > 0)
        facts_recent_merge(made, fact);
    else
        fact_merge(made, fact);
}

/* [lock] */
static struct fact *add_record(struct facts *facts, const struct denial_record *record)
{
    struct fact *fact = fact_make(record);
    judge_new(facts, fact, record);
    struct fact *earlier = facts_recent_alternative(facts->recent, record, fact);
    struct fact *made = earlier == NULL ? facts_recent_made(facts->recent, record, fact) : NULL;
    if (earlier != NULL) {
        facts_recent_merge(earlier, fact);
        fact_free(fact);
        fact = earlier;
    } else if (made != NULL) {
        add_to_made(made, fact);
        fact_free(fact);
        fact = made;
    } else {
        fact = fold(facts, fact);
    }
    if (fact == NULL)
        return NULL;
    facts_recent_add(facts->recent, record, fact, !facts->is_watched);
    /* In a flood the answer stays the same: all that it depends on, but for place and paths, is of the first record. */
    if (facts->knowledge != NULL && fact->knowledge == NULL && fact->n_asked != fact->paths->len) {
        knowledge_apply(facts->knowledge, facts->head.image, fact);
        fact->n_asked = fact->paths->len;
    }
    return fact;
}

/* [lock] The fact that one is part of; NULL = none. */
static struct fact *find_like(struct facts *facts, struct fact *like)
{
    const char *place = like->because == FACT_NOISE ? NULL : fact_crowds_place(facts->crowds, like);
    if (place != NULL)
        set_place(like, place);
    return g_tree_lookup(facts->by_id, like->id);
}

bool facts_find(struct facts *facts, struct fact *like, char ret_id[FACTS_ID_SIZE])
{
    pthread_mutex_lock(&facts->lock);
    const struct fact *fact = find_like(facts, like);
    g_strlcpy(ret_id, fact != NULL ? fact->id : "", FACTS_ID_SIZE);
    pthread_mutex_unlock(&facts->lock);
    return fact != NULL;
}

/* [lock] The end of a window: the first call of it had a record of its own. */
static void add_count(struct facts *facts, const struct denial_record *record)
{
    struct fact *like = fact_make(record);
    judge_new(facts, like, record);
    struct fact *fact = find_like(facts, like);
    if (fact == NULL)
        fact = facts_recent_find(facts->recent, record);
    uint64_t more = record->count - 1;
    facts->head.denied += more;
    if (fact != NULL) {
        fact->count += more;
        fact->last = record->last;
    } else {
        facts->head.left_out += more;
    }
    fact_free(like);
}

void facts_add(struct facts *facts, const struct denial_event *event, struct facts_place *ret)
{
    struct fact *fact = NULL;
    pthread_mutex_lock(&facts->lock);
    switch (event->kind) {
    case DENIAL_EVENT_RECORD:
        facts->head.denied++;
        fact = add_record(facts, event->record);
        break;
    case DENIAL_EVENT_FOLDED:
        add_count(facts, event->record);
        break;
    case DENIAL_EVENT_DROPPED:
        facts->head.dropped += event->dropped;
        break;
    }
    if (ret != NULL) {
        *ret = (struct facts_place){.is_noise = fact != NULL && fact->because == FACT_NOISE};
        g_strlcpy(ret->id, fact != NULL ? fact->id : "", sizeof ret->id);
    }
    pthread_mutex_unlock(&facts->lock);
}

void facts_decide(struct facts *facts, const char *id, enum fact_class class, enum fact_because because, char *reason)
{
    pthread_mutex_lock(&facts->lock);
    struct fact *fact = g_tree_lookup(facts->by_id, id);
    if (fact != NULL && !fact->learned)
        fact_decide(fact, class, because, reason);
    else
        g_free(reason);
    pthread_mutex_unlock(&facts->lock);
}

gboolean facts_add_line(struct facts *facts, const char *line, size_t size, GError **error)
{
    struct record_line *parsed = record_parse(line, size, error);
    if (parsed == NULL)
        return FALSE;
    pthread_mutex_lock(&facts->lock);
    if (facts->head.mount == NULL)
        facts->head.mount = g_strdup(parsed->mount);
    pthread_mutex_unlock(&facts->lock);
    if (!parsed->is_notice)
        facts_add(facts, &parsed->event, NULL);
    record_line_free(parsed);
    return TRUE;
}

void facts_add_known(struct facts *facts, const struct facts_head *head, const GPtrArray *list)
{
    pthread_mutex_lock(&facts->lock);
    if (facts->head.mount == NULL)
        facts->head.mount = g_strdup(head->mount);
    if (facts->head.image == NULL)
        facts->head.image = g_strdup(head->image);
    if (facts->head.written == NULL)
        facts->head.written = fact_written_ref(head->written);
    facts->head.denied += head->denied;
    facts->head.left_out += head->left_out;
    facts->head.dropped += head->dropped;
    for (guint i = 0; i < list->len; i++) {
        const struct fact *fact = g_ptr_array_index(list, i);
        if (g_tree_lookup(facts->by_id, fact->id) == NULL)
            insert(facts, fact_copy(fact));
    }
    pthread_mutex_unlock(&facts->lock);
}

GPtrArray *facts_list(struct facts *facts)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    pthread_mutex_lock(&facts->lock);
    for (guint i = 0; i < facts->list->len; i++)
        g_ptr_array_add(list, fact_copy(g_ptr_array_index(facts->list, i)));
    pthread_mutex_unlock(&facts->lock);
    return list;
}

void facts_head(struct facts *facts, struct facts_head *ret)
{
    pthread_mutex_lock(&facts->lock);
    *ret = facts->head;
    ret->mount = g_strdup(facts->head.mount);
    ret->image = g_strdup(facts->head.image);
    ret->written = fact_written_ref(facts->head.written);
    pthread_mutex_unlock(&facts->lock);
}

json_t *facts_json(struct facts *facts)
{
    struct facts_head head;
    facts_head(facts, &head);
    g_autoptr(GPtrArray) list = facts_list(facts);
    json_t *document = facts_to_json(&head, list);
    facts_head_clear(&head);
    return document;
}
