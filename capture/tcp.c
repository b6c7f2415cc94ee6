/* tcp.c - see tcp.h.  RFC 9293 for the sequence space; what a sensor adds is in the header.
 *
 * tcp_input() only notes what a packet brought: it is in order (then it stays where it is, in `in`), or early
 * (then it is copied into the hold), and whether a hole may now be given up (then `flush_to` is set).
 * tcp_next() works off what the state allows, one chunk a call, so that nothing is handed out twice and a
 * caller may stop following at any chunk. */
#include "capture/tcp.h"

#include "capture/flow_tcp.h"
#include "capture/tcp_hold.h"

#include <stdlib.h>
#include <string.h>

#define DIR_STARTED 0x01 /* next is known */
#define DIR_FIN     0x02 /* fin is known */
#define DIR_ACKED   0x04 /* acked is known */
#define DIR_PASSED  0x08 /* the peer acknowledged what we do not have, since passed_ns */
#define DIR_FLUSH   0x10 /* holes before flush_to are given up */
#define DIR_SEEN    0x20 /* seen_ns is set */
#define DIR_MUTED   0x40
#define DIR_ENDED   0x80
#define DIR_JUMPED  0x100 /* next went back after an outage: a gap of unknown length is due */

struct tcp_dir {
	struct tcp_hold hold;
	uint16_t flags; /* DIR_* */
	uint32_t next;  /* next byte to hand on */
	uint32_t fin;   /* where the data ends */
	uint32_t acked; /* highest acknowledgement of the peer */
	uint32_t flush_to;
	uint32_t stray_next; /* end of the last segment that lay out of the window */
	uint8_t strays;      /* how many such follow one another */
	uint8_t behind_hole; /* packets from behind a hole since its bytes were acknowledged */
	int64_t passed_ns;
	int64_t seen_ns; /* last packet of this direction */
};

struct tcp_stream {
	struct tcp_dir d[2];
	struct tcp_segment in;  /* of the packet at hand, in order or too much to hold */
	enum flow_dir in_dir;   /* direction of the packet at hand */
	bool over;              /* RST or tcp_close(): nothing more comes */
	bool late;              /* some packets come later than what was sent after them */
	struct tcp_cell *spent; /* its bytes are with the caller until the next call */
	int64_t now;
};

struct tcp_reader {
	struct tcp_limits limits;
	uint32_t cells_most;
	struct pool *streams, *cells;
	struct tcp_stats stats;
};

struct tcp_reader *tcp_reader_create(const struct tcp_limits *l, struct err *e)
{
	struct tcp_reader *t = calloc(1, sizeof(*t));

	if (t) {
		t->limits = *l;
		t->cells_most = l->flow_bytes / TCP_CELL;
		t->streams = pool_create(sizeof(struct tcp_stream), l->streams);
		t->cells = pool_create(TCP_CELL, l->segments_mb * ((1 << 20) / TCP_CELL));
		if (t->streams && t->cells)
			return t;
	}
	err_set(e, "no memory for %zu TCP streams and %zu MiB of their segments", l->streams, l->segments_mb);
	tcp_reader_destroy(t);
	return NULL;
}

void tcp_reader_destroy(struct tcp_reader *t)
{
	if (!t)
		return;
	pool_destroy(t->streams);
	pool_destroy(t->cells);
	free(t);
}

int tcp_open(struct tcp_reader *t, struct flow *f)
{
	struct tcp_stream *s;

	if (f->tcp)
		return 0;
	s = pool_get(t->streams);
	if (!s) {
		t->stats.refused_streams++;
		return -1;
	}
	memset(s, 0, sizeof(*s));
	f->tcp = s;
	return 0;
}

static void give_back_spent(struct tcp_reader *t, struct tcp_stream *s)
{
	pool_put(t->cells, s->spent);
	s->spent = NULL;
}

