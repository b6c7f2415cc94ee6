/* test_share.c - packets of one client meet in one worker, and the kernel's program decides as share_of()
 * does, whatever the packets come wrapped in.  The program is run by libpcap's interpreter of classic BPF. */
#include "capture/share.h"

#include "base/err.h"
#include "capture/decode.h"

#include "tests/unit/packets.h"
#include "tests/unit/share_run.h"
#include "tests/unit/wraps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WORKERS 7

static struct share_run kernel;

static struct cidr nets[64];
static size_t n_nets;

static void add(const char *text)
{
	struct err e;

	assert_int_equal(cidr_parse(text, &nets[n_nets++], &e), 0);
}

/* Some of the test's addresses are those of proxies. */
static struct cidr proxies[2];

static const struct share_networks *networks(size_t n_proxies)
{
	static struct share_networks w;
	struct err e;

	assert_int_equal(cidr_parse("10.0.0.0/11", &proxies[0], &e), 0);
	assert_int_equal(cidr_parse("2001:db8:12:1::/64", &proxies[1], &e), 0);
	w = (struct share_networks){
	        .internal = nets, .n_internal = n_nets, .proxies = proxies, .n_proxies = n_proxies};
	return &w;
}

static struct share_end end_of(const struct ip_addr *a, size_t n_proxies)
{
	struct share_end e = {.internal = false};

	for (size_t i = 0; i < n_nets; i++)
		e.internal |= cidr_covers(&nets[i], a);
	for (size_t i = 0; i < n_proxies; i++)
		e.proxy |= cidr_covers(&proxies[i], a);
	return e;
}

static unsigned wanted(const struct packet *p, size_t n_proxies)
{
	return share_of(p, end_of(&p->src, n_proxies), end_of(&p->dst, n_proxies), WORKERS);
}

/* ---- packets ----------------------------------------------------------------------------------------------
 */

/* Addresses near the borders of the networks, and anywhere. */
static struct ip_addr random_address(bool v4)
{
	struct ip_addr a;
	const struct cidr *c = &nets[wrap_dice((unsigned)n_nets)];

	wrap_address(&a, v4);
	if (wrap_dice(3) && ip_is4(&c->addr) == v4) {
		a = c->addr;
		a.b[15] ^= (uint8_t)rand();
		a.b[v4 ? 12 + wrap_dice(4) : wrap_dice(16)] ^=
		        (uint8_t)(wrap_dice(4) ? 0 : 1u << wrap_dice(8));
	}
	return a;
}

static uint16_t random_port(void)
{
	return (uint16_t)(wrap_dice(3) ? 10000 + wrap_dice(50000) : 53); /* none of a tunnel */
}

static struct wrapped w;

static void random_packet(unsigned levels)
{
	bool v4 = wrap_dice(2);
	struct ip_addr src = random_address(v4), dst = random_address(v4);

	wrap_begin(&w, wrap_dice(2), &src, &dst, random_port(), random_port());
	wrap_up(&w, levels);
}

static struct packet wrapped_packet(void)
{
	return (struct packet){.ts_ns = 1,
	        .data = w.b + w.at,
	        .caplen = (uint32_t)wrap_len(&w),
	        .wirelen = (uint32_t)wrap_len(&w),
	        .linktype = 1};
}

/* What was decided otherwise, for whoever has to find out why. */
static void assert_alike(const struct packet *p, unsigned got, unsigned want)
{
	if (got == want)
		return;
	printf("to worker %u, not %u:", got, want);
	for (uint32_t i = 0; i < p->caplen; i++)
		printf(" %02x", p->data[i]);
	printf("\n");
	fail();
}

static void compile(const struct share_networks *all)
{
	assert_int_equal(share_run_compile(&kernel, all), SHARE_LEVELS);
}

static unsigned received(const uint8_t *frame, size_t n)
{
	return share_run_received(&kernel, frame, n) % WORKERS;
}

static unsigned sent(const uint8_t *frame, size_t n)
{
	return share_run_sent(&kernel, frame, n) % WORKERS;
}

