/* test_flow.c - the flow table: who is client, when a flow ends, what it counted, how it makes room. */
#include "capture/flow.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define T0 (1700000000 * NS_PER_S)

enum { S = TCP_SYN, A = TCP_ACK, F = TCP_FIN, R = TCP_RST };

/* A packet between the ends "a" 10.0.0.1 and "b" 192.0.2.7. */
struct step {
	int64_t ms;
	bool from_b;
	uint8_t flags;
	uint32_t seq, ack, len;
};

static const struct flow_limits limits = {.flows = 100, .idle_tcp_s = 300, .idle_udp_s = 60};

static struct packet make(uint8_t proto, bool from_b, uint16_t a_port, uint16_t b_port, int64_t ms)
{
	static const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {192, 0, 2, 7};
	struct packet p = {.ts_ns = T0 + ms * NS_PER_MS, .proto = proto, .ip_version = 4, .ip_len = 40};

	p.src = ip_from4(from_b ? b : a);
	p.dst = ip_from4(from_b ? a : b);
	p.sport = from_b ? b_port : a_port;
	p.dport = from_b ? a_port : b_port;
	return p;
}

static struct packet tcp(const struct step *s)
{
	struct packet p = make(PROTO_TCP, s->from_b, 40000, 443, s->ms);

	p.tcp_flags = s->flags;
	p.seq = s->seq;
	p.ack = s->ack;
	p.payload_len = p.payload_wire = s->len;
	p.ip_len = 40 + s->len;
	return p;
}

static struct flow_table *table(const struct flow_limits *l)
{
	struct err e;
	struct flow_table *t = flow_table_create(l, &e);

	assert_non_null(t);
	return t;
}

/* Plays the steps, then ends everything; the ends of all flows in order go to ends[]. */
static unsigned play(const struct step *s, size_t n, enum flow_end *ends, struct flow *last)
{
	struct flow_table *t = table(&limits);
	struct flow_stats st;
	struct flow *f;
	unsigned count = 0;
	enum flow_dir dir;

	for (size_t i = 0; i <= n; i++) {
		if (i < n) {
			struct packet p = tcp(&s[i]);

			(void)flow_track(t, &p, &dir);
			flow_advance(t, p.ts_ns);
		} else {
			flow_stop_all(t);
		}
		while ((f = flow_ended(t))) {
			assert_true(count < 8);
			ends[count++] = (enum flow_end)f->ended;
			*last = *f;
			flow_release(t, f);
		}
	}
	flow_table_stats(t, &st);
	assert_int_equal(st.created, count);
	assert_int_equal(st.live, 0);
	flow_table_destroy(t);
	return count;
}

struct schedule {
	const char *name;
	struct step s[12];
	enum flow_end ends[4]; /* up to FLOW_LIVE */
	uint32_t missed[2];    /* of the last flow */
};

#define OPEN                                                                                                 \
	{0, false, S, 999, 0, 0}, {1, true, S | A, 4999, 1000, 0},                                           \
	{                                                                                                    \
		2, false, A, 1000, 5000, 0                                                                   \
	}

