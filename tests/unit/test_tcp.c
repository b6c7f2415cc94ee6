/* test_tcp.c - bytes of TCP in order.  Schedules of segments with the chunks that must come out, and random
 * ones against the stream they were cut from. */
#include "capture/tcp.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define T0 (1700000000 * NS_PER_S)

enum { S = TCP_SYN, A = TCP_ACK, F = TCP_FIN, R = TCP_RST };

/* C: from client, sequence numbers from 1000 on (SYN 999); Z: from server, 5000 on (SYN 4999). */
struct step {
	char from; /* 'C', 'Z', 'x' = tcp_close(), 'o' = tcp_open() only now, 'm' = tcp_mute() of the client,
	              0 = end */
	uint8_t flags;
	int32_t seq; /* relative to the first data byte */
	int32_t ack; /* the same of the other side; below 0: no ACK flag */
	const char *data;
	int32_t cut; /* bytes the snaplen cut off; below 0: bytes that only the headers speak of */
	int64_t ms;
};

struct schedule {
	const char *name;
	struct step s[24];
	const char *out; /* "C:abc" data, "C-3" gap, "C." end; neighbouring data of one side are joined */
};

static const struct tcp_limits limits = {
        .streams = 4, .segments_mb = 1, .flow_bytes = 256 << 10, .gap_bytes = 64, .gap_ns = 2 * NS_PER_S};

struct rig {
	struct flow_table *flows;
	struct tcp_reader *reader;
	struct flow *f;
	char out[4096];
	size_t n;
	char last;       /* side whose data stand at the end of out, 0: none */
	int64_t when[2]; /* of the last data */
};

static void rig_open(struct rig *r, const struct tcp_limits *l)
{
	struct flow_limits fl = {.flows = 16, .idle_tcp_s = 300, .idle_udp_s = 60};
	struct err e;

	memset(r, 0, sizeof(*r));
	r->flows = flow_table_create(&fl, &e);
	r->reader = tcp_reader_create(l, &e);
	assert_non_null(r->flows);
	assert_non_null(r->reader);
}

static void rig_close(struct rig *r)
{
	if (r->f)
		tcp_release(r->reader, r->f);
	tcp_reader_destroy(r->reader);
	flow_table_destroy(r->flows);
}

static void rig_drain(struct rig *r)
{
	struct tcp_chunk c;

	while (r->f && tcp_next(r->reader, r->f, &c)) {
		char side = c.dir == FLOW_C2S ? 'C' : 'Z';

		assert_true(r->n < sizeof(r->out) - 600);
		if (c.what != TCP_DATA || r->last != side) {
			r->n += (size_t)snprintf(r->out + r->n, 64, "%s%c", r->n ? " " : "", side);
			r->n += (size_t)(c.what == TCP_DATA  ? snprintf(r->out + r->n, 64, ":")
			                 : c.what == TCP_GAP ? snprintf(r->out + r->n, 64, "-%llu",
			                                               (unsigned long long)c.len)
			                                     : snprintf(r->out + r->n, 64, "."));
		}
		r->last = c.what == TCP_DATA ? side : 0;
		if (c.what == TCP_DATA) {
			memcpy(r->out + r->n, c.p, c.len);
			r->n += c.len;
			r->when[c.dir] = c.when_ns;
		}
		r->out[r->n] = '\0';
	}
}

/* The payload is an exact-size heap copy that is gone after the packet, as the source's is. */
static void rig_step(struct rig *r, const struct step *s, bool *opened, uint32_t base_c, uint32_t base_z)
{
	uint32_t own = s->from == 'C' ? base_c : base_z, other = s->from == 'C' ? base_z : base_c;
	size_t n = s->data ? strlen(s->data) : 0;
	uint8_t *copy = malloc(n + !n);
	struct packet p = {.ts_ns = T0 + s->ms * NS_PER_MS, .proto = PROTO_TCP, .ip_version = 4};
	static const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {192, 0, 2, 7};
	enum flow_dir dir;

	assert_non_null(copy);
	if (n)
		memcpy(copy, s->data, n);
	p.src = ip_from4(s->from == 'C' ? a : b);
	p.dst = ip_from4(s->from == 'C' ? b : a);
	p.sport = s->from == 'C' ? 40000 : 443;
	p.dport = s->from == 'C' ? 443 : 40000;
	p.seq = own + (uint32_t)s->seq;
	p.ack = s->ack < 0 ? 0 : other + (uint32_t)s->ack;
	p.tcp_flags = (uint8_t)(s->flags | (s->ack < 0 ? 0 : A));
	p.payload = copy;
	p.payload_len = (uint32_t)n;
	p.payload_wire = (uint32_t)n + (uint32_t)abs(s->cut);
	p.payload_cut = s->cut < 0 ? 0 : (uint32_t)s->cut;
	p.ip_len = 40 + (uint32_t)n;
	r->f = flow_track(r->flows, &p, &dir);
	if (*opened) {
		assert_int_equal(tcp_open(r->reader, r->f), 0);
		tcp_input(r->reader, r->f, dir, &p);
		rig_drain(r);
	}
	free(copy);
}

