/* test_flood.c - what attackers make many of: DNS answers, CONNECTs, proxies in proxies, connections through
 * proxies.  Memory stays what it was after the first few, what does not fit is counted, and the thousandth
 * costs what the first did. */
#include "tests/unit/sensor.h"

#include <malloc.h>
#include <time.h>

#define CLIENT "10.0.0.1"
#define PROXY  "10.9.9.9"

static const char yaml[] =
        "sensor: {name: test}\n"
        "networks: {internal: [10.0.0.0/8], proxies: [10.9.9.9], forwarded_by: [10.9.9.9]}\n"
        "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* Bytes that are allocated now, by whichever allocator this program has. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

static uint64_t told;

static void count(void *arg, const struct event *ev)
{
	(void)arg;
	told += ev->type == EVENT_ALERT;
}

static struct world *world(void)
{
	struct world *w = begin();

	w->c->tell.tell = count;
	told = 0;
	return w;
}

/* Processor time of this thread, ns. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

#define ROUNDS 10
#define SLOWER 6 /* most that the last rounds may cost of the first: machines are shared, caches cold */

/* `step` is done `n` times in each round.  From the second round on nothing is allocated that stays. */
static void flood(void (*step)(struct world *w, unsigned i), struct world *w, unsigned n)
{
	int64_t cost[ROUNDS];
	size_t after = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		int64_t begins = cpu_ns();

		for (unsigned i = 0; i < n; i++)
			step(w, r * n + i);
		cost[r] = cpu_ns() - begins;
		if (r == 1)
			after = allocated();
	}
	if (allocated() > after + 65536)
		fail_msg("%zu bytes after two rounds, %zu after %u", after, allocated(), ROUNDS);
	if (cost[ROUNDS - 1] > SLOWER * cost[1] && cost[ROUNDS - 2] > SLOWER * cost[1])
		fail_msg("a round cost %lld us at first, %lld us at last", (long long)cost[1] / 1000,
		        (long long)cost[ROUNDS - 1] / 1000);
}

/* ---- DNS -------------------------------------------------------------------------------------------------
 */

/* As many addresses as a datagram holds, all new, for a name that is new. */
static void dns_step(struct world *w, unsigned i)
{
	static struct buf b;
	char name[40], client[20];
	struct packet p;

	b.n = 0;
	put_hex(&b, "12348180000100400000");
	put_hex(&b, "0000");
	snprintf(name, sizeof(name), "n%u.example.net", i);
	put_name(&b, name);
	put_hex(&b, "00010001");
	for (unsigned k = 0; k < 64; k++) {
		put_hex(&b, "c00c00010001ffffffff0004");
		put_be(&b, 0xcb007100u + i * 64 + k, 4);
	}
	snprintf(client, sizeof(client), "10.%u.%u.%u", 1 + i % 7, i / 250 % 250, 1 + i % 250);
	w->now += NS_PER_MS;
	p = packet_udp("10.0.0.53", 53, client, 5353, b.p, b.n, w->now);
	packet(w, &p);
}

static void dns_answers(void **state)
{
	struct world *w = world();
	struct dns_stats st;

	(void)state;
	flood(dns_step, w, 400);
	dns_cache_stats(w->c->dns, &st);
	assert_true(st.entries <= settings->limits.dns_entries);
	assert_int_equal(st.stored, 64u * 400 * ROUNDS);
	assert_int_equal(st.evicted, st.stored - st.entries); /* every one is accounted for */
	assert_int_equal(st.malformed, 0);
	assert_int_equal(pool_used(w->c->readings), 0);
	end(w, NULL);
}

/* All answers for one client and one address: the chain does not grow. */
static void one_place_step(struct world *w, unsigned i)
{
	char name[40];

	snprintf(name, sizeof(name), "n%u.example.net", i);
	dns_answer(w, CLIENT, name, "198.51.100.10");
}