/* clang-format off */
static const struct schedule schedules[] = {
	{"open, then the capture stops", {OPEN}, {FLOW_STOP}, {0, 0}},
	{"FIN from both", {OPEN, {3, false, F | A, 1000, 5000, 10}, {4, true, F | A, 5000, 1011, 0},
		{5, false, A, 1011, 5001, 0}}, {FLOW_FIN}, {0, 0}},
	{"FIN from one", {OPEN, {3, false, F | A, 1000, 5000, 10}, {4, true, A, 5000, 1011, 0}}, {FLOW_STOP}, {0, 0}},
	{"late retransmissions join the closed flow", {OPEN, {3, false, F | A, 1000, 5000, 0},
		{4, true, F | A, 5000, 1001, 0}, {5, false, A, 1001, 5001, 0}, {3000, true, F | A, 5000, 1001, 0},
		{7000, true, F | A, 5000, 1001, 0}}, {FLOW_FIN}, {0, 0}},
	{"beyond the linger time a new flow begins", {OPEN, {3, false, F | A, 1000, 5000, 0},
		{4, true, F | A, 5000, 1001, 0}, {5005, true, F | A, 5000, 1001, 0}}, {FLOW_FIN, FLOW_FIN}, {0, 0}},
	{"only one side seen, FIN", {{0, false, A, 1000, 5000, 10}, {1, false, F | A, 1010, 5000, 0}}, {FLOW_FIN},
		{0, 0}},
	{"ports again after FIN from one", {OPEN, {3, false, F | A, 1000, 5000, 10}, {9, false, S, 77777, 0, 0}},
		{FLOW_FIN, FLOW_STOP}, {0, 0}},
	{"RST", {OPEN, {3, true, R, 5000, 0, 0}, {4, false, A, 1000, 5000, 5}}, {FLOW_RST}, {0, 0}},
	{"RST refuses the SYN", {{0, false, S, 999, 0, 0}, {1, true, R | A, 0, 1000, 0}}, {FLOW_RST}, {0, 0}},
	{"RST out of any window", {OPEN, {3, true, R, 905000000, 0, 0}}, {FLOW_STOP}, {0, 0}},
	{"RST after FIN", {OPEN, {3, false, F | A, 1000, 5000, 0}, {4, true, R | A, 5000, 1001, 0}}, {FLOW_RST},
		{0, 0}},
	{"SYN again", {{0, false, S, 999, 0, 0}, {1000, false, S, 999, 0, 0}, {3000, false, S, 999, 0, 0},
		{3001, true, S | A, 4999, 1000, 0}, {4001, true, S | A, 4999, 1000, 0}}, {FLOW_STOP}, {0, 0}},
	{"ports again after RST", {OPEN, {3, true, R, 5000, 0, 0}, {4, false, S, 77777, 0, 0}},
		{FLOW_RST, FLOW_STOP}, {0, 0}},
	{"ports again, numbers near the old", {{0, false, A, 1000, 5000, 10}, {1, false, R, 1010, 0, 0},
		{2, false, S, 900, 0, 0}}, {FLOW_RST, FLOW_STOP}, {0, 0}},
	{"ports again after FIN", {OPEN, {3, false, F | A, 1000, 5000, 0}, {4, true, F | A, 5000, 1001, 0},
		{9, false, S, 77777, 0, 0}, {10, true, S | A, 88888, 77778, 0}}, {FLOW_FIN, FLOW_STOP}, {0, 0}},
	{"the same SYN again after RST", {{0, false, S, 999, 0, 0}, {1, true, R | A, 0, 1000, 0},
		{500, false, S, 999, 0, 0}, {501, true, R | A, 0, 1000, 0}}, {FLOW_RST}, {0, 0}},
	{"ports again, the old end was not captured", {OPEN, {3, false, A, 1000, 5000, 10},
		{2000, false, S, 77777, 0, 0}}, {FLOW_IDLE, FLOW_STOP}, {0, 0}},
	{"an attempt without answer, then another", {{0, false, S, 999, 0, 0}, {100, false, S, 77777, 0, 0}},
		{FLOW_IDLE, FLOW_STOP}, {0, 0}},
	{"a foreign SYN in a connection in use", {OPEN, {3, false, A, 1000, 5000, 10}, {4, false, S, 77777, 0, 0},
		{5, true, A, 5000, 1010, 0}, {6, false, A, 1010, 5000, 10}}, {FLOW_STOP}, {0, 0}},
	{"a foreign SYN that the server answers", {OPEN, {3, false, A, 1000, 5000, 10}, {4, false, S, 77777, 0, 0},
		{5, true, S | A, 88888, 77778, 0}}, {FLOW_IDLE, FLOW_STOP}, {0, 0}},
	{"another SYN/ACK to the same SYN", {{0, false, S, 999, 0, 0}, {1, true, S | A, 4999, 1000, 0},
		{2, true, S | A, 905000000, 1000, 0}, {3, true, A, 905000001, 1000, 10}}, {FLOW_STOP}, {0, 0}},
	{"idle", {OPEN, {300003, false, A, 1000, 5000, 0}}, {FLOW_IDLE, FLOW_STOP}, {0, 0}},
	{"not idle", {OPEN, {300001, false, A, 1000, 5000, 0}, {600000, false, A, 1000, 5000, 0}}, {FLOW_STOP},
		{0, 0}},
	{"a hole stays", {OPEN, {3, false, A, 1000, 5000, 100}, {4, false, A, 1200, 5000, 100}}, {FLOW_STOP},
		{100, 0}},
	{"a hole is filled", {OPEN, {3, false, A, 1000, 5000, 100}, {4, false, A, 1200, 5000, 100},
		{5, false, A, 1100, 5000, 100}}, {FLOW_STOP}, {0, 0}},
	{"two holes, filled in turn", {OPEN, {3, false, A, 1100, 5000, 100}, {4, false, A, 1300, 5000, 100},
		{5, false, A, 1000, 5000, 100}, {6, false, A, 1200, 5000, 100}}, {FLOW_STOP}, {0, 0}},
	{"one of two holes filled twice", {OPEN, {3, false, A, 1100, 5000, 100}, {4, false, A, 1300, 5000, 100},
		{5, false, A, 1000, 5000, 100}, {6, false, A, 1000, 5000, 100}}, {FLOW_STOP}, {100, 0}},
	{"a hole half filled", {OPEN, {3, true, A, 5100, 1000, 100}, {4, true, A, 5050, 1000, 100}}, {FLOW_STOP},
		{0, 50}},
	{"a retransmission elsewhere fills nothing", {OPEN, {3, false, A, 1000, 5000, 100},
		{4, false, A, 1200, 5000, 100}, {5, false, A, 1000, 5000, 100}, {6, false, A, 1200, 5000, 100}},
		{FLOW_STOP}, {100, 0}},
	{"the first data of a lost SYN is missed", {{1, true, S | A, 4999, 1000, 0}, {2, false, A, 1100, 5000, 100}},
		{FLOW_STOP}, {100, 0}},
	{"mid-stream, nothing is known to be missed", {{1, false, A, 500, 5000, 100}, {2, false, A, 600, 5000, 100}},
		{FLOW_STOP}, {0, 0}},
	{"a hole across the wrap", {{0, false, S, 0xffffff00, 0, 0}, {1, false, A, 0x20, 5000, 0x10},
		{2, false, A, 0xffffff01, 5000, 0x100}}, {FLOW_STOP}, {0x1f, 0}},
	{"garbage far off counts nothing", {OPEN, {3, false, A, 1000, 5000, 100}, {4, false, A, 905000000, 5000, 100},
		{5, false, A, 1100, 5000, 100}}, {FLOW_STOP}, {0, 0}},
};
/* clang-format on */

