/* tcp_hold.h - the bytes of one direction that came early, sorted and without overlaps, in cells of a pool.
 * Inside capture/tcp*.c only. */
#ifndef CAPTURE_TCP_HOLD_H
#define CAPTURE_TCP_HOLD_H

#include "base/pool.h"

#include <stdbool.h>
#include <stdint.h>

/* Part of a direction's bytes as a packet brought it: len bytes at p, then cut bytes that were on the wire
 * but not captured. */
struct tcp_segment {
	const uint8_t *p;
	uint32_t seq, len, cut;
	int64_t when_ns;
};

struct tcp_cell {
	struct tcp_cell *prev, *next;
	int64_t when_ns;
	uint32_t seq, len;
	bool absent; /* stands for cut bytes: data[] is not used */
	uint8_t data[];
};

struct tcp_hold {
	struct tcp_cell *head, *tail;
	uint32_t cells;
	uint32_t bytes; /* sequence space that waits, cut bytes included */
};

enum hold_result { HOLD_NONE, HOLD_SOME, HOLD_REFUSED };

/* Keeps what of the segment is not there yet.  NONE: nothing was new; REFUSED: no cell was left for a part of
 * it (other parts may have been kept). */
enum hold_result tcp_hold_add(
        struct tcp_hold *h, struct pool *pool, const struct tcp_segment *s, uint32_t cells_most);
/* True when bytes of the segment are not those that wait in the same place. */
bool tcp_hold_differs(const struct tcp_hold *h, const struct tcp_segment *s);
/* Takes the first cell out (there is one); the caller gives it back to the pool. */
struct tcp_cell *tcp_hold_pop(struct tcp_hold *h);
void tcp_hold_clear(struct tcp_hold *h, struct pool *pool);

/* Drops the first n bytes of the segment. */
void tcp_segment_skip(struct tcp_segment *s, uint32_t n);
static inline uint32_t tcp_segment_end(const struct tcp_segment *s)
{
	return s->seq + s->len + s->cut;
}

#endif