static void play(struct rig *r, const struct step *s, size_t most, uint32_t base_c, uint32_t base_z)
{
	bool opened = true;

	for (size_t i = 0; i < most; i++)
		opened = opened && s[i].from != 'o';
	for (size_t i = 0; i < most && s[i].from; i++) {
		if (s[i].from == 'o')
			opened = true;
		else if (s[i].from == 'm')
			tcp_mute(r->reader, r->f, FLOW_C2S);
		else if (s[i].from == 'x')
			tcp_close(r->reader, r->f);
		else
			rig_step(r, &s[i], &opened, base_c, base_z);
		rig_drain(r);
	}
}

/* clang-format off */
#define OPEN {'C', S, -1, -1, 0, 0, 0}, {'Z', S, -1, 0, 0, 0, 1}, {'C', 0, 0, 0, 0, 0, 2}

static const struct schedule schedules[] = {
	{"in order, both ways", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'Z', 0, 0, 3, "xyz", 0, 4}, {'C', 0, 3, 3, "de", 0, 5}},
		"C:abc Z:xyz C:de"},
	{"FIN ends each side", {OPEN, {'C', F, 0, 0, "abc", 0, 3}, {'Z', 0, 0, 4, "xy", 0, 4}, {'Z', F, 2, 4, 0, 0, 5}},
		"C:abc C. Z:xy Z."},
	{"FIN waits for what is before it", {OPEN, {'C', F, 3, 0, "def", 0, 3}, {'C', 0, 0, 0, "abc", 0, 4}}, "C:abcdef C."},
	{"FIN again, data behind it", {OPEN, {'C', F, 0, 0, "abc", 0, 3}, {'C', F, 0, 0, "abc", 0, 4},
		{'C', 0, 4, 0, "evil", 0, 5}}, "C:abc C."},
	{"two FINs: the first counts", {OPEN, {'C', F, 5, 0, "f", 0, 3}, {'C', F, 8, 0, 0, 0, 4}, {'C', 0, 0, 0, "abcde", 0, 5}},
		"C:abcdef C."},
	{"data behind a FIN that waits", {OPEN, {'C', F, 5, 0, "f", 0, 3}, {'C', 0, 3, 0, "dexyz", 0, 4},
		{'C', 0, 0, 0, "abc", 0, 5}}, "C:abcdef C."},
	{"a FIN that denies data seen", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'C', F, 4, 0, 0, 0, 4}, {'C', 0, 0, 0, "abc", 0, 5}},
		"C:abcdef"},
	{"RST ends both", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'Z', R, 0, -1, 0, 0, 4}, {'C', 0, 3, 0, "x", 0, 5}},
		"C:abc C. Z."},
	{"RST hands out what waits", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'C', R, 6, -1, 0, 0, 4}}, "Z. C-3 C:def C."},
	{"a blind RST", {OPEN, {'Z', R, 99000000, -1, 0, 0, 3}, {'C', 0, 0, 0, "abc", 0, 4}}, "C:abc"},
	{"RST refuses", {{'C', S, -1, -1, 0, 0, 0}, {'Z', R, -5000, 0, 0, 0, 1}}, "C. Z."},
	{"two swapped", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'C', 0, 0, 0, "abc", 0, 4}}, "C:abcdef"},
	{"the last of five first", {OPEN, {'C', 0, 4, 0, "e", 0, 3}, {'C', 0, 2, 0, "c", 0, 3}, {'C', 0, 3, 0, "d", 0, 3},
		{'C', 0, 1, 0, "b", 0, 3}, {'C', 0, 0, 0, "a", 0, 3}}, "C:abcde"},
	{"retransmitted", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'C', 0, 0, 0, "abc", 0, 4}, {'C', 0, 3, 0, "d", 0, 5}}, "C:abcd"},
	{"retransmitted with more", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'C', 0, 1, 0, "bcde", 0, 4}}, "C:abcde"},
	{"what waits is retransmitted", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'C', 0, 3, 0, "def", 0, 4}, {'C', 0, 0, 0, "abc", 0, 5}},
		"C:abcdef"},
	{"overlap that differs: the first wins", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'C', 0, 0, 0, "abcXYZg", 0, 4}},
		"C:abcdefg"},
	{"overlap at the front of what waits", {OPEN, {'C', 0, 4, 0, "ef", 0, 3}, {'C', 0, 2, 0, "cdXX", 0, 4},
		{'C', 0, 0, 0, "ab", 0, 5}}, "C:abcdef"},
	{"overlap over two that wait", {OPEN, {'C', 0, 2, 0, "c", 0, 3}, {'C', 0, 4, 0, "e", 0, 3},
		{'C', 0, 1, 0, "bXdXf", 0, 4}, {'C', 0, 0, 0, "a", 0, 5}}, "C:abcdef"},
	{"keep-alives", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'C', 0, 2, 0, "\x01", 0, 4}, {'C', 0, 2, 0, 0, 0, 5},
		{'C', 0, 3, 0, "d", 0, 6}}, "C:abcd"},
	{"zero-window probe, then the same byte and more", {OPEN, {'C', 0, 0, 0, "a", 0, 3}, {'C', 0, 1, 0, "b", 0, 4},
		{'Z', 0, 0, 1, 0, 0, 5}, {'C', 0, 1, 0, "bcd", 0, 6}}, "C:abcd"},
	{"data in the SYN", {{'C', S, -1, -1, "abc", 0, 0}, {'Z', S, -1, 3, 0, 0, 1}, {'C', 0, 3, 0, "de", 0, 2}}, "C:abcde"},
	{"data in the SYN not taken, sent again", {{'C', S, -1, -1, "abc", 0, 0}, {'Z', S, -1, 0, 0, 0, 1},
		{'C', 0, 0, 0, "abcde", 0, 2}}, "C:abcde"},
	{"data in the SYN/ACK", {{'C', S, -1, -1, 0, 0, 0}, {'Z', S, -1, 0, "hi", 0, 1}, {'C', 0, 0, 2, 0, 0, 2}}, "Z:hi"},
	{"the SYN was lost, the SYN/ACK tells it", {{'Z', S, -1, 0, 0, 0, 1}, {'C', 0, 3, 0, "def", 0, 2},
		{'C', 0, 0, 0, "abc", 0, 3}}, "C:abcdef"},
	{"the SYN/ACK was lost, the ACK tells it", {{'C', S, -1, -1, 0, 0, 0}, {'C', 0, 0, 0, 0, 0, 1}, {'Z', 0, 3, 0, "def", 0, 2},
		{'Z', 0, 0, 0, "abc", 0, 3}}, "Z:abcdef"},
	{"opened at the first payload, which is the second", {OPEN, {.from = 'o'}, {'C', 0, 3, 0, "def", 0, 3}, {'C', 0, 0, 0, "abc", 0, 4}},
		"C:abcdef"},
	{"opened late", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {.from = 'o'}, {'C', 0, 3, 0, "def", 0, 4}, {'Z', 0, 0, 6, "x", 0, 5}},
		"C:def Z:x"},
	{"mid-stream", {{'C', 0, 50, 70, "abc", 0, 3}, {'C', 0, 40, 70, "old", 0, 4}, {'Z', 0, 70, 53, "xyz", 0, 5},
		{'C', 0, 53, 73, "d", 0, 6}}, "C:abc Z:xyz C:d"},
	{"acknowledged hole, after the grace", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'Z', 0, 0, 6, 0, 0, 4},
		{'C', 0, 6, 0, "g", 0, 90}, {'C', 0, 7, 0, "h", 0, 104}}, "C-3 C:defgh"},
	{"acknowledged hole, filled within the grace", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'Z', 0, 0, 6, 0, 0, 4},
		{'C', 0, 0, 0, "abc", 0, 90}, {'C', 0, 6, 0, "g", 0, 200}}, "C:abcdefg"},
	{"acknowledged hole, eight packets later", {OPEN, {'C', 0, 1, 0, "b", 0, 3}, {'Z', 0, 0, 9, 0, 0, 4}, {'C', 0, 2, 0, "c", 0, 4},
		{'C', 0, 3, 0, "d", 0, 4}, {'C', 0, 4, 0, "e", 0, 4}, {'C', 0, 5, 0, "f", 0, 4}, {'C', 0, 6, 0, "g", 0, 4},
		{'C', 0, 7, 0, "h", 0, 4}, {'C', 0, 8, 0, "i", 0, 4}, {'Z', 0, 0, 9, "x", 0, 5}, {'C', 0, 9, 0, "j", 0, 5}},
		"Z:x C-1 C:bcdefghij"},
	{"acknowledgements always ahead of the data", {OPEN, {'Z', 0, 0, 9, 0, 0, 4}, {'C', 0, 0, 0, "a", 0, 90},
		{'C', 0, 2, 0, "c", 0, 180}, {'C', 0, 1, 0, "b", 0, 181}}, "C:abc"},
	{"acknowledged, nothing behind: the answer shows it", {OPEN, {'Z', 0, 0, 5, "xy", 0, 4}, {'Z', 0, 2, 5, "z", 0, 104}},
		"Z:xy C-5 Z:z"},
	{"not acknowledged hole stays, however long", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'Z', 0, 0, 0, 0, 0, 5000},
		{'C', 0, 6, 0, "g", 0, 9000}, {'C', 0, 0, 0, "abc", 0, 9100}}, "C:abcdefg"},
	{"acknowledged up to the middle", {OPEN, {'C', 0, 6, 0, "ghi", 0, 3}, {'Z', 0, 0, 4, 0, 0, 4}, {'Z', 0, 0, 4, 0, 0, 200},
		{'C', 0, 4, 0, "ef", 0, 201}}, "C-4 C:efghi"},
	{"two holes, acknowledged at once", {OPEN, {'C', 0, 1, 0, "b", 0, 3}, {'C', 0, 3, 0, "d", 0, 3}, {'Z', 0, 0, 4, 0, 0, 4},
		{'Z', 0, 0, 4, 0, 0, 104}}, "C-1 C:b C-1 C:d"},
	{"one side, time", {{'C', S, -1, -1, 0, 0, 0}, {'C', 0, 3, 0, "def", 0, 1}, {'C', 0, 6, 0, "g", 0, 2000},
		{'C', 0, 7, 0, "h", 0, 2001}}, "C-3 C:defgh"},
	{"one side, bytes", {{'C', S, -1, -1, 0, 0, 0}, {'C', 0, 3, 0, "0123456789012345678901234567890123456789", 0, 1},
		{'C', 0, 43, 0, "01234567890123456789012", 0, 2}, {'C', 0, 66, 0, "3", 0, 3}},
		"C-3 C:0123456789012345678901234567890123456789012345678901234567890123"},
	{"the other side fell silent", {OPEN, {'Z', 0, 0, 0, "x", 0, 3}, {'C', 0, 3, 1, "def", 0, 4}, {'C', 0, 6, 1, "g", 0, 2004}},
		"Z:x C-3 C:defg"},
	{"cut by the snaplen", {OPEN, {'C', 0, 0, 0, "abc", 5, 3}, {'C', 0, 8, 0, "i", 0, 4}}, "C:abc C-5 C:i"},
	{"cut before us: a hole like any other", {OPEN, {'C', 0, 0, 0, "abc", -5, 3}, {'C', 0, 8, 0, "i", 0, 4},
	        {'Z', 0, 0, 9, NULL, 0, 5}, {'Z', 0, 0, 9, NULL, 0, 200}}, "C:abc C-5 C:i"},
	{"a packet shorter than it says is dropped and sent again", {OPEN, {'C', 0, 0, 0, "a", -1000, 3},
	        {'C', 0, 0, 0, "abc", 0, 4}, {'C', 0, 3, 0, "d", 0, 5}}, "C:abcd"},
	{"the same with a FIN", {OPEN, {'C', F, 0, 0, "a", -7, 3}, {'C', 0, 0, 0, "abc", 0, 4},
	        {'C', F, 3, 0, "defgh", 0, 5}}, "C:abcdefgh C."},
	{"cut, out of order", {OPEN, {'C', 0, 3, 0, "d", 2, 3}, {'C', 0, 0, 0, "abc", 0, 4}, {'C', 0, 6, 0, "g", 0, 5}},
		"C:abcd C-2 C:g"},
	{"nothing but the header captured", {OPEN, {'C', 0, 0, 0, 0, 9, 3}, {'C', F, 9, 0, 0, 0, 4}}, "C-9 C."},
	{"a cut packet, then what was cut off already waits", {OPEN, {'C', 0, 2, 0, "cd", 0, 3}, {'C', 0, 0, 0, "a", 5, 4},
		{'C', 0, 6, 0, "g", 0, 5}}, "C:a C-1 C:cd C-2 C:g"},
	{"close hands out what waits", {OPEN, {'C', 0, 3, 0, "def", 0, 3}, {'C', 0, 9, 0, "j", 0, 3}, {.from = 'x'}},
		"C-3 C:def C-3 C:j C. Z."},
	{"close, acknowledged", {OPEN, {'Z', 0, 0, 7, 0, 0, 3}, {.from = 'x'}}, "C-7 C. Z."},
	{"close, only a FIN was not captured", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'Z', 0, 0, 4, 0, 0, 4}, {'Z', 0, 0, 4, 0, 0, 300},
		{.from = 'x'}}, "C:abc C. Z."},
	{"close, nothing came", {OPEN, {.from = 'x'}}, "C. Z."},
	{"close after FIN", {OPEN, {'C', F, 0, 0, "abc", 0, 3}, {.from = 'x'}}, "C:abc C. Z."},
	{"hole before the FIN", {OPEN, {'C', F, 3, 0, 0, 0, 3}, {'Z', 0, 0, 4, 0, 0, 4}, {'Z', 0, 0, 4, 0, 0, 104}}, "C-3 C."},
	{"muted", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'C', 0, 5, 0, "fg", 0, 3}, {.from = 'm'}, {'C', 0, 3, 0, "de", 0, 4},
		{'Z', 0, 0, 7, "x", 0, 5}, {.from = 'x'}}, "C:abc Z:x Z."},
	{"far off, ignored", {OPEN, {'C', 0, 99000000, 0, "evil", 0, 3}, {'C', 0, -99000000, 0, "evil", 0, 3},
		{'C', 0, 0, 0, "abc", 0, 4}}, "C:abc"},
	{"far off here and there, ignored", {OPEN, {'C', 0, 99000000, 0, "evil", 0, 3}, {'C', 0, 55000000, 0, "evil", 0, 3},
		{'C', 0, 99000000, 0, "evil", 0, 3}, {'C', 0, 55000000, 0, "evil", 0, 3}, {'C', 0, 99000000, 0, "evil", 0, 3},
		{'C', 0, 0, 0, "abc", 0, 4}}, "C:abc"},
	{"after an outage", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'C', 0, 90000000, 0, "a", 0, 4}, {'C', 0, 90000001, 0, "b", 0, 4},
		{'C', 0, 90000002, 0, "c", 0, 4}, {'C', 0, 90000003, 0, "d", 0, 4}, {'C', 0, 90000004, 0, "e", 0, 4}},
		"C:abc C-90000000 C:de"},
	{"over after an outage", {OPEN, {'C', 0, 90000000, 0, "a", 0, 4}, {'C', 0, 90000001, 0, "b", 0, 4}, {'C', 0, 90000002, 0, "c", 0, 4},
		{'C', F, 90000003, 0, "d", 0, 4}}, "C-90000003 C:d C."},
	{"after a wrong start", {{'C', 0, 90000000, 0, "evil", 0, 3}, {'C', 0, 0, 0, "a", 0, 4}, {'C', 0, 1, 0, "b", 0, 4},
		{'C', 0, 2, 0, "c", 0, 4}, {'C', 0, 3, 0, "d", 0, 4}, {'C', 0, 4, 0, "e", 0, 4}}, "C:evil C-0 C:de"},
	{"ports again", {OPEN, {'C', 0, 0, 0, "abc", 0, 3}, {'C', R, 3, -1, 0, 0, 4}, {'C', S, 7777776, -1, 0, 0, 5},
		{'C', 0, 7777777, -1, "new", 0, 6}}, "C:abc Z. C. C:new"},
	{"another SYN/ACK", {{'C', S, -1, -1, 0, 0, 0}, {'Z', S, -1, 0, 0, 0, 1}, {'Z', S, 77777776, 0, 0, 0, 2},
		{'Z', 0, 77777777, 0, "x", 0, 3}}, "Z:x"},
};
/* clang-format on */