void tcp_release(struct tcp_reader *t, struct flow *f)
{
	struct tcp_stream *s = f->tcp;

	if (!s)
		return;
	give_back_spent(t, s);
	tcp_hold_clear(&s->d[0].hold, t->cells);
	tcp_hold_clear(&s->d[1].hold, t->cells);
	pool_put(t->streams, s);
	f->tcp = NULL;
}

void tcp_mute(struct tcp_reader *t, struct flow *f, enum flow_dir dir)
{
	if (!f->tcp)
		return;
	f->tcp->d[dir].flags |= DIR_MUTED;
	tcp_hold_clear(&f->tcp->d[dir].hold, t->cells);
}

/* ---- taking packets in ---- */

static void dir_start(struct tcp_dir *d, uint32_t next)
{
	d->next = next;
	d->flags |= DIR_STARTED;
}

/* Where a direction begins: behind the SYN (another SYN/ACK may take the place of the first), as long as no
 * payload went by. */
static void learn_start(const struct flow *f, struct tcp_stream *s, enum flow_dir dir, const struct packet *p)
{
	uint32_t len = p->payload_wire;

	for (int k = 0; k < 2; k++) {
		uint64_t before = f->payload[k] - (k == (int)dir && f->payload[k] >= len ? len : 0);
		bool syn = k == (int)dir && p->tcp_flags & TCP_SYN;

		if ((!(s->d[k].flags & DIR_STARTED) || syn) && f->tcp_state & FLOW_TCP_ISN << k && !before)
			dir_start(&s->d[k], f->isn[k] + 1);
	}
	if (!(s->d[dir].flags & DIR_STARTED) && !(p->tcp_flags & TCP_RST) &&
	        (len || p->tcp_flags & (TCP_SYN | TCP_FIN)))
		dir_start(&s->d[dir], p->seq + (p->tcp_flags & TCP_SYN ? 1 : 0));
}

static void take_ack(struct tcp_dir *d, const struct packet *p)
{
	if (!(p->tcp_flags & TCP_ACK) || p->tcp_flags & TCP_RST || !(d->flags & DIR_STARTED) ||
	        !seq_near(p->ack, d->next, TCP_WINDOW_MAX))
		return;
	if (!(d->flags & DIR_ACKED) || seq_diff(p->ack, d->acked) > 0)
		d->acked = p->ack;
	d->flags |= DIR_ACKED;
}

static bool reset_plausible(const struct tcp_stream *s, enum flow_dir dir, const struct packet *p)
{
	const struct tcp_dir *d = &s->d[dir], *peer = &s->d[!dir];

	if (!(d->flags & DIR_STARTED) || seq_near(p->seq, d->next, TCP_NEAR))
		return true;
	/* RFC 9293 3.5.2: the answer to a SYN has sequence number 0 and acknowledges it */
	return p->tcp_flags & TCP_ACK && peer->flags & DIR_STARTED && p->ack == peer->next;
}

/* A segment far from what is expected is garbage, but some that follow one another are the stream after an
 * outage.  True: go on with it, next was moved there. */
static bool stray_accept(struct tcp_reader *t, struct tcp_dir *d, const struct tcp_segment *seg)
{
	bool follows = d->strays && seq_near(seg->seq, d->stray_next, TCP_NEAR);

	t->stats.out_of_window++;
	d->strays = (uint8_t)(follows ? d->strays + 1 : 1);
	d->stray_next = tcp_segment_end(seg);
	return d->strays >= TCP_STRAYS_MAX && seg->len + seg->cut;
}

static void flush_to(struct tcp_dir *d, uint32_t to)
{
	if (!(d->flags & DIR_FLUSH) || seq_diff(to, d->flush_to) > 0)
		d->flush_to = to;
	d->flags |= DIR_FLUSH;
}

static void restart_at(struct tcp_reader *t, struct tcp_dir *d, uint32_t seq)
{
	d->strays = 0;
	d->flags &= (uint16_t) ~(DIR_ACKED | DIR_FIN | DIR_PASSED);
	if (seq_diff(seq, d->next) > 0) {
		flush_to(d, seq);
		return;
	}
	tcp_hold_clear(&d->hold, t->cells);
	d->next = seq;
	d->flags |= DIR_JUMPED;
}

