/* test_proxies.c - SOCKS and PROXY headers: what is asked for, who asks, and that the connection inside comes
 * out whole however the bytes are cut. */
#include "classify/found.h"
#include "classify/links.h"
#include "classify/names/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct log {
	char text[512];
	size_t n;
	char inner[2][256];
	size_t inner_n[2];
};

static void on_proxied(void *arg, const struct proxied *p)
{
	struct log *l = arg;
	char ip[IP_TEXT_MAX];

	l->n += (size_t)snprintf(
	        l->text + l->n, sizeof(l->text) - l->n, "%s", via_kind_name((enum via_kind)p->kind));
	if (p->target)
		l->n += (size_t)snprintf(
		        l->text + l->n, sizeof(l->text) - l->n, " to %s:%u", p->host, p->port);
	if (p->client_known)
		l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, " from %s:%u",
		        ip_format(&p->client, ip), p->client_port);
}

static bool on_bytes(
        void *inner, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct log *l = inner;

	(void)stream;
	(void)when_ns;
	assert_true(l->inner_n[dir] + n <= sizeof(l->inner[0]));
	memcpy(l->inner[dir] + l->inner_n[dir], p, n);
	l->inner_n[dir] += n;
	return true;
}

struct say {
	enum flow_dir dir;
	const char *p;
	size_t n;
};
#define SAY(dir, text)                                                                                       \
	{                                                                                                    \
		dir, text, sizeof(text) - 1                                                                  \
	}

static struct pool *pool;

/* All of it in pieces of `step` bytes, each in a heap copy of its size; the last verdict. */
static enum layer_verdict talk(
        const struct layer_ops *ops, const struct say *s, size_t count, size_t step, struct log *l)
{
	struct arena arena;
	struct flow flow = {.proto = PROTO_TCP};
	struct conn c = {.arena = &arena, .flow = &flow};
	struct sink out = {.arg = l, .proxied = on_proxied, .inner = l, .bytes = on_bytes};
	enum layer_verdict v = LAYER_MORE;
	void *state;

	memset(l, 0, sizeof(*l));
	arena_init(&arena, pool, 4);
	state = arena_get(&arena, ops->state_size);
	assert_non_null(state);
	for (size_t i = 0; i < count && v == LAYER_MORE; i++)
		for (size_t at = 0; at < s[i].n && v == LAYER_MORE; at += step) {
			size_t n = s[i].n - at < step ? s[i].n - at : step;
			uint8_t *copy = malloc(n);

			memcpy(copy, s[i].p + at, n);
			v = ops->feed(state, &c, s[i].dir, 0, copy, n, 1, &out);
			free(copy);
		}
	arena_clear(&arena);
	return v;
}

#define HELLO "\x16\x03\x01 hello"
#define REPLY "\x16\x03\x03 reply"

static const struct say by_name[] = {SAY(FLOW_C2S, "\5\1\0"), SAY(FLOW_S2C, "\5\0"),
        SAY(FLOW_C2S, "\5\1\0\3\x0e"
                      "API.OpenAI.com\1\xbb"),
        SAY(FLOW_S2C, "\5\0\0\1\x0a\0\0\1\1\xbb"), SAY(FLOW_C2S, HELLO), SAY(FLOW_S2C, REPLY)};
static const struct say with_login[] = {SAY(FLOW_C2S, "\5\2\0\2"), SAY(FLOW_S2C, "\5\2"),
        SAY(FLOW_C2S, "\1\4user\6secret"), SAY(FLOW_S2C, "\1\0"), SAY(FLOW_C2S, "\5\1\0\1\xc0\0\2\7\1\xbb"),
        SAY(FLOW_S2C, "\5\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xbb"), SAY(FLOW_C2S, HELLO),
        SAY(FLOW_S2C, REPLY)};
static const struct say six[] = {SAY(FLOW_C2S, "\5\1\0"), SAY(FLOW_S2C, "\5\0"),
        SAY(FLOW_C2S, "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\1\xbb"),
        SAY(FLOW_S2C, "\5\0\0\3\1a\1\xbb"), SAY(FLOW_C2S, HELLO), SAY(FLOW_S2C, REPLY)};
static const struct say four[] = {SAY(FLOW_C2S, "\4\1\1\xbb\xc0\0\2\7me\0"),
        SAY(FLOW_S2C, "\0\x5a\0\0\0\0\0\0"), SAY(FLOW_C2S, HELLO), SAY(FLOW_S2C, REPLY)};
static const struct say four_a[] = {SAY(FLOW_C2S, "\4\1\1\xbb\0\0\0\1me\0api.openai.com\0"),
        SAY(FLOW_S2C, "\0\x5a\0\0\0\0\0\0"), SAY(FLOW_C2S, HELLO), SAY(FLOW_S2C, REPLY)};
/* a client that does not wait, and a capture of its side alone */
static const struct say hasty[] = {SAY(FLOW_C2S, "\5\1\0\5\1\0\3\1a\1\xbb" HELLO)};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define CASE(s, text)                                                                                        \
	{                                                                                                    \
		s, COUNT(s), text                                                                            \
	}

