/* flow_tcp.c - see flow_tcp.h */
#include "capture/flow_tcp.h"

#include "base/clock.h"

#define REUSE_QUIET_NS NS_PER_S   /* a connection in use is not silent so long before a SYN of the next */
#define TCP_HOLE_MAX   (16 << 20) /* further off: garbage, or so much was lost that any figure is a guess */
#define TURN_PACKETS   8          /* first packets of a flow, which may still turn it round */

static bool has(const struct flow *f, uint8_t bit, enum flow_dir dir)
{
	return f->tcp_state & bit << dir;
}

static void set(struct flow *f, uint8_t bit, enum flow_dir dir)
{
	f->tcp_state = (uint8_t)(f->tcp_state | bit << dir);
}

static bool any_fin(const struct flow *f)
{
	return f->tcp_state & (FLOW_TCP_FIN | FLOW_TCP_FIN << 1);
}

/* A SYN or SYN/ACK of this very connection: a retransmission, or one that comes late. */
static bool own_syn(const struct flow *f, enum flow_dir dir, const struct packet *p)
{
	int32_t d;

	if (has(f, FLOW_TCP_ISN, dir))
		return f->isn[dir] == p->seq;
	if (f->tcp_state & FLOW_TCP_LINGER)
		return false;
	if (!has(f, FLOW_TCP_NEXT, dir))
		return true;
	d = seq_diff(p->seq + 1, f->next_seq[dir]);
	return d <= 0 && d >= -TCP_NEAR;
}

enum flow_end flow_tcp_reused(
        const struct flow *f, enum flow_dir dir, const struct packet *p, int64_t quiet_ns)
{
	bool unused = !f->payload[0] && !f->payload[1];
	bool accepted = p->tcp_flags & TCP_ACK; /* a server accepts only what is new to it */

	if (!(p->tcp_flags & TCP_SYN) || p->tcp_flags & TCP_RST || own_syn(f, dir, p))
		return FLOW_LIVE;
	if (f->tcp_state & FLOW_TCP_LINGER)
		return f->tcp_state & FLOW_TCP_RST ? FLOW_RST : FLOW_FIN;
	if (any_fin(f))
		return FLOW_FIN;
	/* another answer to the same SYN: a proxy or a server that kept no state (RFC 4987 3.6) */
	if (accepted && unused && has(f, FLOW_TCP_ISN, !dir) && p->ack == f->isn[!dir] + 1)
		return FLOW_LIVE;
	if (quiet_ns >= REUSE_QUIET_NS || (accepted && has(f, FLOW_TCP_ISN, dir)))
		return FLOW_IDLE;
	return unused && !(f->flags & FLOW_F_SYNACK) ? FLOW_IDLE : FLOW_LIVE;
}

#define SWAP(a)                                                                                              \
	do {                                                                                                 \
		__typeof__((a)[0]) swap_ = (a)[0];                                                           \
		(a)[0] = (a)[1];                                                                             \
		(a)[1] = swap_;                                                                              \
	} while (0)

bool flow_tcp_turn(struct flow *f, enum flow_dir dir, const struct packet *p)
{
	const uint8_t pairs = (FLOW_TCP_NEXT | FLOW_TCP_ISN | FLOW_TCP_FIN);
	enum flow_dir right = p->tcp_flags & TCP_ACK ? FLOW_S2C : FLOW_C2S;
	uint8_t st = f->tcp_state;

	if (!(p->tcp_flags & TCP_SYN) || dir == right || f->flags & (FLOW_F_SYN | FLOW_F_SYNACK) ||
	        f->inspect || f->tcp || f->packets[0] + f->packets[1] >= TURN_PACKETS)
		return false;
	SWAP(f->addr);
	SWAP(f->port);
	SWAP(f->bytes);
	SWAP(f->payload);
	SWAP(f->packets);
	SWAP(f->missed);
	SWAP(f->next_seq);
	SWAP(f->isn);
	SWAP(f->hole_begin);
	SWAP(f->hole_end);
	f->tcp_state =
	        (uint8_t)((st & (FLOW_TCP_RST | FLOW_TCP_LINGER)) | (st & pairs) << 1 | (st >> 1 & pairs));
	f->flags ^= FLOW_F_HIGH;
	f->flags &= (uint8_t)~FLOW_F_MAC;
	return true;
}

static void missed_add(struct flow *f, enum flow_dir dir, uint32_t n)
{
	uint32_t sum;

	f->missed[dir] = __builtin_add_overflow(f->missed[dir], n, &sum) ? UINT32_MAX : sum;
}

/* One range stands for all holes that lie near one another: a retransmission within it lowers missed[], one
 * elsewhere (lost behind us, seen twice) does not. */
static void hole_open(struct flow *f, enum flow_dir dir, uint32_t begin, uint32_t end)
{
	if (f->hole_begin[dir] == f->hole_end[dir] || !seq_near(begin, f->hole_end[dir], TCP_NEAR))
		f->hole_begin[dir] = begin;
	f->hole_end[dir] = end;
	missed_add(f, dir, end - begin);
}

