/*
 * cache - things that are kept for a while because they will be asked for again: descriptors, listings of directories.
 *
 * Nodes keep no descriptors (DESIGN.md decision 8); opening a directory by its path for every name in it would cost more
 * than everything else, though. What is kept is known by the number of a file, which is one file's alone for as long as
 * that can be opened: layers do not change, and a descriptor that is kept holds the number of a file of a route. So an
 * entry is right for as long as it is there.
 *
 * What nobody uses is let go, the longest unused first, when it weighs more than the capacity together. The lock is never
 * held over a system call or @destroy. Any thread.
 */
#ifndef ROFUSE_FS_CACHE_H
#define ROFUSE_FS_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct cache;
struct cache_entry;

#define CACHE_ROUTE 0x80000000u

struct cache_key {
    uint64_t number; /* one of the mount's (numbers.h) */
    int64_t
        birth; /* of a route's file, in ns: a number may be used again, and somebody still hold on to the first file */
    uint32_t
        part; /* of a directory that several layers make up: 1 + the layer; of a route: CACHE_ROUTE + its index; else 0 */
};

/* @capacity: what idle entries may weigh together; @least: so many stay, however much they weigh. @destroy: frees an object;
 * called without the lock. Never fails. */
struct cache *cache_new(size_t capacity, unsigned least, void (*destroy)(void *object));
/* Nobody may use an entry any more. NULL is allowed. */
void cache_free(struct cache *cache);

/* The entry of a key, in use until cache_release(), or NULL. */
struct cache_entry *cache_get(struct cache *cache, struct cache_key key);

/* Puts in what was just made; takes ownership of @object. Where somebody was faster, his is returned. Never NULL. */
struct cache_entry *cache_put(struct cache *cache, struct cache_key key, void *object, size_t weight);

/* The object of an entry that is in use; borrowed. */
void *cache_object(const struct cache_entry *entry);
/* The same, where the object is a descriptor. */
int cache_fd(const struct cache_entry *entry);

/* Gives up the use of an entry; NULL is allowed. */
void cache_release(struct cache *cache, struct cache_entry *entry);

/* Lets go of a key's entry (the file was removed): destroyed at once, or when its last user is done. */
void cache_drop(struct cache *cache, struct cache_key key);

/* The same for all keys of a part. Looks at every entry. */
void cache_drop_part(struct cache *cache, uint32_t part);

/* A cache of descriptors, which it closes; a weight of 1 each. */
struct cache *cache_new_fds(size_t capacity);
struct cache_entry *cache_put_fd(struct cache *cache, struct cache_key key, int fd);

#endif
