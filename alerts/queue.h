/* queue.h - a bounded byte ring between one producer and one consumer, without a lock.
 *
 * Entries are contiguous and 8-byte aligned, so both sides work in place.  Bounded twice: by bytes and by
 * entries.  The producer never waits; what to do when it is full is the caller's decision. */
#ifndef ALERTS_QUEUE_H
#define ALERTS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* Room for `entries` entries and about `bytes` bytes (rounded up to a power of two); NULL: no memory. */
struct queue *queue_create(size_t bytes, size_t entries);
void queue_destroy(struct queue *q); /* NULL is fine */
/* The longest entry that can ever fit. */
size_t queue_entry_max(const struct queue *q);

/* Producer: n bytes to write into, aligned to 8; NULL when there is no room.  Nothing is visible to the
 * consumer before queue_commit() with the same n. */
void *queue_reserve(struct queue *q, size_t n);
void queue_commit(struct queue *q, size_t n);
/* Producer: is no more than half of it in use? */
bool queue_relaxed(const struct queue *q);

/* Consumer: the oldest entry and its length; NULL when empty.  Valid until queue_pop(). */
const void *queue_peek(struct queue *q, size_t *n);
void queue_pop(struct queue *q);
bool queue_empty(const struct queue *q); /* either side */

/* What stands in it: anybody may ask, and gets numbers that were true a moment ago. */
struct queue_use {
	uint64_t entries, entries_max, bytes, bytes_max;
	uint64_t taken; /* entries that the consumer has taken so far */
};
void queue_use(const struct queue *q, struct queue_use *out);
/* The fuller of its two bounds, in thousandths. */
unsigned queue_fullness(const struct queue_use *u);

#endif