static void tcp_schedules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(schedules) / sizeof(schedules[0]); i++) {
		const struct schedule *c = &schedules[i];
		enum flow_end ends[8] = {FLOW_LIVE};
		struct flow last;
		size_t n = 0, want = 0;
		unsigned got;

		while (n < 12 && (c->s[n].flags || c->s[n].len))
			n++;
		while (want < 4 && c->ends[want])
			want++;
		got = play(c->s, n, ends, &last);
		if (got != want || memcmp(ends, c->ends, want * sizeof(*ends)) != 0 ||
		        last.missed[0] != c->missed[0] || last.missed[1] != c->missed[1])
			fail_msg("%s: %u flows, first ended %s, last %s, missed %u %u", c->name, got,
			        flow_end_name(ends[0]), flow_end_name(ends[got - 1]), last.missed[0],
			        last.missed[1]);
		if (ip_is4(&last.addr[0]) && last.port[0] != 40000)
			fail_msg("%s: client port %u", c->name, last.port[0]);
	}
}

/* Who is the client, by the first packet. */
static void client_side(void **state)
{
	static const struct {
		uint8_t proto, flags;
		uint16_t sport, dport;
		bool sender;
	} cases[] = {
	        {PROTO_TCP, S, 443, 50000, true},
	        {PROTO_TCP, S | A, 50000, 50001, false},
	        {PROTO_TCP, A, 50000, 443, true},
	        {PROTO_TCP, A, 443, 50000, false},
	        {PROTO_TCP, A, 11434, 50000, false},
	        {PROTO_TCP, A, 50000, 8080, true},
	        {PROTO_TCP, A, 8080, 443, true},
	        {PROTO_TCP, A, 22, 1022, false},
	        {PROTO_TCP, A, 1022, 22, true},
	        {PROTO_TCP, A, 50000, 50001, true},
	        {PROTO_UDP, 0, 53, 50000, false},
	        {PROTO_UDP, 0, 50000, 53, true},
	        {PROTO_UDP, 0, 123, 123, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_table *t = table(&limits);
		struct packet p = make(cases[i].proto, false, cases[i].sport, cases[i].dport, 0);
		enum flow_dir dir;
		struct flow *f;

		p.tcp_flags = cases[i].flags;
		f = flow_track(t, &p, &dir);
		if ((dir == FLOW_C2S) != cases[i].sender)
			fail_msg("case %zu: direction %d", i, (int)dir);
		assert_true(ip_equal(&f->addr[dir], &p.src) && f->port[dir] == p.sport);
		assert_true(ip_equal(&f->addr[!dir], &p.dst) && f->port[!dir] == p.dport);
		flow_table_destroy(t);
	}
}

/* Both directions are one flow, counted apart. */
static void counters(void **state)
{
	static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};
	struct flow_table *t = table(&limits);
	struct packet p = make(PROTO_UDP, false, 50000, 443, 0);
	enum flow_dir dir;
	struct flow *f, *g;

	(void)state;
	p.ip_len = 128;
	p.payload_len = p.payload_wire = 100;
	p.src_mac = mac_a;
	p.dst_mac = mac_b;
	p.vlans = 1;
	p.vlan[0] = 7;
	f = flow_track(t, &p, &dir);
	assert_int_equal(dir, FLOW_C2S);
	assert_int_equal(f->flags & (FLOW_F_FRESH | FLOW_F_ONESIDED), FLOW_F_FRESH | FLOW_F_ONESIDED);
	p = make(PROTO_UDP, true, 50000, 443, 10);
	p.ip_len = 96;
	p.payload_len = 68;
	p.payload_wire = 1000; /* cut by the snaplen */
	g = flow_track(t, &p, &dir);
	assert_ptr_equal(f, g);
	assert_int_equal(dir, FLOW_S2C);
	assert_int_equal(f->flags & (FLOW_F_FRESH | FLOW_F_ONESIDED), 0);
	assert_int_equal(f->bytes[0], 128);
	assert_int_equal(f->bytes[1], 1028);
	assert_int_equal(f->payload[0], 100);
	assert_int_equal(f->payload[1], 1000);
	assert_int_equal(f->packets[0], 1);
	assert_int_equal(f->packets[1], 1);
	assert_int_equal(f->missed[1], 932);
	assert_int_equal(f->vlan, 7);
	assert_true(f->flags & FLOW_F_MAC && !memcmp(f->client_mac, mac_a, 6));
	assert_int_equal(f->last_ns - f->start_ns, 10 * NS_PER_MS);
	/* the other transport, another tunnel: other flows */
	p = make(PROTO_TCP, false, 50000, 443, 11);
	assert_ptr_not_equal(flow_track(t, &p, &dir), f);
	p = make(PROTO_UDP, false, 50000, 443, 11);
	p.network = 5;
	assert_ptr_not_equal(flow_track(t, &p, &dir), f);
	flow_table_destroy(t);
}

