/* tcp.h - the bytes of both directions of a TCP connection, in order.
 *
 * In-order payload is handed on without a copy; what comes early waits in cells of TCP_CELL bytes in a
 * bounded pool of the worker.  Overlaps: the first data seen wins; overlaps that differ are counted as far as
 * the first data still waits.  Sequence numbers wrap (RFC 9293 3.4).
 *
 * Start: behind the SYN when the flow table knows it (also from the SYN/ACK's acknowledgement) and no payload
 * went by before; else at the first payload seen: what comes later but lies before that is ignored.
 *
 * A hole is given up and passed on as a gap, and then what waits behind it comes out, when
 *  - the peer acknowledged past it, and since then TCP_GRACE_NS went by or TCP_GRACE_PACKETS packets came
 *    from behind the hole (on a span port an acknowledgement may be captured before its data); the time
 *    alone counts where packets of the flow came late from another worker;
 *  - the peer is not seen: gap_bytes of later data wait, or gap_ns went by since the first of them came;
 *  - there is no memory for what waits (flow_bytes, or the pool): never blocks, never costs another flow;
 *  - the connection is over: RST, tcp_close().
 * What the capture says it cut is a gap; bytes that only the headers speak of are a hole like any other.  One
 * acknowledged byte with nothing behind it is taken for a FIN that was not captured.  Segments further than
 * TCP_WINDOW_MAX from what is expected are ignored, until TCP_STRAYS_MAX in a row follow one another: then
 * the reader goes on there (gap; length 0 when that is backwards).
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

#define TCP_CELL          2048 /* memory unit of waiting data, its head included */
#define TCP_GRACE_NS      (100 * 1000 * 1000LL)
#define TCP_GRACE_PACKETS 8
#define TCP_WINDOW_MAX    (16 << 20)
#define TCP_STRAYS_MAX    4

struct tcp_limits {
	size_t streams;      /* connections read at once */
	size_t segments_mb;  /* memory for segments that wait, MiB, shared by all flows of the worker */
	uint32_t flow_bytes; /* memory for what waits in one direction (whole cells) */
	uint32_t gap_bytes;  /* 256 KiB: later data that gives a hole up when the peer is not seen */
	int64_t gap_ns;      /* 2 s: the same in time */
};

struct tcp_stats {
	uint64_t out_of_order, retransmitted, overlap_differs, gaps, gap_bytes;
	uint64_t out_of_window;                     /* segments and resets too far from what is expected */
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

/* Begins to follow the bytes of f (sets f->tcp); call before tcp_input() of its first packet of interest,
 * after flow_track() of that packet.
 * 0, or -1 when no memory is left (counted). */
int tcp_open(struct tcp_reader *t, struct flow *f);
/* Stops following and frees what waits; NULL f->tcp is fine. */
void tcp_release(struct tcp_reader *t, struct flow *f);
/* Stops one direction (nothing more to learn there): its bytes are no longer kept, nothing of it comes out
 * any more, not even END. */
void tcp_mute(struct tcp_reader *t, struct flow *f, enum flow_dir dir);
/* Takes one packet; what tcp_next() did not fetch of the packet before counts as not captured. */
void tcp_input(struct tcp_reader *t, struct flow *f, enum flow_dir dir, const struct packet *p);
/* The connection is over (flow ended): what still waits comes out, with gaps, and then END for both sides. */
void tcp_close(struct tcp_reader *t, struct flow *f);
bool tcp_next(struct tcp_reader *t, struct flow *f, struct tcp_chunk *c);
void tcp_reader_stats(const struct tcp_reader *t, struct tcp_stats *out);

#endif