static void run_all(uint32_t base_c, uint32_t base_z)
{
	for (size_t i = 0; i < sizeof(schedules) / sizeof(schedules[0]); i++) {
		const struct schedule *c = &schedules[i];
		uint32_t z =
		        strcmp(c->name, "RST refuses") ? base_z : 5000; /* its RST has sequence number 0 */
		struct rig r;

		rig_open(&r, &limits);
		play(&r, c->s, 24, base_c, z);
		if (strcmp(r.out, c->out) != 0)
			fail_msg(
			        "%s (from %u, %u):\n  got  %s\n  want %s", c->name, base_c, z, r.out, c->out);
		rig_close(&r);
	}
}

static void scheduled(void **state)
{
	(void)state;
	run_all(1000, 5000);
}

/* Every schedule with the sequence numbers wrapping at each of its bytes. */
static void wrapped(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 24; k++)
		run_all(0u - k, 2u - k);
}

/* ---- counters and limits ---- */

static void counted(void **state)
{
	static const struct step s[] = {{'C', S, -1, -1, 0, 0, 0}, {'Z', S, -1, 0, 0, 0, 1},
	        {'C', 0, 3, 0, "def", 0, 2},   /* out of order */
	        {'C', 0, 4, 0, "eX", 0, 3},    /* differs, nothing new */
	        {'C', 0, 0, 0, "abcde", 0, 4}, /* agrees */
	        {'C', 0, 0, 0, "abc", 0, 5},   /* retransmitted */
	        {'C', 0, 5, 0, "f", 0, 6},     /* a keep-alive: not counted */
	        {'C', 0, 88000000, 0, "x", 0, 7}, {'Z', R, 88000000, -1, 0, 0, 8}, {'Z', 0, 0, 9, 0, 0, 9},
	        {'Z', 0, 0, 9, 0, 0, 200}};
	struct tcp_stats st;
	struct rig r;

	(void)state;
	rig_open(&r, &limits);
	play(&r, s, sizeof(s) / sizeof(s[0]), 1000, 5000);
	assert_string_equal(r.out, "C:abcdef C-3");
	tcp_reader_stats(r.reader, &st);
	assert_int_equal(st.out_of_order, 1);
	assert_int_equal(st.retransmitted, 2);
	assert_int_equal(st.overlap_differs, 1);
	assert_int_equal(st.out_of_window, 2);
	assert_int_equal(st.gaps, 1);
	assert_int_equal(st.gap_bytes, 3);
	assert_int_equal(st.refused_segments, 0);
	rig_close(&r);
}

