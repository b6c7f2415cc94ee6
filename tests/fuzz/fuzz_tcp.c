/* fuzz_tcp.c - the input is a schedule of packets of one connection; what comes out is held against a model
 * that keeps, for each position of both streams, what went by first.
 *
 * Always: data equal the model's bytes at their position, no position comes twice, a gap skips no byte that
 * went by and could be kept, END is last; after tcp_close() everything that went by came out.
 *
 * Input: 2 bytes each of the initial sequence numbers (times 65537, so that they wrap), 1 byte of limits,
 * then steps of 6 bytes: kind and direction, position (2), length, cut, time.  RFC 9293. */
#include "capture/tcp.h"

#include "base/cursor.h"

#include <stdlib.h>
#include <string.h>

#define SPAN 4096 /* positions used of each stream */

enum mark { NOTHING, BYTE, ABSENT };

struct model {
	uint8_t byte[SPAN], mark[SPAN];
	uint32_t at;  /* handed on so far */
	uint32_t fin; /* SPAN + 1: none */
	bool ended;
};

struct world {
	struct flow_table *flows;
	struct tcp_reader *reader;
	struct flow *f;
	struct model m[2];
	uint32_t base[2];
	int64_t now;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void drain(struct world *w)
{
	struct tcp_chunk c;

	while (tcp_next(w->reader, w->f, &c)) {
		struct model *m = &w->m[c.dir];

		must(!m->ended);
		if (c.what == TCP_END) {
			m->ended = true;
			continue;
		}
		must(c.len > 0 && c.len <= SPAN - m->at && c.when_ns <= w->now);
		for (uint32_t i = 0; i < c.len; i++) {
			if (c.what == TCP_DATA)
				must(m->mark[m->at + i] == BYTE && m->byte[m->at + i] == c.p[i]);
			else
				must(m->mark[m->at + i] != BYTE);
		}
		m->at += (uint32_t)c.len;
	}
}

/* What the packet brings, where nothing was before. */
static void model_add(struct model *m, uint32_t at, const uint8_t *p, uint32_t len, uint32_t cut)
{
	for (uint32_t i = 0; i < len + cut; i++) {
		if (at + i < m->at || at + i >= m->fin || m->mark[at + i] != NOTHING || m->ended)
			continue;
		m->mark[at + i] = i < len ? BYTE : ABSENT;
		m->byte[at + i] = i < len ? p[i] : 0;
	}
}

/* A FIN counts unless it denies what went by. */
static void model_fin(struct model *m, uint32_t at)
{
	if (m->ended || m->fin <= SPAN || at < m->at)
		return;
	for (uint32_t i = at; i < SPAN; i++)
		if (m->mark[i] != NOTHING)
			return;
	m->fin = at;
}

static void packet(struct world *w, enum flow_dir from, uint8_t flags, uint32_t at, uint32_t ack,
        const uint8_t *p, uint32_t len, uint32_t cut)
{
	struct packet k = {.ts_ns = w->now, .proto = PROTO_TCP, .tcp_flags = flags};
	enum flow_dir dir;

	k.src.b[0] = (uint8_t)(from == FLOW_C2S ? 1 : 2);
	k.dst.b[0] = (uint8_t)(from == FLOW_C2S ? 2 : 1);
	k.sport = from == FLOW_C2S ? 40000 : 443;
	k.dport = from == FLOW_C2S ? 443 : 40000;
	k.seq = w->base[from] + at - (flags & TCP_SYN ? 1 : 0);
	k.ack = w->base[!from] + ack;
	k.payload = p;
	k.payload_len = len;
	k.payload_wire = len + cut;
	k.payload_cut = cut;
	w->f = flow_track(w->flows, &k, &dir);
	must(dir == from && tcp_open(w->reader, w->f) == 0);
	if (flags & TCP_FIN)
		model_fin(&w->m[from], at + len + cut);
	model_add(&w->m[from], at, p, len, cut);
	tcp_input(w->reader, w->f, dir, &k);
	drain(w);
}

static void step(struct world *w, struct cur *c)
{
	uint8_t kind = cur_u8(c);
	uint32_t at = cur_be16(c) % SPAN, len = cur_u8(c), cut = cur_u8(c), ack = 0;
	enum flow_dir from = kind & 1 ? FLOW_S2C : FLOW_C2S;
	uint8_t flags = TCP_ACK, version = kind >> 6, *copy;

	w->now += (int64_t)cur_u8(c) * 10 * 1000 * 1000;
	if (kind & 2) { /* acknowledges; not more than there is room for */
		ack = at;
		at = len * 16u;
		len = cut = 0;
	}
	cut = kind & 8 ? cut : 0;
	if (at + len + cut > SPAN)
		len = cut = 0;
	if (kind & 4)
		flags |= TCP_FIN;
	copy = malloc(len + !len); /* exact size, gone after the packet */
	must(copy != NULL);
	for (uint32_t i = 0; i < len; i++) /* versions differ, as overlaps may */
		copy[i] = (uint8_t)(at + i + version * 77u);
	packet(w, from, flags, at, ack, copy, len, cut);
	free(copy);
}

/* Tables are made once and left empty by every run; one reader for each kind of limits. */
static struct tcp_reader *reader_for(uint8_t how)
{
	static struct tcp_reader *readers[32];
	struct tcp_limits l = {.streams = 1, .segments_mb = 1, .gap_ns = 2000000000};

	l.flow_bytes = (how & 15) * TCP_CELL;
	l.gap_bytes = how & 16 ? 512 : UINT32_MAX;
	if (!readers[how & 31])
		readers[how & 31] = tcp_reader_create(&l, NULL);
	return readers[how & 31];
}

static struct flow_table *table(void)
{
	static struct flow_table *t;
	const struct flow_limits l = {.flows = 8, .idle_tcp_s = 86400, .idle_udp_s = 60};

	if (!t)
		t = flow_table_create(&l, NULL);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	static int64_t now = 1000000000;
	struct cur c = cur_of(data, size);

	memset(&w, 0, sizeof(w));
	w.now = now;
	w.base[0] = cur_be16(&c) * 65537u;
	w.base[1] = cur_be16(&c) * 65537u;
	w.m[0].fin = w.m[1].fin = SPAN + 1;
	w.flows = table();
	w.reader = reader_for(cur_u8(&c));
	must(w.flows && w.reader);
	packet(&w, FLOW_C2S, TCP_SYN, 0, 0, NULL, 0, 0);
	packet(&w, FLOW_S2C, TCP_SYN | TCP_ACK, 0, 0, NULL, 0, 0);
	while (cur_left(&c) >= 6)
		step(&w, &c);
	tcp_close(w.reader, w.f);
	drain(&w);
	for (int d = 0; d < 2; d++) {
		must(w.m[d].ended);
		for (uint32_t i = w.m[d].at; i < SPAN; i++)
			must(w.m[d].mark[i] == NOTHING);
	}
	tcp_release(w.reader, w.f);
	flow_stop_all(w.flows);
	must(flow_ended(w.flows) == w.f); /* one connection, one flow */
	flow_release(w.flows, w.f);
	must(!flow_ended(w.flows));
	now = w.now;
	return 0;
}
