/* tcp.h - the bytes of both directions of a TCP connection, in order.
 *
 * In-order payload is handed on without a copy; what comes early waits in a bounded pool of the worker.
 * Overlaps: the first data seen wins, differing overlaps are counted.  A hole is skipped as a gap when the
 * peer acknowledged past it, or, when only one side is seen, after gap_bytes or gap_ns of later data; a
 * capture that starts mid-stream starts where it starts.  Snaplen cuts are gaps.  Sequence numbers wrap
 * (RFC 9293 3.4).
 *
 * Use: tcp_input() once for each packet, then tcp_next() until it answers false:
 *
 *	tcp_input(t, f, dir, p);
 *	while (tcp_next(t, f, &c))
 *		...
 */
#ifndef CAPTURE_TCP_H
#define CAPTURE_TCP_H

#include "capture/flow.h"

struct tcp_limits {
	size_t streams;        /* connections read at once */
	size_t segments_mb;    /* memory for segments that wait, MiB, shared by all flows of the worker */
	uint32_t flow_bytes;   /* waiting bytes of one direction at most */
	uint32_t gap_bytes;    /* 256 KiB: later data that gives a hole up when the peer is not seen */
	int64_t gap_ns;        /* 2 s: the same in time */
};

struct tcp_stats {
	uint64_t out_of_order, retransmitted, overlap_differs, gaps, gap_bytes;
	uint64_t refused_streams, refused_segments; /* no memory: not followed, became a gap */
};

struct tcp_reader; /* one per worker */
struct tcp_reader *tcp_reader_create(const struct tcp_limits *l, struct err *e);
void tcp_reader_destroy(struct tcp_reader *t);

enum tcp_what { TCP_DATA, TCP_GAP, TCP_END }; /* END: FIN reached in order, RST, or tcp_close() */

struct tcp_chunk {
	enum tcp_what what;
	enum flow_dir dir;
	const uint8_t *p; /* TCP_DATA: borrowed until the next tcp_next() or tcp_input() */
	uint64_t len;     /* DATA: bytes at p; GAP: bytes that will never come (0: unknown) */
	int64_t when_ns;  /* time of the packet that carried the bytes */
};

/* Begins to follow the bytes of f (sets f->tcp); call before tcp_input() of its first packet of interest.
 * 0, or -1 when no memory is left (counted). */
int tcp_open(struct tcp_reader *t, struct flow *f);
/* Stops following and frees what waits; NULL f->tcp is fine. */
void tcp_release(struct tcp_reader *t, struct flow *f);
/* Stops one direction (nothing more to learn there): its bytes are no longer kept or handed on. */
void tcp_mute(struct tcp_reader *t, struct flow *f, enum flow_dir dir);
void tcp_input(struct tcp_reader *t, struct flow *f, enum flow_dir dir, const struct packet *p);
/* The connection is over (flow ended): what still waits comes out, with gaps, and then END for both sides. */
void tcp_close(struct tcp_reader *t, struct flow *f);
bool tcp_next(struct tcp_reader *t, struct flow *f, struct tcp_chunk *c);
void tcp_reader_stats(const struct tcp_reader *t, struct tcp_stats *out);

#endif
