/*
 * caller_memory - reads what stands in a caller's memory: his command line, the path of his system call.
 *
 * Reading it takes a lock of the caller's own, and a hostile caller can see to it that this takes for ever, while the kernel
 * holds the lock of the directory that he wants to change. So a thread of its own reads, and whoever asked goes on without
 * an answer after half a second. As long as that thread is held up nobody else asks: they get no answer at once.
 */
#ifndef ROFUSE_FS_CALLER_MEMORY_H
#define ROFUSE_FS_CALLER_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct caller_memory;

/* Starts the thread, all signals blocked in it; call after the last fork. NULL when it cannot be started: nothing is
 * readable then. */
struct caller_memory *caller_memory_new(void);

/* Ends the thread; one that is held up is left behind. No read may be under way. NULL is allowed. */
void caller_memory_free(struct caller_memory *memory);

enum caller_memory_kind {
    CALLER_MEMORY_ARGS,   /* the command line, NUL after NUL; @address is not looked at */
    CALLER_MEMORY_BYTES,  /* exactly @size bytes at @address */
    CALLER_MEMORY_STRING, /* up to the NUL, which is within @size */
};

/*
 * caller_memory_read - asks for memory of a thread that is blocked in a request of ours.
 *
 * @memory: NULL = nothing is readable. @buffer: of @size bytes.
 *
 * Returns the length (of a string without its NUL), or -errno: -EBUSY (the reader is held up by somebody else),
 * -ETIMEDOUT, -EFAULT, -ENAMETOOLONG (no NUL), -EPERM. Waits no longer than half a second for the reader. Any thread, no lock held.
 */
ssize_t caller_memory_read(struct caller_memory *memory, pid_t tid, enum caller_memory_kind kind, uint64_t address,
                           char *buffer, size_t size);

#endif