static void vlan_in_key(void **state)
{
	struct flow_limits l = limits;

	(void)state;
	for (int in_key = 0; in_key < 2; in_key++) {
		struct flow_table *t;
		struct packet p = make(PROTO_UDP, false, 50000, 443, 0);
		enum flow_dir dir;
		struct flow *f;

		l.vlan_in_key = in_key;
		t = table(&l);
		f = flow_track(t, &p, &dir);
		p.vlans = 1;
		p.vlan[0] = 9;
		assert_int_equal(flow_track(t, &p, &dir) == f, !in_key);
		flow_table_destroy(t);
	}
}

/* A SYN/ACK that comes after the first acknowledgement turns the flow round, unless something reads it. */
static void turned_round(void **state)
{
	(void)state;
	for (int read = 0; read < 2; read++) {
		struct flow_table *t = table(&limits);
		struct packet p = make(PROTO_TCP, true, 50000, 50001, 0);
		enum flow_dir dir;
		struct flow *f;

		p.tcp_flags = A;
		p.seq = 101;
		f = flow_track(t, &p, &dir);
		assert_int_equal(dir, FLOW_C2S);
		f->inspect = read ? t : NULL;
		p.tcp_flags = S | A;
		p.seq = 100;
		assert_ptr_equal(flow_track(t, &p, &dir), f);
		assert_int_equal(dir, read ? FLOW_C2S : FLOW_S2C);
		assert_int_equal(f->packets[dir], 2);
		assert_int_equal(f->packets[!dir], 0);
		assert_true(ip_equal(&f->addr[dir], &p.src));
		p = make(PROTO_TCP, false, 50000, 50001, 1);
		p.tcp_flags = A;
		assert_ptr_equal(flow_track(t, &p, &dir), f);
		assert_int_equal(dir, read ? FLOW_S2C : FLOW_C2S);
		flow_stop_all(t);
		flow_release(t, flow_ended(t)); /* found again under its key: it left the table */
		assert_null(flow_ended(t));
		flow_table_destroy(t);
	}
}