static void hole_fill(struct flow *f, enum flow_dir dir, uint32_t begin, uint32_t end)
{
	uint32_t n;

	if (!f->missed[dir] || f->hole_begin[dir] == f->hole_end[dir])
		return;
	if (seq_diff(begin, f->hole_begin[dir]) < 0)
		begin = f->hole_begin[dir];
	if (seq_diff(end, f->hole_end[dir]) > 0)
		end = f->hole_end[dir];
	if (seq_diff(end, begin) <= 0)
		return;
	n = end - begin;
	f->missed[dir] -= n < f->missed[dir] ? n : f->missed[dir];
	if (begin == f->hole_begin[dir])
		f->hole_begin[dir] = end;
}

static void know_isn(struct flow *f, enum flow_dir dir, uint32_t isn)
{
	f->isn[dir] = isn;
	set(f, FLOW_TCP_ISN, dir);
	if (!has(f, FLOW_TCP_NEXT, dir) || !f->payload[dir]) {
		f->next_seq[dir] = isn + 1;
		set(f, FLOW_TCP_NEXT, dir);
	}
}

/* What a SYN says, or of a SYN that was not captured the acknowledgement of it. */
static void learn_isn(struct flow *f, enum flow_dir dir, const struct packet *p)
{
	enum flow_dir peer = (enum flow_dir) !dir;

	if (p->tcp_flags & TCP_SYN) {
		know_isn(f, dir, p->seq);
		f->flags |= p->tcp_flags & TCP_ACK ? FLOW_F_SYNACK : FLOW_F_SYN;
		if (p->tcp_flags & TCP_ACK && !has(f, FLOW_TCP_ISN, peer) && !f->payload[peer])
			know_isn(f, peer, p->ack - 1);
		return;
	}
	if (p->tcp_flags & TCP_ACK && f->flags & FLOW_F_SYN && !has(f, FLOW_TCP_ISN, peer) &&
	        !has(f, FLOW_TCP_NEXT, peer) && has(f, FLOW_TCP_ISN, dir) && p->seq == f->isn[dir] + 1)
		know_isn(f, peer, p->ack - 1);
}

static uint32_t cut_off(const struct packet *p)
{
	return p->payload_wire > p->payload_len ? p->payload_wire - p->payload_len : 0;
}

static void count_seq(struct flow *f, enum flow_dir dir, const struct packet *p)
{
	uint32_t start = p->seq + (p->tcp_flags & TCP_SYN ? 1 : 0);
	uint32_t data_end = start + p->payload_wire;
	uint32_t end = data_end + (p->tcp_flags & TCP_FIN ? 1 : 0);
	uint32_t next = f->next_seq[dir];
	int32_t d = seq_diff(start, next);

	if (!has(f, FLOW_TCP_NEXT, dir)) {
		set(f, FLOW_TCP_NEXT, dir);
		f->next_seq[dir] = end;
		missed_add(f, dir, cut_off(p));
		return;
	}
	if (!seq_near(start, next, TCP_HOLE_MAX)) {
		f->next_seq[dir] = end;
		return;
	}
	if (d > 0)
		hole_open(f, dir, next, start);
	if (d >= 0)
		missed_add(f, dir, cut_off(p));
	else if (p->payload_wire)
		hole_fill(f, dir, start, data_end);
	if (seq_diff(end, next) > 0)
		f->next_seq[dir] = end;
}

static bool reset_plausible(const struct flow *f, enum flow_dir dir, const struct packet *p)
{
	if (!has(f, FLOW_TCP_NEXT, dir) || seq_near(p->seq, f->next_seq[dir], TCP_NEAR))
		return true;
	/* RFC 9293 3.5.2: the answer to a SYN has sequence number 0 and acknowledges it */
	return p->tcp_flags & TCP_ACK && has(f, FLOW_TCP_NEXT, !dir) && p->ack == f->next_seq[!dir];
}

bool flow_tcp_count(struct flow *f, enum flow_dir dir, const struct packet *p)
{
	bool foreign_syn = p->tcp_flags & TCP_SYN && has(f, FLOW_TCP_ISN, dir) && f->isn[dir] != p->seq &&
	                   (f->payload[0] || f->payload[1]);
	uint32_t before = f->next_seq[dir];
	bool known = has(f, FLOW_TCP_NEXT, dir);

	if (foreign_syn)
		return false;
	if (p->tcp_flags & TCP_RST) {
		if (f->tcp_state & FLOW_TCP_LINGER || !reset_plausible(f, dir, p))
			return false;
		f->tcp_state |= FLOW_TCP_RST | FLOW_TCP_LINGER;
		return true;
	}
	learn_isn(f, dir, p);
	count_seq(f, dir, p);
	if (!(p->tcp_flags & TCP_FIN) || (known && !seq_near(p->seq, before, TCP_NEAR)))
		return false;
	set(f, FLOW_TCP_FIN, dir);
	if (f->tcp_state & FLOW_TCP_LINGER || (!has(f, FLOW_TCP_FIN, !dir) && f->packets[!dir]))
		return false;
	f->tcp_state |= FLOW_TCP_LINGER;
	return true;
}