/* What waited comes with the time of its own packet. */
static void own_time(void **state)
{
	static const struct step s[] = {
	        {'C', S, -1, -1, 0, 0, 0}, {'C', 0, 3, -1, "def", 0, 20}, {'C', 0, 0, -1, "abc", 0, 30}};
	struct rig r;

	(void)state;
	rig_open(&r, &limits);
	play(&r, s, 3, 1000, 5000);
	assert_string_equal(r.out, "C:abcdef");
	assert_int_equal(r.when[FLOW_C2S] - T0, 20 * NS_PER_MS);
	rig_close(&r);
}

static void streams_run_out(void **state)
{
	struct flow f[5] = {0};
	struct tcp_stats st;
	struct rig r;

	(void)state;
	rig_open(&r, &limits);
	for (int i = 0; i < 4; i++)
		assert_int_equal(tcp_open(r.reader, &f[i]), 0);
	assert_int_equal(tcp_open(r.reader, &f[4]), -1);
	assert_null(f[4].tcp);
	tcp_release(r.reader, &f[4]);
	tcp_release(r.reader, &f[0]);
	assert_int_equal(tcp_open(r.reader, &f[4]), 0);
	tcp_reader_stats(r.reader, &st);
	assert_int_equal(st.refused_streams, 1);
	for (int i = 1; i < 5; i++)
		tcp_release(r.reader, &f[i]);
	rig_close(&r);
}