static struct flow *udp_flow(struct flow_table *t, unsigned n, int64_t ms)
{
	struct packet p = make(PROTO_UDP, false, (uint16_t)(1024 + n % 60000), 9, ms);
	enum flow_dir dir;

	p.src.b[0] = (uint8_t)(n / 60000);
	return flow_track(t, &p, &dir);
}

static void full_table(void **state)
{
	struct flow_limits l = limits;
	struct flow_table *t;
	struct flow_stats st;
	struct flow *f[5], *e;

	(void)state;
	l.flows = 4;
	t = table(&l);
	for (unsigned i = 0; i < 4; i++)
		f[i] = udp_flow(t, i, i * 1000);
	assert_null(flow_ended(t));
	assert_ptr_equal(udp_flow(t, 0, 4000), f[0]); /* now the second is the quietest */
	f[4] = udp_flow(t, 4, 5000);
	e = flow_ended(t);
	assert_ptr_equal(e, f[1]);
	assert_int_equal(e->ended, FLOW_EVICTED);
	assert_ptr_not_equal(f[4], e); /* its memory is the loop's until released */
	flow_release(t, e);
	assert_ptr_equal(udp_flow(t, 0, 5001), f[0]);
	flow_table_stats(t, &st);
	assert_int_equal(st.live, 4);
	assert_int_equal(st.created, 5);
	assert_int_equal(st.ended[FLOW_EVICTED], 1);
	/* many more than fit, none lost from the account */
	for (unsigned i = 0; i < 20000; i++) {
		udp_flow(t, 100 + i, 6000 + i);
		while ((e = flow_ended(t)))
			flow_release(t, e);
	}
	flow_stop_all(t);
	for (unsigned i = 0; i < 4; i++)
		flow_release(t, flow_ended(t));
	assert_null(flow_ended(t));
	flow_table_stats(t, &st);
	assert_int_equal(st.created, 20005);
	assert_int_equal(st.ended[FLOW_EVICTED] + st.ended[FLOW_STOP] + st.ended[FLOW_IDLE], 20005);
	assert_int_equal(st.peak, 4);
	flow_table_destroy(t);
}