static void take_fin(struct tcp_dir *d, uint32_t at)
{
	struct tcp_cell *last = d->hold.tail;

	if (d->flags & DIR_FIN || seq_diff(at, d->next) < 0 ||
	        (last && seq_diff(last->seq + last->len, at) > 0))
		return; /* the first counts, and none that denies data seen already */
	d->fin = at;
	d->flags |= DIR_FIN;
}

/* Leaves what is new: not handed on yet, not behind the FIN.  False: nothing. */
static bool trim(struct tcp_reader *t, const struct tcp_dir *d, struct tcp_segment *seg)
{
	int32_t behind_fin = d->flags & DIR_FIN ? seq_diff(tcp_segment_end(seg), d->fin) : 0;
	int32_t old = seq_diff(d->next, seg->seq);
	bool probe = seg->len + seg->cut == 1 && old == 1; /* keep-alive, RFC 9293 3.8.4 */

	if (behind_fin > 0) {
		uint32_t n = (uint32_t)behind_fin, cut = n < seg->cut ? n : seg->cut;

		seg->cut -= cut;
		n -= cut;
		seg->len -= n < seg->len ? n : seg->len;
	}
	if (old > 0 && seg->len + seg->cut) {
		t->stats.retransmitted += !probe;
		tcp_segment_skip(seg, (uint32_t)old);
	}
	return seg->len + seg->cut;
}

/* A packet that is shorter than its headers say and was not cut by the capture may have been cut before (then
 * its sender's next bytes are behind a hole), or have been sent so, and dropped (then they come again, and
 * count).  Only where the stream ends its headers are believed: then it does not end too early. */
static uint32_t fin_at(const struct packet *p, const struct tcp_segment *seg)
{
	return seg->seq + (p->payload_wire > seg->len ? p->payload_wire : seg->len);
}

static void take_data(struct tcp_reader *t, struct tcp_stream *s, enum flow_dir dir, const struct packet *p)
{
	struct tcp_dir *d = &s->d[dir];
	struct tcp_segment seg = {.p = p->payload,
	        .seq = p->seq + (p->tcp_flags & TCP_SYN ? 1 : 0),
	        .len = p->payload_len,
	        .cut = p->payload_cut,
	        .when_ns = p->ts_ns};

	if (d->flags & (DIR_MUTED | DIR_ENDED) || (!seg.len && !seg.cut && !(p->tcp_flags & TCP_FIN)))
		return;
	if (seg.len > TCP_WINDOW_MAX || seg.cut > TCP_WINDOW_MAX) { /* no datagram is so long */
		t->stats.out_of_window++;
		return;
	}
	if (!seq_near(seg.seq, d->next, TCP_WINDOW_MAX)) {
		if (!stray_accept(t, d, &seg))
			return;
		restart_at(t, d, seg.seq);
		if (p->tcp_flags & TCP_FIN)
			take_fin(d, fin_at(p, &seg));
		s->in = seg;
		return;
	}
	d->strays = 0;
	if (p->tcp_flags & TCP_FIN)
		take_fin(d, fin_at(p, &seg));
	if (!trim(t, d, &seg))
		return;
	t->stats.overlap_differs += tcp_hold_differs(&d->hold, &seg);
	if (seg.seq == d->next) {
		s->in = seg;
		d->flags &= (uint16_t)~DIR_PASSED;
		return;
	}
	if (d->flags & DIR_PASSED && d->behind_hole < UINT8_MAX)
		d->behind_hole++;
	switch (tcp_hold_add(&d->hold, t->cells, &seg, t->cells_most)) {
	case HOLD_NONE:
		t->stats.retransmitted++;
		break;
	case HOLD_REFUSED:
		t->stats.refused_segments++;
		flush_to(d, seg.seq);
		s->in = seg;
		/* fall through */
	case HOLD_SOME:
		t->stats.out_of_order++;
	}
}