static void decides_as_files_do(size_t n_proxies, unsigned levels, unsigned rounds)
{
	size_t spread[WORKERS] = {0}, kinds[TUNNEL_KINDS] = {0}, too_deep = 0;

	for (unsigned i = 0; i < rounds; i++) {
		struct packet p, back;
		enum decode_result r;
		unsigned want;

		random_packet(1 + wrap_dice(levels));
		p = wrapped_packet();
		r = decode_packet(&p, NULL);
		if (r == DECODE_TOO_DEEP || p.no_tunnel) { /* with many tags on each level */
			too_deep++;
			continue;
		}
		assert_int_equal(r, DECODE_OK);
		want = wanted(&p, n_proxies);
		assert_alike(&p, received(p.data, p.caplen), want);
		assert_alike(&p, sent(p.data, p.caplen), want);
		back = p;
		back.src = p.dst;
		back.dst = p.src;
		back.sport = p.dport;
		back.dport = p.sport;
		assert_int_equal(wanted(&back, n_proxies), want);
		spread[want]++;
		for (unsigned t = 0; t < p.n_tunnels; t++)
			kinds[p.tunnel[t].kind]++;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_true(spread[i] > rounds / WORKERS / 2);
	for (unsigned k = 1; levels > 1 && k < TUNNEL_KINDS; k++)
		if (k != TUNNEL_L2TP && k != TUNNEL_CAPWAP) /* not read by the program */
			assert_true(kinds[k] > rounds / 250);
	assert_true(too_deep < rounds / 20);
}

static void both_decide_alike(void **state)
{
	(void)state;
	srand(7);
	for (size_t n_proxies = 0; n_proxies <= 2; n_proxies += 2) {
		compile(networks(n_proxies));
		decides_as_files_do(n_proxies, 1, 5000);
		decides_as_files_do(n_proxies, SHARE_LEVELS, 20000);
	}
}

/* What is wrapped deeper than the program reads meets all the same where the outer addresses do. */
static void deeper(void **state)
{
	unsigned alike = 0, other = 0;

	(void)state;
	srand(8);
	compile(networks(2));
	for (unsigned i = 0; i < 3000; i++) {
		struct packet p;

		random_packet(SHARE_LEVELS + 1);
		p = wrapped_packet();
		if (decode_packet(&p, NULL) != DECODE_OK)
			continue;
		if (received(p.data, p.caplen) == wanted(&p, 2))
			alike++;
		else
			other++;
	}
	assert_true(other > 10 * alike / WORKERS);
	assert_true(alike > other / WORKERS / 2);
}

/* Bits turned: what files take for a flow inside of tunnels, the program follows too, but for datagrams that
 * are a tunnel's only by the port, and for lengths that cannot be: it does not look for all that may be wrong
 * there.  (A turned bit can also make one of its bounds too small: more source routes in a GRE header.) */
static void mutated(void **state)
{
	size_t same = 0, odd = 0, other = 0;

	(void)state;
	srand(9);
	compile(networks(2));
	for (unsigned i = 0; i < 60000; i++) {
		struct packet p;
		unsigned got;

		random_packet(1 + wrap_dice(SHARE_LEVELS));
		for (unsigned n = 1 + wrap_dice(3); n; n--)
			w.b[w.at + wrap_dice((unsigned)(wrap_len(&w) < 150 ? wrap_len(&w) : 150))] ^=
			        (uint8_t)(1u << wrap_dice(8));
		p = wrapped_packet();
		got = received(p.data, p.caplen);
		if (decode_packet(&p, NULL) != DECODE_OK || p.n_tunnels >= SHARE_LEVELS)
			continue;
		if (got == wanted(&p, 2))
			same++;
		else if (p.no_tunnel || p.carries || p.payload_wire > p.payload_len)
			odd++;
		else
			other++;
	}
	print_message("%zu alike, %zu broken, %zu beyond the bounds\n", same, odd, other);
	assert_true(same > 20000);
	assert_true(odd < same / 25);
	assert_true(other < same / 2000);
}

/* ---- who meets whom ---------------------------------------------------------------------------------------
 */

#define INSIDE  ((struct share_end){.internal = true})
#define PROXY   ((struct share_end){.internal = true, .proxy = true})
#define OUTSIDE ((struct share_end){.internal = false})

/* Who asks the proxy and where it goes on to: one worker. */
static void both_sides_of_a_proxy_meet(void **state)
{
	struct packet to = {.sport = 50000, .dport = 3128}, on = {.sport = 40000, .dport = 443};

	(void)state;
	assert_int_equal(ip_parse("10.9.9.9", &to.dst), 0);
	on.src = to.dst;
	assert_int_equal(ip_parse("203.0.113.7", &on.dst), 0);
	for (int i = 1; i < 100; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.64.0.%d", i);
		assert_int_equal(ip_parse(text, &to.src), 0);
		assert_int_equal(share_of(&to, INSIDE, PROXY, 7), share_of(&on, PROXY, OUTSIDE, 7));
	}
}

/* The answer of a resolver of ours, also one that is a proxy, and the connection that it is good for. */
static void client_and_resolver_meet(void **state)
{
	struct packet dns = {.sport = 53, .dport = 40000}, web = {.sport = 50000, .dport = 443}, query;

	(void)state;
	for (uint8_t host = 1; host < 255; host++) {
		uint8_t client[4] = {10, 0, 0, host}, resolver[4] = {10, 9, 9, 9},
		        server[4] = {198, 51, 100, 7};

		dns.src = ip_from4(resolver);
		dns.dst = web.src = ip_from4(client);
		web.dst = ip_from4(server);
		query = dns;
		query.src = dns.dst;
		query.dst = dns.src;
		query.sport = dns.dport;
		query.dport = dns.sport;
		assert_int_equal(share_of(&dns, INSIDE, INSIDE, 4), share_of(&web, INSIDE, OUTSIDE, 4));
		assert_int_equal(share_of(&dns, PROXY, INSIDE, 4), share_of(&web, INSIDE, OUTSIDE, 4));
		assert_int_equal(share_of(&query, INSIDE, PROXY, 4), share_of(&web, INSIDE, OUTSIDE, 4));
		assert_int_equal(share_of(&dns, OUTSIDE, INSIDE, 4), share_of(&web, INSIDE, OUTSIDE, 4));
	}
}

/* IP fragments of a TCP segment, each in a frame of its own; sizes as scripts/wrap-capture makes them. */
static unsigned fragment_worker(bool v4, const struct ip_addr *src, const struct ip_addr *dst,
        unsigned offset, bool more, bool tunnel)
{
	w.at = WRAP_MAX;
	w.levels = 1;
	if (offset) {
		wrap_noise(&w, 64); /* anything may stand where ports would */
	} else {
		wrap_noise(&w, 60);
		wrap_be(&w, 443, 2);
		wrap_be(&w, 40000, 2);
	}
	if (v4) {
		wrap_put(&w, dst->b + 12, 4);
		wrap_put(&w, src->b + 12, 4);
		wrap_be(&w, 0x4006abcd, 4);
		wrap_be(&w, (more ? 0x2000u : 0) | offset, 2);
		wrap_be(&w, 0x00541234, 4);
		wrap_be(&w, 0x4500, 2);
		w.front = FRONT_IP4;
	} else {
		wrap_be(&w, 0x1234, 4);
		wrap_be(&w, offset << 3 | more, 2);
		wrap_be(&w, 0x0600, 2);
		wrap_put(&w, dst->b, 16);
		wrap_put(&w, src->b, 16);
		wrap_be(&w, 0x00482c40, 4);
		wrap_be(&w, 0x60000000, 4);
		w.front = FRONT_IP6;
	}
	wrap_up(&w, tunnel ? 2 : 1);
	return received(w.b + w.at, wrap_len(&w));
}

/* Between any two hosts, internal or not: the fragments of a flow come to the worker of its whole packets. */
static void fragments_meet_whole_packets(void **state)
{
	(void)state;
	srand(10);
	compile(networks(2));
	for (unsigned i = 0; i < 4000; i++) {
		bool v4 = wrap_dice(2), tunnel = wrap_dice(2);
		struct packet p = {
		        .src = random_address(v4), .dst = random_address(v4), .sport = 40000, .dport = 443};
		unsigned want = wanted(&p, 2);

		assert_int_equal(fragment_worker(v4, &p.src, &p.dst, 0, true, tunnel), want);
		assert_int_equal(fragment_worker(v4, &p.src, &p.dst, 8 + wrap_dice(100), true, tunnel), want);
		assert_int_equal(fragment_worker(v4, &p.dst, &p.src, 200, false, tunnel), want);
	}
}

/* A packet of which nothing can be read comes to the first worker; none makes the program read too far. */
static void short_packets_end(void **state)
{
	(void)state;
	srand(11);
	compile(networks(2));
	for (unsigned i = 0; i < 300; i++) {
		size_t n;

		random_packet(1 + wrap_dice(SHARE_LEVELS));
		n = wrap_len(&w);
		for (size_t len = 14; len < n && len < 400; len++)
			(void)received(w.b + w.at, len);
		assert_int_equal(received(w.b + w.at, 14), 0);
	}
	share_run_know(&kernel, SKF_AD_PROTOCOL, ETH_P_ARP);
	assert_int_equal(share_run(&kernel, w.b + w.at, 80), 0);
}

static void many_networks(void **state)
{
	static struct sock_filter f[SHARE_PROGRAM_MAX];
	static struct cidr many[2000];
	unsigned levels, before = SHARE_LEVELS + 1;

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		many[i] = nets[0];
	for (size_t n = 0; n <= 2000; n += 50) {
		struct share_networks all = {.internal = many, .n_internal = n};
		size_t length = share_program(&all, f, SHARE_PROGRAM_MAX, &levels);

		assert_int_equal(length > 0, levels > 0);
		assert_true(levels <= before);
		assert_true(n > 50 || levels == SHARE_LEVELS);
		assert_true(n > 300 || levels >= 2);
		assert_true(length <= SHARE_PROGRAM_MAX);
		before = levels;
	}
	assert_int_equal(levels, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_decide_alike),
	        cmocka_unit_test(deeper),
	        cmocka_unit_test(mutated),
	        cmocka_unit_test(both_sides_of_a_proxy_meet),
	        cmocka_unit_test(client_and_resolver_meet),
	        cmocka_unit_test(fragments_meet_whole_packets),
	        cmocka_unit_test(short_packets_end),
	        cmocka_unit_test(many_networks),
	};
	const char *const texts[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
	        "169.254.0.0/16", "203.0.113.77/32", "fc00::/7", "fe80::/10", "2001:db8:12::/48",
	        "2001:db8:99::1/128"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add(texts[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
