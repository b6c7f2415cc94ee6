/* tcp_hold.c - see tcp_hold.h.  A list by sequence number: what comes early mostly belongs at its end, so the
 * place is looked for from there; the cells of a direction are few by the limit of its memory. */
#include "capture/tcp_hold.h"

#include "capture/flow_tcp.h"

#include <string.h>

static uint32_t cell_end(const struct tcp_cell *c)
{
	return c->seq + c->len;
}

/* The first cell that ends behind `at`. */
static struct tcp_cell *first_behind(const struct tcp_hold *h, uint32_t at)
{
	struct tcp_cell *c = h->tail;

	if (!c || seq_diff(cell_end(c), at) <= 0)
		return NULL;
	while (c->prev && seq_diff(cell_end(c->prev), at) > 0)
		c = c->prev;
	return c;
}

static struct tcp_cell *insert_before(struct tcp_hold *h, struct pool *pool, struct tcp_cell *next,
        const struct tcp_segment *s, uint32_t len)
{
	struct tcp_cell *c = pool_get(pool);

	if (!c)
		return NULL;
	c->when_ns = s->when_ns;
	c->seq = s->seq;
	c->len = len;
	c->absent = !s->len;
	if (!c->absent)
		memcpy(c->data, s->p, len);
	c->next = next;
	c->prev = next ? next->prev : h->tail;
	*(c->prev ? &c->prev->next : &h->head) = c;
	*(next ? &next->prev : &h->tail) = c;
	h->cells++;
	h->bytes += len;
	return c;
}

enum hold_result tcp_hold_add(
        struct tcp_hold *h, struct pool *pool, const struct tcp_segment *seg, uint32_t cells_most)
{
	uint32_t room = (uint32_t)(pool_block_size(pool) - sizeof(struct tcp_cell));
	struct tcp_cell *c = first_behind(h, seg->seq);
	enum hold_result r = HOLD_NONE;
	struct tcp_segment s = *seg;

	while (s.len + s.cut) {
		uint32_t n = s.len ? s.len : s.cut;

		if (c && seq_diff(c->seq, s.seq) <= 0) { /* there already */
			tcp_segment_skip(&s, cell_end(c) - s.seq);
			c = c->next;
			continue;
		}
		if (c && c->seq - s.seq < n)
			n = c->seq - s.seq;
		if (s.len && n > room)
			n = room;
		if (h->cells >= cells_most || !insert_before(h, pool, c, &s, n))
			return HOLD_REFUSED;
		tcp_segment_skip(&s, n);
		r = HOLD_SOME;
	}
	return r;
}

bool tcp_hold_differs(const struct tcp_hold *h, const struct tcp_segment *s)
{
	uint32_t end = s->seq + s->len;

	for (struct tcp_cell *c = first_behind(h, s->seq); c && seq_diff(c->seq, end) < 0; c = c->next) {
		uint32_t from = seq_diff(c->seq, s->seq) > 0 ? c->seq : s->seq;
		uint32_t to = seq_diff(cell_end(c), end) < 0 ? cell_end(c) : end;

		if (!c->absent && memcmp(c->data + (from - c->seq), s->p + (from - s->seq), to - from) != 0)
			return true;
	}
	return false;
}

struct tcp_cell *tcp_hold_pop(struct tcp_hold *h)
{
	struct tcp_cell *c = h->head;

	h->head = c->next;
	*(c->next ? &c->next->prev : &h->tail) = NULL;
	h->cells--;
	h->bytes -= c->len;
	return c;
}

void tcp_hold_clear(struct tcp_hold *h, struct pool *pool)
{
	while (h->head)
		pool_put(pool, tcp_hold_pop(h));
}

void tcp_segment_skip(struct tcp_segment *s, uint32_t n)
{
	uint32_t data = n < s->len ? n : s->len, cut = n - data < s->cut ? n - data : s->cut;

	s->seq += data + cut;
	s->len -= data;
	s->cut -= cut;
	if (data)
		s->p += data;
}