static void dns_answers_for_one_address(void **state)
{
	struct world *w = world();
	struct dns_found found[DNS_NAMES_MAX + 1];
	struct ip_addr client, server;
	struct dns_stats st;

	(void)state;
	ip_parse(CLIENT, &client);
	ip_parse("198.51.100.10", &server);
	dns_answer(w, CLIENT, "chatgpt.com", "198.51.100.10");
	flood(one_place_step, w, 3000);
	dns_cache_stats(w->c->dns, &st);
	assert_int_equal(st.entries, DNS_NAMES_MAX);
	assert_int_equal(
	        dns_names(w->c->dns, &client, &server, w->now, found, DNS_NAMES_MAX + 1), DNS_NAMES_MAX);
	assert_string_equal(found[DNS_NAMES_MAX - 1].name, "chatgpt.com");
	end(w, NULL);
}

/* Lies on port 53 that are no DNS open no more readings than there are. */
static void junk_step(struct world *w, unsigned i)
{
	uint8_t junk[64];
	struct packet p;

	memset(junk, (int)(i % 251 + 1), sizeof(junk));
	w->now += NS_PER_MS;
	p = packet_udp(CLIENT, (uint16_t)(1024 + i % 60000), "192.0.2.7", 53, junk, sizeof(junk), w->now);
	packet(w, &p);
}

static void junk_on_port_53(void **state)
{
	struct world *w = world();

	(void)state;
	flood(junk_step, w, 2000);
	assert_true(pool_used(w->c->readings) <= settings->limits.inspected);
	assert_true(end(w, NULL).refused_flows > 0);
}

/* ---- proxies ---------------------------------------------------------------------------------------------
 */

static struct conn_of one;

/* A proxy that refuses, and a client that asks again for somebody else. */
static void refused_step(struct world *w, unsigned i)
{
	char text[160];

	(void)w;
	snprintf(text, sizeof(text),
	        "CONNECT h%u.example.net:443 HTTP/1.1\r\nHost: h%u.example.net:443\r\n\r\n", i, i);
	say_text(&one, FLOW_C2S, text);
	say_text(&one, FLOW_S2C, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
}

static void connects_that_are_refused(void **state)
{
	struct world *w = world();
	struct classify_stats st;
	struct reading *r;

	(void)state;
	one = handshake(w, CLIENT, 40000, PROXY, 3128);
	flood(refused_step, w, 500);
	r = one.f->inspect;
	assert_int_equal(r->form, TRACKED_READING);
	assert_int_equal(r->facts.via.n, 1);
	assert_int_equal(r->facts.via.more, 0);
	assert_true(r->facts.n_also <= FACT_ALSO_MAX);
	st = end(w, NULL);
	assert_int_equal(st.requests, 500u * ROUNDS);
}

/* Proxies in proxies, until nobody follows them any more. */
static void connects_in_connects(void **state)
{
	struct world *w = world();
	char text[160];

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		struct conn_of k = handshake(w, CLIENT, (uint16_t)(41000 + kind), PROXY, 3128);

		for (unsigned i = 0; i < 2000; i++) {
			snprintf(text, sizeof(text), "CONNECT h%u.example.net:443 HTTP/1.1\r\n\r\n", i);
			if (kind == 0) {
				say_text(&k, FLOW_C2S, text);
				say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
			} else if (kind == 1) {
				say(&k, FLOW_C2S, "\4\1\1\xbb\1\2\3\4\0", 9);
				say(&k, FLOW_S2C, "\0\x5a\0\0\0\0\0\0", 8);
			} else {
				say_text(&k, FLOW_C2S, "PROXY TCP4 10.0.0.1 192.0.2.1 1000 443\r\n");
			}
		}
		if (k.f->inspect && ((struct reading *)k.f->inspect)->form == TRACKED_READING)
			assert_true(((struct reading *)k.f->inspect)->facts.via.n <= FACT_HOPS_MAX);
	}
	assert_true(pool_used(w->c->blocks) <= 3 * READING_BLOCKS_MAX);
	end(w, NULL);
}

