/* test_ndpi.c - the second opinion: what it recognizes, what it is never given, and that it does not hang. */
#include "tests/unit/names_util.h"

#include "base/clock.h"
#include "classify/names/names.h"

#include <unistd.h>

#define HANG_S 20 /* then the test program is killed: nDPI does not come back */

static struct buf payload;
static struct packet packet;

static void make(
        uint8_t proto, uint16_t sport, uint16_t dport, const char *client, const char *server, bool reply)
{
	struct ip_addr c, s;

	assert_int_equal(ip_parse(client, &c), 0);
	assert_int_equal(ip_parse(server, &s), 0);
	packet.ts_ns += NS_PER_MS;
	packet.src = reply ? s : c;
	packet.dst = reply ? c : s;
	packet.sport = reply ? dport : sport;
	packet.dport = reply ? sport : dport;
	packet.ip_version = ip_is4(&c) ? 4 : 6;
	packet.proto = proto;
	packet.ttl = 64;
	packet.tcp_flags = TCP_ACK | TCP_PSH;
	packet.payload = payload.p;
	packet.payload_len = packet.payload_wire = (uint32_t)payload.n;
}

static struct second *open_or_skip(size_t flows)
{
	struct err e = {.text = ""};
	struct second *s = second_create(flows, &e);

	if (!s && !e.text[0])
		skip(); /* built without nDPI */
	assert_non_null(s);
	return s;
}