/* ---- random schedules ---- */

#define STREAM_MAX 20000

static uint64_t rng;

static uint32_t draw(uint32_t below)
{
	rng ^= rng << 13; /* xorshift64 (Marsaglia 2003) */
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)((rng >> 16) % below);
}

struct piece {
	uint32_t at, len;
	enum flow_dir dir;
	bool lost;
};

static uint8_t content(enum flow_dir dir, uint32_t at)
{
	return (uint8_t)((at * 2654435761u) >> 24 ^ (dir ? 0x5a : 0));
}

/* Cuts [0, size) into pieces, some twice, and some lost when loss is not 0 (one in loss). */
static size_t cut_up(struct piece *out, enum flow_dir dir, uint32_t size, uint32_t most, unsigned loss)
{
	size_t n = 0;

	for (uint32_t at = 0; at < size;) {
		uint32_t len = 1 + draw(most);

		if (len > size - at)
			len = size - at;
		out[n++] = (struct piece){at, len, dir, loss && !draw(loss)};
		if (!draw(4) && at > 0) {
			uint32_t back = 1 + draw(at < 500 ? at : 500);

			out[n++] = (struct piece){at - back, back + draw(len), dir, loss != 0};
		}
		at += len;
	}
	return n;
}

static void shuffle(struct piece *p, size_t n, uint32_t reach)
{
	for (size_t i = 0; i + 1 < n && reach; i++) {
		size_t k = i + draw(reach);
		struct piece t = p[i];

		if (k >= n)
			continue;
		p[i] = p[k];
		p[k] = t;
	}
}

