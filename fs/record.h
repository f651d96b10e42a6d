/*
 * record - denial records and events as objects that several queues share.
 */
#ifndef ROFUSE_FS_RECORD_H
#define ROFUSE_FS_RECORD_H

#include "denial.h"

struct caller_memory;

/* Copies the facts and reads the caller. @mount: the mount's device; 0 = not known. Owned; one ref. Any thread. */
struct denial_record *record_new(const struct denial_facts *facts, struct caller_memory *memory, dev_t mount);
void record_free(struct denial_record *record); /* NULL is allowed */

/* About how much memory a record takes, in bytes. */
size_t record_size(const struct denial_record *record);

/* An event with its record, shared by queues; the record is owned by the event or by another event that is kept. */
struct shared_event;

/* @record: taken over. */
struct shared_event *shared_event_new(struct denial_record *record);
/* The end of a folding window: the first event's record with another count and last time. */
struct shared_event *shared_event_folded(struct shared_event *first, uint64_t count, struct timespec last);

struct shared_event *shared_event_ref(struct shared_event *event);
void shared_event_unref(struct shared_event *event); /* NULL is allowed */
const struct denial_event *shared_event_get(const struct shared_event *event);
size_t shared_event_size(const struct shared_event *event);

#endif