/* Both banners of an SSH connection; the name it gives. */
static void ssh(struct second *s, const char *client, const char *server, char *name, size_t cap)
{
	struct second_flow *f = second_open(s);
	bool decided = false;

	assert_non_null(f);
	for (int reply = 1; reply >= 0 && !decided; reply--) {
		payload.n = 0;
		put_text(&payload, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
		make(PROTO_TCP, 40000, 2222, client, server, reply);
		decided = second_feed(s, f, &packet, reply ? FLOW_S2C : FLOW_C2S);
	}
	second_result(s, f, name, cap);
}

static void test_names_a_protocol(void **state)
{
	struct second *s = open_or_skip(8);
	char name[40];

	(void)state;
	ssh(s, "10.0.0.1", "198.51.100.1", name, sizeof(name));
	assert_string_equal(name, "SSH");
	ssh(s, "fd00::1", "2001:db8::1", name, sizeof(name));
	assert_string_equal(name, "SSH");
	assert_true(second_memory() > 0);
	second_destroy(s);
	assert_int_equal(second_memory(), 0);
}

static void test_unknown_stays_unknown(void **state)
{
	struct second *s = open_or_skip(8);
	struct second_flow *f = second_open(s);
	char name[40] = "x";
	int n = 0;

	(void)state;
	/* bytes of nothing, on the port of a known one and toward a hoster's address: no guess is taken */
	do {
		payload.n = 0;
		for (unsigned i = 0; i < 200; i++)
			put_be(&payload, (i * 73 + (unsigned)n * 31 + 11) & 0xff, 1);
		make(PROTO_TCP, 40001, 22, "10.0.0.1", "104.18.7.192", false);
		n++;
	} while (!second_feed(s, f, &packet, FLOW_C2S));
	assert_true(n <= SECOND_PACKETS_MAX);
	assert_true(second_feed(s, f, &packet, FLOW_C2S)); /* no more is taken */
	second_result(s, f, name, sizeof(name));
	assert_string_equal(name, "");
	second_destroy(s);
}

/* The datagram that nDPI 4.2 never comes back from: a DNS query of 65,507 bytes, all labels of 63 zeros,
 * whose length sums up past 16 bits. */
static void test_dns_wrap(void **state)
{
	struct second *s = open_or_skip(8);
	struct second_flow *f = second_open(s);
	char name[40];
	int64_t begin;

	(void)state;
	payload.n = 0;
	put_hex(&payload, "123401000001000000000000");
	while (payload.n + 64 <= 65507) {
		put_be(&payload, 0x3f, 1);
		put_fill(&payload, 0, 63);
	}
	put_fill(&payload, 0x3f, 65507 - payload.n);
	make(PROTO_UDP, 51002, 53, "10.1.2.3", "104.18.7.192", false);
	alarm(HANG_S);
	begin = clock_mono_ns();
	second_feed(s, f, &packet, FLOW_C2S);
	second_result(s, f, name, sizeof(name));
	assert_true(clock_mono_ns() - begin < 50 * NS_PER_MS);
	alarm(0);
	assert_string_equal(name, "");
	second_destroy(s);
}

/* The largest payloads of every kind, random but for a first byte: cut, and no hang. */
static void test_large_payloads(void **state)
{
	struct second *s = open_or_skip(8);
	unsigned seed = 7;

	(void)state;
	alarm(HANG_S);
	for (unsigned first = 0; first < 256; first += 5) {
		struct second_flow *f = second_open(s);

		payload.n = 0;
		put_be(&payload, first, 1);
		while (payload.n < 60000) {
			seed = seed * 1103515245 + 12345;
			put_be(&payload, seed, 4);
		}
		for (int i = 0; i < 3; i++) {
			make(first % 2 ? PROTO_TCP : PROTO_UDP, (uint16_t)(1024 + first),
			        (uint16_t)(first * 20), "10.0.0.1", "198.51.100.1", i == 1);
			second_feed(s, f, &packet, i == 1 ? FLOW_S2C : FLOW_C2S);
		}
		second_close(s, f);
	}
	alarm(0);
	second_destroy(s);
}

static void test_limit_of_flows(void **state)
{
	struct second *s = open_or_skip(2);
	struct second_flow *a = second_open(s), *b = second_open(s);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_null(second_open(s));
	assert_int_equal(second_refused(s), 1);
	second_close(s, a);
	assert_non_null(second_open(s));
	second_close(s, b);
	second_close(s, NULL);
	second_destroy(s);
}

/* TCP and UDP in one flow: nDPI's state is a union of the two. */
static void test_mixed_transports(void **state)
{
	struct second *s = open_or_skip(2);
	struct second_flow *f = second_open(s);

	(void)state;
	payload.n = 0;
	put_text(&payload, "hello");
	make(PROTO_TCP, 4000, 5000, "10.0.0.1", "198.51.100.1", false);
	assert_false(second_feed(s, f, &packet, FLOW_C2S));
	make(PROTO_UDP, 4000, 5000, "10.0.0.1", "198.51.100.1", false);
	assert_true(second_feed(s, f, &packet, FLOW_C2S));
	second_close(s, f);
	f = second_open(s);
	packet.proto = 132;
	assert_true(second_feed(s, f, &packet, FLOW_C2S));
	second_close(s, f);
	f = second_open(s); /* no payload: nothing to look at, and not counted */
	payload.n = 0;
	make(PROTO_TCP, 4000, 5000, "10.0.0.1", "198.51.100.1", false);
	for (int i = 0; i < 2 * SECOND_PACKETS_MAX; i++)
		assert_false(second_feed(s, f, &packet, FLOW_C2S));
	second_close(s, f);
	second_destroy(s);
}

static void test_without(void **state)
{
	char name[8] = "x";

	(void)state;
	assert_null(second_open(NULL));
	assert_true(second_feed(NULL, NULL, &packet, FLOW_C2S));
	second_result(NULL, NULL, name, sizeof(name));
	assert_string_equal(name, "");
	assert_int_equal(second_refused(NULL), 0);
	second_close(NULL, NULL);
	second_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_names_a_protocol),
	        cmocka_unit_test(test_unknown_stays_unknown),
	        cmocka_unit_test(test_dns_wrap),
	        cmocka_unit_test(test_large_payloads),
	        cmocka_unit_test(test_limit_of_flows),
	        cmocka_unit_test(test_mixed_transports),
	        cmocka_unit_test(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