struct check {
	struct rig r;
	uint32_t base[2], at[2], size[2];
	uint64_t gaps[2];
	bool ended[2];
	uint8_t *captured[2]; /* bytes that went by: they must not be in a gap */
};

static void check_drain(struct check *k)
{
	struct tcp_chunk c;

	while (tcp_next(k->r.reader, k->r.f, &c)) {
		assert_false(k->ended[c.dir]);
		if (c.what == TCP_END) {
			k->ended[c.dir] = true;
			continue;
		}
		assert_true(c.len > 0 && k->at[c.dir] + c.len <= k->size[c.dir]);
		for (uint32_t i = 0; i < c.len; i++) {
			if (c.what == TCP_DATA)
				assert_int_equal(c.p[i], content(c.dir, k->at[c.dir] + i));
			else
				assert_false(k->captured[c.dir][k->at[c.dir] + i]);
		}
		k->gaps[c.dir] += c.what == TCP_GAP ? c.len : 0;
		k->at[c.dir] += (uint32_t)c.len;
	}
}

static void check_packet(
        struct check *k, enum flow_dir from, uint8_t flags, uint32_t at, uint32_t len, int64_t us)
{
	uint8_t *copy = malloc(len + !len);
	struct packet p = {.ts_ns = T0 + us * NS_PER_US, .proto = PROTO_TCP, .tcp_flags = flags};
	enum flow_dir dir;

	assert_non_null(copy);
	for (uint32_t i = 0; i < len; i++) {
		copy[i] = content(from, at + i);
		k->captured[from][at + i] = 1;
	}
	p.src.b[0] = (uint8_t)(from == FLOW_C2S ? 1 : 2);
	p.dst.b[0] = (uint8_t)(from == FLOW_C2S ? 2 : 1);
	p.sport = from == FLOW_C2S ? 40000 : 443;
	p.dport = from == FLOW_C2S ? 443 : 40000;
	p.seq = k->base[from] + at - (flags & TCP_SYN ? 1 : 0);
	p.ack = k->base[!from]; /* the peer acknowledges nothing: only tcp_close() gives holes up */
	p.payload = copy;
	p.payload_len = p.payload_wire = len;
	k->r.f = flow_track(k->r.flows, &p, &dir);
	assert_int_equal(dir, from);
	assert_int_equal(tcp_open(k->r.reader, k->r.f), 0);
	tcp_input(k->r.reader, k->r.f, dir, &p);
	check_drain(k);
	free(copy);
}

