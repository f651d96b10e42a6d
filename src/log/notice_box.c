#include "notice_box.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#define CAPACITY 64

struct notice_box {
    atomic_int references;
    atomic_bool reopen;
    pthread_mutex_t lock;
    GQueue notices; /* [lock] struct notice, owned, oldest first; at most CAPACITY */
};

struct notice_box *notice_box_new(void)
{
    struct notice_box *box = g_new0(struct notice_box, 1);
    atomic_init(&box->references, 1);
    atomic_init(&box->reopen, false);
    pthread_mutex_init(&box->lock, NULL);
    g_queue_init(&box->notices);
    return box;
}

struct notice_box *notice_box_ref(struct notice_box *box)
{
    atomic_fetch_add(&box->references, 1);
    return box;
}

void notice_box_unref(struct notice_box *box)
{
    if (atomic_fetch_sub(&box->references, 1) != 1)
        return;
    struct notice notice;
    while (notice_box_take(box, &notice))
        g_free(notice.message);
    pthread_mutex_destroy(&box->lock);
    g_free(box);
}

void notice_box_post(struct notice_box *box, const char *message)
{
    struct notice *notice = g_new0(struct notice, 1);
    clock_gettime(CLOCK_REALTIME, &notice->time);
    notice->message = g_strdup(message);
    pthread_mutex_lock(&box->lock);
    bool fits = g_queue_get_length(&box->notices) < CAPACITY;
    if (fits)
        g_queue_push_tail(&box->notices, notice);
    pthread_mutex_unlock(&box->lock);
    if (!fits) {
        g_free(notice->message);
        g_free(notice);
    }
}

bool notice_box_take(struct notice_box *box, struct notice *ret)
{
    pthread_mutex_lock(&box->lock);
    struct notice *notice = g_queue_pop_head(&box->notices);
    pthread_mutex_unlock(&box->lock);
    if (notice == NULL)
        return false;
    *ret = *notice;
    g_free(notice);
    return true;
}

void notice_box_post_reopen(struct notice_box *box)
{
    atomic_store(&box->reopen, true);
}

bool notice_box_take_reopen(struct notice_box *box)
{
    return atomic_exchange(&box->reopen, false);
}