static void socks_targets(void **state)
{
	static const struct {
		const struct say *s;
		size_t n;
		const char *told;
	} cases[] = {CASE(by_name, "socks5 to api.openai.com:443"),
	        CASE(with_login, "socks5 to 192.0.2.7:443"), CASE(six, "socks5 to 2001:db8::7:443"),
	        CASE(four, "socks4 to 192.0.2.7:443"), CASE(four_a, "socks4 to api.openai.com:443"),
	        CASE(hasty, "socks5 to a:443")};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t step = 1; step < 40; step++) {
			struct log l;

			assert_int_equal(talk(&socks_layer, cases[i].s, cases[i].n, step, &l), LAYER_MORE);
			assert_string_equal(l.text, cases[i].told);
			assert_int_equal(l.inner_n[FLOW_C2S], sizeof(HELLO) - 1);
			assert_memory_equal(l.inner[FLOW_C2S], HELLO, sizeof(HELLO) - 1);
			if (cases[i].s != hasty)
				assert_memory_equal(l.inner[FLOW_S2C], REPLY, sizeof(REPLY) - 1);
		}
}

static void socks_ends(void **state)
{
	static const struct say refused[] = {
	        SAY(FLOW_C2S, "\5\1\0\5\1\0\3\1a\1\xbb"), SAY(FLOW_S2C, "\5\0\5\5\0\1\0\0\0\0\0\0")};
	static const struct say bind[] = {SAY(FLOW_C2S, "\5\1\0\5\2\0\3\1a\1\xbb")};
	static const struct say gssapi[] = {SAY(FLOW_C2S, "\5\1\1"), SAY(FLOW_S2C, "\5\1")};
	static const struct say none[] = {SAY(FLOW_C2S, "\5\1\0"), SAY(FLOW_S2C, "\5\xff")};
	struct log l;

	(void)state;
	assert_int_equal(talk(&socks_layer, refused, 2, 99, &l), LAYER_DONE);
	assert_int_equal(talk(&socks_layer, bind, 1, 99, &l), LAYER_DONE);
	assert_string_equal(l.text, "socks5 to a:443"); /* named, and not followed */
	assert_int_equal(talk(&socks_layer, gssapi, 2, 99, &l), LAYER_BAD);
	assert_int_equal(talk(&socks_layer, none, 2, 99, &l), LAYER_BAD);
}

static void socks_probes(void **state)
{
	(void)state;
	assert_int_equal(socks_probe((const uint8_t *)"\5\1\0", 3), 1);
	assert_int_equal(socks_probe((const uint8_t *)"\5\2\0", 3), -1);
	assert_int_equal(socks_probe((const uint8_t *)"\5\0\x0b\3\x10\0\0\0\x48", 9), 0); /* DCE/RPC */
	assert_int_equal(socks_probe((const uint8_t *)"\5\2\0\0", 4), 0);                 /* a method twice */
	assert_int_equal(socks_probe((const uint8_t *)"\4\1\0\0\1\2\3\4\0", 9), 0);       /* no port */
	assert_int_equal(
	        socks_probe((const uint8_t *)"\4\1\1\xbb\1\2\3\4\1", 9), 0); /* a user that is no text */
	assert_int_equal(socks_probe((const uint8_t *)"GET / HTTP", 10), 0);
}

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void proxy_headers(void **state)
{
	static const struct {
		struct say s;
		const char *told; /* NULL: refused */
	} cases[] = {
	        {SAY(FLOW_C2S, "PROXY TCP4 10.1.2.3 192.0.2.7 4711 443\r\n" HELLO),
	                "proxy from 10.1.2.3:4711"},
	        {SAY(FLOW_C2S, "PROXY TCP6 2001:db8::9 ::1 1 2\r\n" HELLO), "proxy from 2001:db8::9:1"},
	        {SAY(FLOW_C2S, "PROXY UNKNOWN\r\n" HELLO), "proxy"},
	        {SAY(FLOW_C2S, "PROXY UNKNOWN a b c d\r\n" HELLO), "proxy"},
	        {SAY(FLOW_C2S, V2 "\x21\x11\0\x0c\x0a\1\2\3\xc0\0\2\7\x12\x67\1\xbb" HELLO),
	                "proxy from 10.1.2.3:4711"},
	        {SAY(FLOW_C2S, V2 "\x21\x11\0\x10\x0a\1\2\3\xc0\0\2\7\x12\x67\1\xbb\4\0\1x" HELLO),
	                "proxy from 10.1.2.3:4711"},
	        {SAY(FLOW_C2S, V2 "\x20\0\0\0" HELLO), "proxy"},
	        {SAY(FLOW_C2S, "PROXY TCP4 10.1.2.3 192.0.2.7 4711 99999\r\n"), NULL},
	        {SAY(FLOW_C2S, "PROXY TCP4 10.1.2 192.0.2.7 4711 443\r\n"), NULL},
	        {SAY(FLOW_C2S, "PROXY TCP5 10.1.2.3 192.0.2.7 4711 443\r\n"), NULL},
	        {SAY(FLOW_C2S, "PROXY TCP4 10.1.2.3 192.0.2.7 4711 443\n"), NULL},
	        {SAY(FLOW_C2S, V2 "\x11\x11\0\x0c\x0a\1\2\3\xc0\0\2\7\x12\x67\1\xbb"), NULL},
	        {SAY(FLOW_C2S, V2 "\x21\x11\0\x08\x0a\1\2\3\xc0\0\2\7"), NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t step = 1; step < 80; step++) {
			struct log l;
			enum layer_verdict v = talk(&proxy_header_layer, &cases[i].s, 1, step, &l);

			assert_int_equal(v, cases[i].told ? LAYER_MORE : LAYER_BAD);
			if (!cases[i].told)
				continue;
			assert_string_equal(l.text, cases[i].told);
			assert_int_equal(l.inner_n[FLOW_C2S], sizeof(HELLO) - 1);
			assert_memory_equal(l.inner[FLOW_C2S], HELLO, sizeof(HELLO) - 1);
		}
}

/* Every prefix and every flipped bit, in copies of the exact size. */
static void hostile(void **state)
{
	static const struct {
		const struct layer_ops *ops;
		const struct say *s;
		size_t n;
	} cases[] = {{&socks_layer, by_name, COUNT(by_name)}, {&socks_layer, with_login, COUNT(with_login)},
	        {&socks_layer, four_a, COUNT(four_a)}};
	struct log l;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t k = 0; k < cases[i].n; k++) {
			struct say s[8];
			char copy[64];

			memcpy(s, cases[i].s, cases[i].n * sizeof(*s));
			for (size_t n = 0; n <= cases[i].s[k].n; n++) {
				s[k].n = n;
				talk(cases[i].ops, s, cases[i].n, 99, &l);
			}
			memcpy(copy, cases[i].s[k].p, cases[i].s[k].n);
			s[k] = (struct say){cases[i].s[k].dir, copy, cases[i].s[k].n};
			for (size_t bit = 0; bit < 8 * s[k].n; bit++) {
				copy[bit / 8] ^= (char)(1 << bit % 8);
				talk(cases[i].ops, s, cases[i].n, bit % 5 + 1, &l);
				copy[bit / 8] ^= (char)(1 << bit % 8);
			}
		}
}