/* Flows that leave must not hide others behind them. */
static void found_after_removals(void **state)
{
	struct flow_limits l = limits;
	struct flow_table *t;
	bool alive[4500];
	struct flow *f;

	(void)state;
	l.flows = 3000;
	t = table(&l);
	for (unsigned i = 0; i < 4500; i++) {
		assert_true(udp_flow(t, i, i)->flags & FLOW_F_FRESH);
		alive[i] = true;
		while ((f = flow_ended(t))) {
			alive[f->port[0] - 1024] = false;
			flow_release(t, f);
		}
	}
	for (unsigned i = 0; i < 4500; i++)
		if (alive[i])
			assert_int_equal(udp_flow(t, i, 4500)->packets[0], 2);
	flow_table_destroy(t);
}

static unsigned drain(struct flow_table *t, enum flow_end why)
{
	struct flow *f;
	unsigned n = 0;

	for (; (f = flow_ended(t)); n++) {
		assert_int_equal(f->ended, why);
		flow_release(t, f);
	}
	return n;
}

/* Bounded work a call, and everything gone in the end, also over a leap of years. */
static void idle_in_portions(void **state)
{
	static const int64_t leaps[] = {61, 3600, 20LL * 365 * 86400};
	struct flow_limits l = limits;

	(void)state;
	l.flows = 1000;
	for (size_t i = 0; i < sizeof(leaps) / sizeof(leaps[0]); i++) {
		struct flow_table *t = table(&l);
		unsigned gone = 0, most = 0, calls = 0;

		for (unsigned k = 0; k < 1000; k++)
			udp_flow(t, k, 0);
		flow_advance(t, T0 + 59 * NS_PER_S);
		assert_int_equal(drain(t, FLOW_IDLE), 0);
		for (; gone < 1000; calls++) {
			unsigned n;

			flow_advance(t, T0 + leaps[i] * NS_PER_S);
			n = drain(t, FLOW_IDLE);
			most = n > most ? n : most;
			gone += n;
			assert_true(calls < 100);
		}
		assert_true(most <= 64);
		flow_table_destroy(t);
	}
}

/* A flow in use is not ended by the wheel, one that went quiet is, to the second. */
static void idle_exactly(void **state)
{
	struct flow_table *t = table(&limits);

	(void)state;
	for (int64_t s = 0; s <= 120; s += 10) {
		udp_flow(t, 1, s * 1000);
		flow_advance(t, T0 + s * NS_PER_S);
		assert_int_equal(drain(t, FLOW_IDLE), 0);
	}
	flow_advance(t, T0 + 179 * NS_PER_S);
	assert_int_equal(drain(t, FLOW_IDLE), 0);
	flow_advance(t, T0 + 181 * NS_PER_S);
	assert_int_equal(drain(t, FLOW_IDLE), 1);
	flow_table_destroy(t);
}

/* A closed connection ends soon although no packet of it comes any more. */
static void linger_ends(void **state)
{
	static const struct step s[] = {{0, false, S, 999, 0, 0}, {1, true, S | A, 4999, 1000, 0},
	        {3, false, F | A, 1000, 5000, 0}, {4, true, F | A, 5000, 1001, 0}};
	struct flow_table *t = table(&limits);
	enum flow_dir dir;

	(void)state;
	for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++) {
		struct packet p = tcp(&s[i]);

		(void)flow_track(t, &p, &dir);
	}
	flow_advance(t, T0 + 4900 * NS_PER_MS);
	assert_int_equal(drain(t, FLOW_FIN), 0);
	flow_advance(t, T0 + 5300 * NS_PER_MS);
	assert_int_equal(drain(t, FLOW_FIN), 1);
	flow_table_destroy(t);
}