static void one_random(uint64_t seed, unsigned loss, const struct tcp_limits *l)
{
	static struct piece pieces[2 * STREAM_MAX * 2];
	static uint8_t captured[2][STREAM_MAX];
	struct check k = {0};
	size_t n = 0;
	uint64_t lost[2] = {0};

	rng = seed * 0x9e3779b97f4a7c15u | 1;
	rig_open(&k.r, l);
	memset(captured, 0, sizeof(captured));
	for (int d = 0; d < 2; d++) {
		k.captured[d] = captured[d];
		k.base[d] = draw(2) ? 0u - draw(STREAM_MAX) : draw(UINT32_MAX);
		k.size[d] = 1 + draw(STREAM_MAX);
		n += cut_up(pieces + n, (enum flow_dir)d, k.size[d], 1 + draw(3000), loss);
	}
	shuffle(pieces, n, draw(40));
	check_packet(&k, FLOW_C2S, S, 0, 0, 0);
	check_packet(&k, FLOW_S2C, S | A, 0, 0, 0);
	for (size_t i = 0; i < n; i++)
		if (!pieces[i].lost)
			check_packet(&k, pieces[i].dir, A, pieces[i].at, pieces[i].len, (int64_t)i);
	check_packet(&k, FLOW_C2S, A | F, k.size[0], 0, (int64_t)n);
	check_packet(&k, FLOW_S2C, A | F, k.size[1], 0, (int64_t)n);
	tcp_close(k.r.reader, k.r.f);
	check_drain(&k);
	for (int d = 0; d < 2; d++) {
		for (uint32_t i = 0; i < k.size[d]; i++)
			lost[d] += !captured[d][i];
		assert_true(k.ended[d]);
		assert_int_equal(k.at[d], k.size[d]);
		assert_int_equal(k.gaps[d], lost[d]);
	}
	rig_close(&k.r);
}

static void random_whole(void **state)
{
	struct tcp_limits l = limits;

	(void)state;
	l.gap_bytes = UINT32_MAX;
	l.segments_mb = 16;
	l.flow_bytes = 8 << 20;
	for (uint64_t seed = 1; seed <= 150; seed++)
		one_random(seed, 0, &l);
}

static void random_lossy(void **state)
{
	struct tcp_limits l = limits;

	(void)state;
	l.gap_bytes = UINT32_MAX;
	l.segments_mb = 16;
	l.flow_bytes = 8 << 20;
	for (uint64_t seed = 1; seed <= 150; seed++)
		one_random(seed, 2 + (unsigned)seed % 20, &l);
}

/* Too little memory: holes are given up early, so bytes that come late are lost, but nothing comes twice, out
 * of place or altered. */
static void little_memory(void **state)
{
	struct tcp_limits l = limits;
	struct tcp_stats st;
	struct rig r;
	char data[33];

	(void)state;
	l.flow_bytes = 4 * TCP_CELL;
	l.gap_bytes = UINT32_MAX;
	rig_open(&r, &l);
	memset(data, 'x', 32);
	data[32] = '\0';
	for (int i = 0; i < 6; i++) {
		struct step s[] = {{'C', i ? 0 : S, i ? 40 * i : -1, -1, i ? data : NULL, 0, 0}};

		play(&r, s, 1, 1000, 5000);
	}
	tcp_reader_stats(r.reader, &st);
	assert_int_equal(st.refused_segments, 1);
	assert_int_equal(st.gaps, 5);
	assert_int_equal(st.gap_bytes, 40 + 4 * 8);
	rig_close(&r);
}

/* One flow that fills the pool costs the others only their waiting, not their order. */
static void pool_runs_out(void **state)
{
	struct tcp_limits l = limits;
	struct flow f = {.proto = PROTO_TCP}, g = {.proto = PROTO_TCP};
	struct packet p = {
	        .proto = PROTO_TCP, .tcp_flags = A, .payload = (const uint8_t *)"ab", .payload_len = 2};
	struct tcp_chunk c;
	struct tcp_stats st;
	struct rig r;

	(void)state;
	l.flow_bytes = 8 << 20;
	l.gap_bytes = UINT32_MAX;
	rig_open(&r, &l);
	p.payload_wire = 2;
	assert_int_equal(tcp_open(r.reader, &f), 0);
	assert_int_equal(tcp_open(r.reader, &g), 0);
	for (uint32_t i = 0; i <= (1 << 20) / TCP_CELL; i++) {
		p.seq = 100 + 10 * i;
		tcp_input(r.reader, &f, FLOW_C2S, &p);
		assert_int_equal(tcp_next(r.reader, &f, &c), !i);
	}
	p.seq = 100;
	tcp_input(r.reader, &g, FLOW_S2C, &p);
	assert_true(tcp_next(r.reader, &g, &c));
	p.seq = 105;
	tcp_input(r.reader, &g, FLOW_S2C, &p);
	assert_true(tcp_next(r.reader, &g, &c));
	assert_int_equal(c.what, TCP_GAP);
	assert_int_equal(c.len, 3);
	assert_true(tcp_next(r.reader, &g, &c));
	assert_int_equal(c.what, TCP_DATA);
	assert_ptr_equal(c.p, p.payload); /* no copy */
	assert_false(tcp_next(r.reader, &g, &c));
	tcp_reader_stats(r.reader, &st);
	assert_int_equal(st.refused_segments, 1);
	/* muting gives the cells back */
	tcp_mute(r.reader, &f, FLOW_C2S);
	p.seq = 110;
	tcp_input(r.reader, &g, FLOW_S2C, &p);
	assert_false(tcp_next(r.reader, &g, &c));
	tcp_release(r.reader, &f);
	tcp_release(r.reader, &g);
	rig_close(&r);
}