/* Has anything happened that gives up the hole at the front? */
static void judge_hole(const struct tcp_reader *t, struct tcp_stream *s, enum flow_dir dir)
{
	struct tcp_dir *d = &s->d[dir], *peer = &s->d[!dir];
	const struct tcp_cell *first = d->hold.head;
	uint32_t next = d->next, ack = d->acked;

	if (!(d->flags & DIR_STARTED) || d->flags & (DIR_MUTED | DIR_ENDED))
		return;
	if (s->in_dir == dir && s->in.len + s->in.cut && s->in.seq == next)
		next = tcp_segment_end(&s->in);
	if (!(d->flags & DIR_ACKED) || seq_diff(ack, next) <= 0) {
		d->flags &= (uint16_t)~DIR_PASSED;
	} else if (!(d->flags & DIR_PASSED)) {
		d->flags |= DIR_PASSED;
		d->passed_ns = s->now;
		d->behind_hole = 0;
	} else if (s->now - d->passed_ns >= TCP_GRACE_NS ||
	           (d->behind_hole >= TCP_GRACE_PACKETS && !s->late)) {
		if (first || ack - next > 1 || d->flags & DIR_FIN)
			flush_to(d, ack);
	}
	if (first && seq_diff(first->seq, next) > 0 &&
	        (!(peer->flags & DIR_SEEN) || peer->seen_ns <= first->when_ns) &&
	        (d->hold.bytes >= t->limits.gap_bytes || s->now - first->when_ns >= t->limits.gap_ns))
		flush_to(d, first->seq);
}

void tcp_input(struct tcp_reader *t, struct flow *f, enum flow_dir dir, const struct packet *p)
{
	struct tcp_stream *s = f->tcp;

	if (!s)
		return;
	give_back_spent(t, s);
	memset(&s->in, 0, sizeof(s->in));
	if (s->over)
		return;
	s->in_dir = dir;
	s->late |= p->late;
	if (p->ts_ns > s->now)
		s->now = p->ts_ns;
	learn_start(f, s, dir, p);
	take_ack(&s->d[!dir], p);
	s->d[dir].seen_ns = s->now;
	s->d[dir].flags |= DIR_SEEN;
	if (!(p->tcp_flags & TCP_RST))
		take_data(t, s, dir, p);
	else if (reset_plausible(s, dir, p))
		s->over = true;
	else
		t->stats.out_of_window++;
	judge_hole(t, s, FLOW_C2S);
	judge_hole(t, s, FLOW_S2C);
}

void tcp_close(struct tcp_reader *t, struct flow *f)
{
	(void)t;
	if (!f->tcp)
		return;
	memset(&f->tcp->in, 0, sizeof(f->tcp->in));
	f->tcp->in_dir = FLOW_S2C;
	f->tcp->over = true;
}

/* ---- handing chunks on ---- */

static bool hand_gap(
        struct tcp_reader *t, struct tcp_stream *s, struct tcp_dir *d, uint32_t n, struct tcp_chunk *c)
{
	c->what = TCP_GAP;
	c->len = n;
	c->when_ns = s->now;
	d->next += n;
	t->stats.gaps++;
	t->stats.gap_bytes += n;
	return true;
}

static bool hand_end(struct tcp_reader *t, struct tcp_stream *s, struct tcp_dir *d, struct tcp_chunk *c)
{
	c->what = TCP_END;
	c->when_ns = s->now;
	d->flags |= DIR_ENDED;
	tcp_hold_clear(&d->hold, t->cells);
	return true;
}

static bool hand_cell(struct tcp_reader *t, struct tcp_stream *s, struct tcp_dir *d, struct tcp_chunk *c)
{
	struct tcp_cell *cell = tcp_hold_pop(&d->hold);
	uint32_t n = cell->len;

	if (cell->absent) {
		pool_put(t->cells, cell);
		return hand_gap(t, s, d, n, c);
	}
	s->spent = cell;
	c->what = TCP_DATA;
	c->p = cell->data;
	c->len = n;
	c->when_ns = cell->when_ns;
	d->next += n;
	return true;
}