/* Idle times that turn the wheel more than once, beside short ones: each ends in its second. */
static void long_and_short(void **state)
{
	struct flow_limits l = {.flows = 20000, .idle_tcp_s = 5000, .idle_udp_s = 60};
	struct flow_table *t = table(&l);
	enum flow_dir dir;

	(void)state;
	for (unsigned s = 0; s < 6000; s++) {
		struct packet p = make(PROTO_TCP, false, (uint16_t)(1024 + s), 9, s * 1000);
		unsigned want = (s < 60 ? s + 1 : 61) + (s < 5000 ? s + 1 : 5001);
		struct flow_stats st;

		p.tcp_flags = A;
		(void)flow_track(t, &p, &dir);
		udp_flow(t, s, s * 1000);
		for (int i = 0; i < 4; i++) {
			flow_advance(t, p.ts_ns);
			drain(t, FLOW_IDLE);
		}
		flow_table_stats(t, &st);
		if (st.live > want || st.live + 2 < want)
			fail_msg("second %u: %u live, not %u", s, (unsigned)st.live, want);
	}
	flow_table_destroy(t);
}

static void active_time(void **state)
{
	struct flow_limits l = limits;
	struct flow_table *t;
	struct packet p = make(PROTO_TCP, false, 50000, 50001, 0);
	enum flow_dir dir;
	struct flow *f;

	(void)state;
	l.active_s = 100;
	t = table(&l);
	p.tcp_flags = S;
	f = flow_track(t, &p, &dir);
	p = make(PROTO_TCP, true, 50000, 50001, 60000);
	p.tcp_flags = A;
	assert_ptr_equal(flow_track(t, &p, &dir), f);
	p.ts_ns = T0 + 101 * NS_PER_S;
	assert_ptr_not_equal(flow_track(t, &p, &dir), f);
	assert_int_equal(dir, FLOW_S2C); /* the sides stay, though the server speaks first */
	assert_int_equal(drain(t, FLOW_ACTIVE), 1);
	flow_table_destroy(t);
}

static void clock_set_back(void **state)
{
	struct flow_table *t = table(&limits);
	struct flow_stats st;
	struct flow *f = udp_flow(t, 1, 0);

	(void)state;
	assert_ptr_equal(udp_flow(t, 1, -500), f); /* disorder of one source and another */
	flow_table_stats(t, &st);
	assert_int_equal(st.clock_back, 0);
	assert_int_equal(f->last_ns, T0);
	/* one time of the far future ends what was quiet, and does not keep later flows from living */
	udp_flow(t, 2, 10LL * 365 * 86400 * 1000);
	assert_ptr_equal(udp_flow(t, 1, 1000), udp_flow(t, 1, 1001));
	drain(t, FLOW_IDLE);
	f = udp_flow(t, 1, 1002);
	for (int64_t ms = 1003; ms < 1203; ms++) {
		assert_ptr_equal(udp_flow(t, 1, ms), f);
		flow_advance(t, T0 + ms * NS_PER_MS);
	}
	flow_table_stats(t, &st);
	assert_true(st.clock_back >= 64);
	/* by now the clock has followed: idle is counted from here */
	flow_advance(t, T0 + 2 * NS_PER_S);
	udp_flow(t, 3, 62 * 1000);
	for (int i = 0; i < 10; i++)
		flow_advance(t, T0 + 62 * NS_PER_S);
	assert_true(drain(t, FLOW_IDLE) >= 1);
	assert_ptr_equal(udp_flow(t, 3, 62001), udp_flow(t, 3, 62002));
	flow_table_destroy(t);
}