/* ---- both sides of a proxy ---- */

static void links_are_found_once(void **state)
{
	struct err e = {""};
	struct links *l = links_create(64, &e);
	struct ip_addr proxy = {.b = {1}}, other = {.b = {2}};
	struct link who = {.flow = 7, .client_port = 4711}, found;
	uint8_t random[32] = {9};
	uint64_t key = link_key_hello(random);

	(void)state;
	assert_non_null(l);
	assert_false(links_take(l, key, &proxy, 0, &found));
	links_note(l, key, &proxy, &who, NS_PER_S);
	assert_false(links_take(l, key, &other, NS_PER_S, &found)); /* not that proxy's */
	random[0]++;
	assert_false(links_take(l, link_key_hello(random), &proxy, NS_PER_S, &found));
	assert_true(links_take(l, key, &proxy, 2 * NS_PER_S, &found));
	assert_int_equal(found.flow, 7);
	assert_int_equal(found.client_port, 4711);
	assert_false(links_take(l, key, &proxy, 2 * NS_PER_S, &found));
	links_note(l, key, &proxy, &who, 0);
	assert_false(links_take(l, key, &proxy, LINK_NS + 1, &found)); /* too long ago */
	/* equal requests are passed on in their order */
	key = link_key_request(SLICE("GET"), "a.example", SLICE("/x"), SLICE("q=1"));
	assert_true(key != link_key_request(SLICE("GET"), "a.example", SLICE("/x"), SLICE("q=2")));
	who.flow = 1;
	links_note(l, key, &proxy, &who, 10);
	who.flow = 2;
	links_note(l, key, &proxy, &who, 20);
	assert_true(links_take(l, key, &proxy, 30, &found) && found.flow == 1);
	assert_true(links_take(l, key, &proxy, 40, &found) && found.flow == 2);
	/* a flood forgets, and does not break */
	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(random, &i, sizeof(i));
		links_note(l, link_key_hello(random), &proxy, &who, i);
	}
	assert_true(links_take(l, link_key_hello(random), &proxy, 100000, &found));
	links_destroy(l);
}

static int set_up(void **state)
{
	(void)state;
	pool = pool_create(8192, 8);
	return !pool;
}

static int tear_down(void **state)
{
	(void)state;
	pool_destroy(pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(socks_targets),
	        cmocka_unit_test(socks_ends),
	        cmocka_unit_test(socks_probes),
	        cmocka_unit_test(proxy_headers),
	        cmocka_unit_test(hostile),
	        cmocka_unit_test(links_are_found_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