/* A super-frame of a virtual span port takes several cells, all of them in order. */
static void super_frame(void **state)
{
	struct flow f = {.proto = PROTO_TCP};
	uint8_t *big = malloc(65000);
	struct packet p = {
	        .proto = PROTO_TCP, .tcp_flags = A, .payload = big, .payload_len = 1, .payload_wire = 1};
	struct tcp_chunk c;
	uint64_t got = 0;
	struct rig r;

	(void)state;
	assert_non_null(big);
	rig_open(&r, &limits);
	for (uint32_t i = 0; i < 65000; i++)
		big[i] = content(FLOW_C2S, i);
	assert_int_equal(tcp_open(r.reader, &f), 0);
	p.seq = 9;
	tcp_input(r.reader, &f, FLOW_C2S, &p);
	assert_true(tcp_next(r.reader, &f, &c));
	p.seq = 11;
	p.payload_len = p.payload_wire = 65000;
	tcp_input(r.reader, &f, FLOW_C2S, &p);
	free(big); /* what waits was copied */
	big = calloc(1, 1);
	assert_non_null(big);
	p.payload = big;
	p.seq = 10;
	p.payload_len = p.payload_wire = 1;
	tcp_input(r.reader, &f, FLOW_C2S, &p);
	assert_true(tcp_next(r.reader, &f, &c));
	assert_int_equal(c.len, 1);
	while (tcp_next(r.reader, &f, &c)) {
		assert_int_equal(c.what, TCP_DATA);
		for (uint64_t i = 0; i < c.len; i++)
			assert_int_equal(c.p[i], content(FLOW_C2S, (uint32_t)(got + i)));
		got += c.len;
	}
	assert_int_equal(got, 65000);
	tcp_release(r.reader, &f);
	free(big);
	rig_close(&r);
}

/* A caller that stops fetching, mutes or releases in the middle leaves nothing broken. */
static void stopped_midway(void **state)
{
	struct flow f = {.proto = PROTO_TCP};
	struct packet p = {.proto = PROTO_TCP,
	        .tcp_flags = A,
	        .payload = (const uint8_t *)"abc",
	        .payload_len = 3,
	        .payload_wire = 3};
	struct tcp_chunk c;
	struct rig r;

	(void)state;
	rig_open(&r, &limits);
	assert_int_equal(tcp_open(r.reader, &f), 0);
	p.seq = 10;
	tcp_input(r.reader, &f, FLOW_C2S, &p); /* not fetched: as if not captured */
	p.seq = 13;
	tcp_input(r.reader, &f, FLOW_C2S, &p);
	assert_false(tcp_next(r.reader, &f, &c));
	p.seq = 10;
	tcp_input(r.reader, &f, FLOW_C2S, &p);
	assert_true(tcp_next(r.reader, &f, &c));
	assert_true(tcp_next(r.reader, &f, &c)); /* from a cell */
	assert_int_equal(memcmp(c.p, "abc", 3), 0);
	tcp_mute(r.reader, &f, FLOW_C2S);
	assert_int_equal(memcmp(c.p, "abc", 3), 0); /* still borrowed */
	tcp_close(r.reader, &f);
	assert_true(tcp_next(r.reader, &f, &c));
	assert_int_equal(c.what, TCP_END);
	assert_int_equal(c.dir, FLOW_S2C);
	assert_false(tcp_next(r.reader, &f, &c));
	tcp_release(r.reader, &f);
	tcp_release(r.reader, &f);
	assert_false(tcp_next(r.reader, &f, &c));
	tcp_input(r.reader, &f, FLOW_C2S, &p);
	tcp_close(r.reader, &f);
	tcp_mute(r.reader, &f, FLOW_C2S);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(scheduled),
	        cmocka_unit_test(wrapped),
	        cmocka_unit_test(counted),
	        cmocka_unit_test(own_time),
	        cmocka_unit_test(streams_run_out),
	        cmocka_unit_test(random_whole),
	        cmocka_unit_test(random_lossy),
	        cmocka_unit_test(little_memory),
	        cmocka_unit_test(pool_runs_out),
	        cmocka_unit_test(super_frame),
	        cmocka_unit_test(stopped_midway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