/* Times at the ends of their range must not overflow anything. */
static void times_at_the_ends(void **state)
{
	static const int64_t times[] = {INT64_MIN, INT64_MAX, 0, -1, INT64_MAX - 1, 1};
	struct flow_table *t = table(&limits);

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct packet p = make(PROTO_UDP, false, (uint16_t)(2000 + i % 50), 9, 0);
		enum flow_dir dir;
		struct flow *f;

		p.ts_ns = times[i / 100 % 6];
		assert_non_null(flow_track(t, &p, &dir));
		flow_advance(t, p.ts_ns);
		while ((f = flow_ended(t)))
			flow_release(t, f);
	}
	/* and the clock still goes */
	for (unsigned i = 0; i < 200; i++)
		udp_flow(t, 1, i);
	drain(t, FLOW_IDLE);
	udp_flow(t, 1, 62000);
	for (int i = 0; i < 10; i++)
		flow_advance(t, T0 + 62 * NS_PER_S);
	udp_flow(t, 1, 62000 + 61000);
	assert_true(drain(t, FLOW_IDLE) > 0);
	flow_table_destroy(t);
}

/* The same for whoever sees it, and whichever side spoke first; other keys and times give others. */
static void identity(void **state)
{
	struct flow_table *t = table(&limits), *u = table(&limits);
	struct packet p = make(PROTO_UDP, false, 50000, 53, 0), q = p;
	enum flow_dir dir;
	uint64_t id = flow_id(flow_track(t, &p, &dir));

	(void)state;
	assert_int_not_equal(id, 0);
	p.sport = 777;
	(void)flow_track(u, &p, &dir);
	assert_true(id == flow_id(flow_track(u, &q, &dir)));
	assert_true(id == 0x49c4945ce37b0e2e); /* stays the same over releases: records refer to it */
	p.sport = 50001;
	assert_true(id != flow_id(flow_track(t, &p, &dir)));
	flow_table_destroy(t);
	flow_table_destroy(u);
}

static void refusals(void **state)
{
	struct flow_limits l = {.flows = 0};
	struct err e;

	(void)state;
	assert_null(flow_table_create(&l, &e));
	assert_non_null(strstr(e.text, "from 1 to"));
	l.flows = SIZE_MAX;
	assert_null(flow_table_create(&l, &e));
	flow_table_destroy(NULL);
}

/* 1,000,000 flows within 1 GiB: by far, as a record is three cache lines; and each is found again. */
static void a_million(void **state)
{
	struct flow_limits l = {.flows = 1000000, .idle_tcp_s = 300, .idle_udp_s = 60};
	struct flow_table *t = table(&l);
	struct flow_stats st;
	struct flow *f;

	(void)state;
	assert_true(sizeof(struct flow) <= 192);
	for (unsigned i = 0; i < 1000000; i++)
		udp_flow(t, i, 0);
	assert_null(flow_ended(t));
	for (unsigned i = 0; i < 1000000; i += 997)
		assert_int_equal(udp_flow(t, i, 1)->packets[0], 2);
	udp_flow(t, 1000000, 2);
	f = flow_ended(t);
	assert_non_null(f);
	assert_int_equal(f->packets[0], 1); /* not one of those that spoke again */
	flow_release(t, f);
	flow_table_stats(t, &st);
	assert_int_equal(st.live, 1000000);
	flow_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tcp_schedules),
	        cmocka_unit_test(client_side),
	        cmocka_unit_test(counters),
	        cmocka_unit_test(vlan_in_key),
	        cmocka_unit_test(turned_round),
	        cmocka_unit_test(full_table),
	        cmocka_unit_test(idle_in_portions),
	        cmocka_unit_test(idle_exactly),
	        cmocka_unit_test(linger_ends),
	        cmocka_unit_test(found_after_removals),
	        cmocka_unit_test(long_and_short),
	        cmocka_unit_test(active_time),
	        cmocka_unit_test(clock_set_back),
	        cmocka_unit_test(times_at_the_ends),
	        cmocka_unit_test(identity),
	        cmocka_unit_test(refusals),
	        cmocka_unit_test(a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
