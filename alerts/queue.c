/* queue.c - see queue.h.
 *
 *	| u64 length | entry, padded to 8 | u64 length | entry ...      | WRAP |
 *
 * `head` and `tail` count bytes for ever (they do not wrap at the capacity), so full and empty differ.  An
 * entry that does not fit before the end of the buffer leaves WRAP behind and starts at the beginning.  Each
 * side keeps a copy of the other's position and looks at the shared one only when the copy says stop: the two
 * cache lines do not bounce per record. */
#include "alerts/queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WRAP       UINT64_MAX
#define LENGTH     sizeof(uint64_t)
#define CACHE_LINE 64

struct queue {
	uint8_t *buf;
	size_t cap; /* power of two */
	size_t entries_max;
	/* producer's */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	_Atomic uint64_t pushed;
	uint64_t head_seen, popped_seen;
	/* consumer's */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	_Atomic uint64_t popped;
	uint64_t tail_seen;
};

static size_t padded(size_t n)
{
	return LENGTH + ((n + 7) & ~(size_t)7);
}

struct queue *queue_create(size_t bytes, size_t entries)
{
	struct queue *q = aligned_alloc(CACHE_LINE, (sizeof(*q) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	size_t cap = 4096;

	if (!q)
		return NULL;
	memset(q, 0, sizeof(*q));
	while (cap < bytes)
		cap *= 2;
	q->cap = cap;
	q->entries_max = entries ? entries : 1;
	q->buf = aligned_alloc(CACHE_LINE, cap);
	if (!q->buf) {
		free(q);
		return NULL;
	}
	return q;
}

void queue_destroy(struct queue *q)
{
	if (!q)
		return;
	free(q->buf);
	free(q);
}

/* Half the buffer: whatever the position, an entry and the bytes skipped before it then fit an empty ring. */
size_t queue_entry_max(const struct queue *q)
{
	return q->cap / 2 - LENGTH;
}

static bool has_room(struct queue *q, uint64_t tail, size_t need)
{
	if (q->cap - (tail - q->head_seen) >= need)
		return true;
	q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
	return q->cap - (tail - q->head_seen) >= need;
}

static bool has_entry(struct queue *q)
{
	uint64_t pushed = atomic_load_explicit(&q->pushed, memory_order_relaxed);

	if (pushed - q->popped_seen < q->entries_max)
		return true;
	q->popped_seen = atomic_load_explicit(&q->popped, memory_order_acquire);
	return pushed - q->popped_seen < q->entries_max;
}

void *queue_reserve(struct queue *q, size_t n)
{
	uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	size_t at = tail & (q->cap - 1), to_end = q->cap - at, need = padded(n);

	if (n > queue_entry_max(q) || !has_entry(q) ||
	        !has_room(q, tail, need > to_end ? to_end + need : need))
		return NULL;
	return q->buf + (need > to_end ? 0 : at) + LENGTH;
}

void queue_commit(struct queue *q, size_t n)
{
	uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed), len = n, wrap = WRAP;
	size_t at = tail & (q->cap - 1), to_end = q->cap - at, need = padded(n);

	if (need > to_end) { /* to_end is a multiple of 8 and not 0: WRAP fits */
		memcpy(q->buf + at, &wrap, LENGTH);
		tail += to_end;
		at = 0;
	}
	memcpy(q->buf + at, &len, LENGTH);
	atomic_fetch_add_explicit(&q->pushed, 1, memory_order_relaxed);
	/* sequentially consistent: pairs with the consumer's last look before it sleeps (alerts.c) */
	atomic_store(&q->tail, tail + need);
}

bool queue_relaxed(const struct queue *q)
{
	uint64_t used = atomic_load_explicit(&q->tail, memory_order_relaxed) -
	                atomic_load_explicit(&q->head, memory_order_acquire);
	uint64_t entries = atomic_load_explicit(&q->pushed, memory_order_relaxed) -
	                   atomic_load_explicit(&q->popped, memory_order_acquire);

	return used <= q->cap / 2 && entries <= q->entries_max / 2;
}

bool queue_empty(const struct queue *q)
{
	return atomic_load(&q->tail) == atomic_load_explicit(&q->head, memory_order_relaxed);
}

const void *queue_peek(struct queue *q, size_t *n)
{
	uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed), len;

	if (head == q->tail_seen) {
		q->tail_seen = atomic_load_explicit(&q->tail, memory_order_acquire);
		if (head == q->tail_seen)
			return NULL;
	}
	memcpy(&len, q->buf + (head & (q->cap - 1)), LENGTH);
	if (len == WRAP) {
		head += q->cap - (head & (q->cap - 1));
		atomic_store_explicit(&q->head, head, memory_order_release);
		memcpy(&len, q->buf, LENGTH);
	}
	*n = (size_t)len;
	return q->buf + (head & (q->cap - 1)) + LENGTH;
}

void queue_pop(struct queue *q)
{
	uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed), len;

	memcpy(&len, q->buf + (head & (q->cap - 1)), LENGTH);
	atomic_fetch_add_explicit(&q->popped, 1, memory_order_release);
	atomic_store_explicit(&q->head, head + padded((size_t)len), memory_order_release);
}

void queue_use(const struct queue *q, struct queue_use *out)
{
	/* the consumer's side first: it never passes the producer's */
	uint64_t popped = atomic_load_explicit(&q->popped, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);

	*out = (struct queue_use){.taken = popped,
	        .entries = atomic_load_explicit(&q->pushed, memory_order_acquire) - popped,
	        .entries_max = q->entries_max,
	        .bytes = atomic_load_explicit(&q->tail, memory_order_acquire) - head,
	        .bytes_max = q->cap};
}

unsigned queue_fullness(const struct queue_use *u)
{
	uint64_t entries = u->entries * 1000 / u->entries_max, bytes = u->bytes * 1000 / u->bytes_max,
	         most = entries > bytes ? entries : bytes;

	return most > 1000 ? 1000 : (unsigned)most;
}
