/* handover.c - see handover.h.  Two buffers: one is filled by the others under a lock, one is read by the
 * owner without.  A packet in a buffer is its struct, the bytes from its transport header on, and its MAC
 * addresses, which the pointers of the struct are set to when it is taken. */
#include "capture/handover.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MACS 12

struct buffer {
	uint8_t *b;
	size_t used;
};

struct handover {
	pthread_mutex_t lock;
	size_t size;
	struct buffer filled; /* under the lock */
	atomic_bool any;      /* something is in it; a look without the lock */
	struct buffer read;   /* the owner's */
	size_t at;
};

struct handover *handover_create(size_t bytes, struct err *e)
{
	struct handover *h = calloc(1, sizeof(*h));

	if (h) {
		h->size = bytes;
		h->filled.b = malloc(bytes);
		h->read.b = malloc(bytes);
		if (h->filled.b && h->read.b && !pthread_mutex_init(&h->lock, NULL))
			return h;
		free(h->filled.b);
		free(h->read.b);
		free(h);
	}
	err_set(e, "no memory for packets that workers hand to each other (%zu bytes)", bytes);
	return NULL;
}

void handover_destroy(struct handover *h)
{
	if (!h)
		return;
	pthread_mutex_destroy(&h->lock);
	free(h->filled.b);
	free(h->read.b);
	free(h);
}

static size_t transport_len(const struct packet *p)
{
	return (size_t)(p->payload - p->transport) + p->payload_len;
}

static size_t room_for(const struct packet *p)
{
	return (sizeof(*p) + MACS + transport_len(p) + _Alignof(struct packet) - 1) &
	       ~(_Alignof(struct packet) - 1);
}

static void copy_mac(uint8_t *to, const uint8_t *mac)
{
	if (mac)
		memcpy(to, mac, 6);
}

bool handover_put(struct handover *h, const struct packet *p)
{
	size_t n = room_for(p);
	uint8_t *to;
	bool fits;

	pthread_mutex_lock(&h->lock);
	fits = n <= h->size - h->filled.used;
	if (fits) {
		to = h->filled.b + h->filled.used;
		memcpy(to, p, sizeof(*p));
		to += sizeof(*p);
		copy_mac(to, p->src_mac);
		copy_mac(to + 6, p->dst_mac);
		memcpy(to + MACS, p->transport, transport_len(p));
		h->filled.used += n;
		atomic_store_explicit(&h->any, true, memory_order_relaxed);
	}
	pthread_mutex_unlock(&h->lock);
	return fits;
}

static void swap(struct handover *h)
{
	struct buffer empty = {.b = h->read.b};

	h->at = h->read.used = 0;
	if (!atomic_load_explicit(&h->any, memory_order_relaxed))
		return;
	pthread_mutex_lock(&h->lock);
	h->read = h->filled;
	h->filled = empty;
	atomic_store_explicit(&h->any, false, memory_order_relaxed);
	pthread_mutex_unlock(&h->lock);
}

bool handover_take(struct handover *h, int64_t until_ns, struct packet *p)
{
	const uint8_t *from;
	size_t header;

	if (h->at == h->read.used)
		swap(h);
	if (h->at == h->read.used)
		return false;
	from = h->read.b + h->at;
	memcpy(p, from, sizeof(*p));
	if (p->ts_ns > until_ns)
		return false;
	h->at += room_for(p);
	from += sizeof(*p);
	header = (size_t)(p->payload - p->transport);
	if (p->src_mac)
		p->src_mac = from;
	if (p->dst_mac)
		p->dst_mac = from + 6;
	p->transport = from + MACS;
	p->payload = p->transport + header;
	p->data = p->ip = NULL;
	p->caplen = 0;
	p->late = true;
	return true;
}