/* Each connection asks for another host, and stays. */
static void connections_step(struct world *w, unsigned i)
{
	struct conn_of k = handshake(w, CLIENT, (uint16_t)(1024 + i % 60000), PROXY, 3128);
	char text[160];

	snprintf(text, sizeof(text), "CONNECT h%u.example.net:443 HTTP/1.1\r\n\r\n", i);
	say_text(&k, FLOW_C2S, text);
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
}

static void connections_through_a_proxy(void **state)
{
	struct world *w = world();
	struct classify_stats st;

	(void)state;
	flood(connections_step, w, 500);
	assert_true(pool_used(w->c->readings) <= settings->limits.inspected);
	assert_true(pool_used(w->c->kept_small) + pool_used(w->c->kept_large) <= settings->limits.flows);
	st = end(w, NULL);
	assert_true(st.refused_flows > 0);
	assert_int_equal(st.inspected_flows + st.refused_flows >= 500u * ROUNDS, true);
}

/* One connection of a proxy that many use: every request has another host, another client, another way. */
static void requests_step(struct world *w, unsigned i)
{
	char text[320];

	(void)w;
	snprintf(text, sizeof(text),
	        "GET http://h%u.example.net/p%u?q=%u HTTP/1.1\r\nHost: h%u.example.net\r\nX-Forwarded-For: "
	        "10.%u.%u.%u, 10.9.9.9\r\n\r\n",
	        i, i, i, i, i % 250, i / 250 % 250, 1 + i % 7);
	say_text(&one, FLOW_C2S, text);
	say_text(&one, FLOW_S2C, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void requests_through_a_proxy(void **state)
{
	struct world *w = world();

	(void)state;
	one = handshake(w, PROXY, 40001, "192.0.2.7", 80);
	flood(requests_step, w, 500);
	assert_true(pool_used(w->c->requests) <= 1);
	assert_int_equal(end(w, NULL).requests, 500u * ROUNDS);
}

/* ---- hellos ----------------------------------------------------------------------------------------------
 */

/* A service behind a public name, many times, from many sources: each tells once a day at the alerts side;
 * here the state of one connection is what may not grow. */
static void ech_step(struct world *w, unsigned i)
{
	struct hello_shape shape = {.sni = "cloudflare-ech.com",
	        .session_id = 32,
	        .more = "fe0d000e00000100010700020102"
	                "00020304"};
	struct conn_of k = handshake(w, CLIENT, (uint16_t)(1024 + i % 60000), "198.51.100.10", 443);
	static struct buf b;
	size_t at;

	b.n = 0;
	put_hex(&b, "160301");
	at = len_open(&b, 2);
	client_message(&b, &shape);
	len_close(&b, at, 2);
	say(&k, FLOW_C2S, b.p, b.n);
	send_flags(&k, FLOW_C2S, TCP_RST, NULL, 0);
}

static void hidden_names(void **state)
{
	struct world *w = world();

	(void)state;
	dns_answer(w, CLIENT, "chatgpt.com", "198.51.100.10");
	dns_answer(w, CLIENT, "www.example.net", "198.51.100.10");
	flood(ech_step, w, 300);
	assert_true(told > 0);
	end(w, NULL);
}

static int setup(void **state)
{
	(void)state;
	return sensor_setup(yaml);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(dns_answers),
	        cmocka_unit_test(dns_answers_for_one_address),
	        cmocka_unit_test(junk_on_port_53),
	        cmocka_unit_test(connects_that_are_refused),
	        cmocka_unit_test(connects_in_connects),
	        cmocka_unit_test(connections_through_a_proxy),
	        cmocka_unit_test(requests_through_a_proxy),
	        cmocka_unit_test(hidden_names),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