/* From the packet itself, up to what waits from earlier packets. */
static bool hand_packet(struct tcp_reader *t, struct tcp_stream *s, struct tcp_dir *d, struct tcp_chunk *c)
{
	struct tcp_segment *in = &s->in;
	uint32_t n = in->len ? in->len : in->cut;

	if (d->hold.head && d->hold.head->seq - d->next < n)
		n = d->hold.head->seq - d->next;
	if (!in->len) {
		in->cut -= n;
		in->seq += n;
		return hand_gap(t, s, d, n, c);
	}
	c->what = TCP_DATA;
	c->p = in->p;
	c->len = n;
	c->when_ns = in->when_ns;
	d->next += n;
	tcp_segment_skip(in, n);
	return true;
}

static bool hand_hole(struct tcp_reader *t, struct tcp_stream *s, struct tcp_dir *d,
        const struct tcp_segment *in, struct tcp_chunk *c)
{
	uint32_t stops[3], to = d->next;
	size_t n = 0;
	bool found;

	if (d->flags & DIR_FIN)
		stops[n++] = d->fin;
	if (in)
		stops[n++] = in->seq;
	if (d->hold.head)
		stops[n++] = d->hold.head->seq;
	found = n > 0;
	if (found)
		to = stops[--n];
	while (n-- > 0)
		if (seq_diff(stops[n], to) < 0)
			to = stops[n];
	if (s->over) {
		if (!found && d->flags & DIR_ACKED && seq_diff(d->acked, d->next) > 1)
			to = d->acked;
		return to == d->next ? hand_end(t, s, d, c) : hand_gap(t, s, d, to - d->next, c);
	}
	if (!(d->flags & DIR_FLUSH) || seq_diff(d->flush_to, d->next) <= 0) {
		d->flags &= (uint16_t)~DIR_FLUSH;
		return false;
	}
	if (!found || seq_diff(d->flush_to, to) < 0)
		to = d->flush_to;
	return hand_gap(t, s, d, to - d->next, c);
}

static bool dir_next(struct tcp_reader *t, struct tcp_stream *s, enum flow_dir dir, struct tcp_chunk *c)
{
	struct tcp_dir *d = &s->d[dir];
	struct tcp_segment *in = s->in_dir == dir ? &s->in : NULL;

	*c = (struct tcp_chunk){.dir = dir};
	if (d->flags & (DIR_MUTED | DIR_ENDED))
		return false;
	if (!(d->flags & DIR_STARTED))
		return s->over && hand_end(t, s, d, c);
	if (d->flags & DIR_JUMPED) {
		d->flags &= (uint16_t)~DIR_JUMPED;
		return hand_gap(t, s, d, 0, c);
	}
	if (in && seq_diff(d->next, in->seq) > 0)
		tcp_segment_skip(in, d->next - in->seq);
	if (in && !(in->len + in->cut))
		in = NULL;
	if (d->hold.head && d->hold.head->seq == d->next)
		return hand_cell(t, s, d, c);
	if (in && in->seq == d->next)
		return hand_packet(t, s, d, c);
	if (d->flags & DIR_FIN && d->fin == d->next)
		return hand_end(t, s, d, c);
	return hand_hole(t, s, d, in, c);
}

bool tcp_next(struct tcp_reader *t, struct flow *f, struct tcp_chunk *c)
{
	struct tcp_stream *s = f->tcp;

	if (!s)
		return false;
	give_back_spent(t, s);
	/* what the packet acknowledges was sent before it */
	return dir_next(t, s, (enum flow_dir) !s->in_dir, c) || dir_next(t, s, s->in_dir, c);
}

void tcp_reader_stats(const struct tcp_reader *t, struct tcp_stats *out)
{
	*out = t->stats;
}
