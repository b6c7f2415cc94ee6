/* test_via.c - who is behind a proxy: whose word is believed, and how far back a list of addresses is right.
 */
#include "classify/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define PROXY "10.0.0.8" /* believed, and so is all of 10.0.1.0/24 */

static struct networks *networks;
static struct settings settings;

static void add(const char *text, unsigned what, const char *group)
{
	struct cidr c;
	struct err e;

	assert_int_equal(cidr_parse(text, &c, &e), 0);
	if (group)
		assert_int_equal(networks_add_group(networks, &c, group), 0);
	else
		assert_int_equal(networks_add(networks, &c, what), 0);
}

/* The client that a request from `sender` with these headers (name, value, ...) is taken to be of; "" the
 * sender. */
static const char *client(const char *sender, const char *const *headers, size_t n, struct facts *x)
{
	static char text[IP_TEXT_MAX];
	struct classify c = {.s = &settings};
	struct flow f = {.proto = PROTO_TCP};
	struct header list[4];
	struct message m = {.headers = list, .n_headers = (unsigned)n};

	assert_int_equal(ip_parse(sender, &f.addr[FLOW_C2S]), 0);
	for (size_t i = 0; i < n; i++) {
		list[i].name = slice_of(headers[2 * i], strlen(headers[2 * i]));
		list[i].value = slice_of(headers[2 * i + 1], strlen(headers[2 * i + 1]));
	}
	memset(x, 0, sizeof(*x));
	x->group = GROUP_NONE;
	via_forwarded(&c, &f, &m, x);
	return x->client.known ? ip_format(&x->client.addr, text) : "";
}

static void expect(const char *sender, const char *name, const char *value, const char *want, uint16_t port)
{
	const char *const header[] = {name, value};
	struct facts x;

	assert_string_equal(client(sender, header, 1, &x), want);
	assert_int_equal(x.client.port, port);
}

static void lists(void **state)
{
	(void)state;
	expect(PROXY, "X-Forwarded-For", "10.20.1.5", "10.20.1.5", 0);
	expect(PROXY, "x-forwarded-for", "  10.20.1.5 ", "10.20.1.5", 0);
	/* the client may have written what it likes before its own address */
	expect(PROXY, "X-Forwarded-For", "8.8.8.8, 10.20.1.5", "10.20.1.5", 0);
	/* through proxies that are believed: up to the first that is not */
	expect(PROXY, "X-Forwarded-For", "1.1.1.1, 10.20.1.5, 10.0.1.9, 10.0.1.7", "10.20.1.5", 0);
	expect(PROXY, "X-Forwarded-For", "10.0.1.9", "10.0.1.9", 0); /* all are: the first */
	expect(PROXY, "X-Forwarded-For", "10.20.1.5, unknown", "", 0);
	expect(PROXY, "X-Forwarded-For", "unknown, 10.0.1.9", "10.0.1.9", 0);
	expect(PROXY, "X-Forwarded-For", "", "", 0);
	expect(PROXY, "X-Forwarded-For", ",,,", "", 0);
	expect(PROXY, "X-Forwarded-For", "not an address", "", 0);
	expect(PROXY, "Forwarded", "for=10.20.1.5;proto=https;by=10.0.0.8", "10.20.1.5", 0);
	expect(PROXY, "Forwarded", "proto=http; For=\"10.20.1.5:4711\"", "10.20.1.5", 4711);
	expect(PROXY, "Forwarded", "for=\"[2001:db8::7]:80\"", "2001:db8::7", 80);
	expect(PROXY, "Forwarded", "for=1.1.1.1, for=10.20.1.5", "10.20.1.5", 0);
	expect(PROXY, "Forwarded", "for=_hidden", "", 0);
	expect(PROXY, "Forwarded", "proto=https", "", 0);
	expect(PROXY, "X-Real-IP", "10.20.1.5", "", 0);
}

static void only_the_believed(void **state)
{
	(void)state;
	expect("10.20.1.9", "X-Forwarded-For", "10.30.1.1", "", 0);
	expect("203.0.113.7", "Forwarded", "for=10.30.1.1", "", 0);
	expect("10.0.1.200", "X-Forwarded-For", "10.20.1.5", "10.20.1.5", 0);
}

static void the_group_follows(void **state)
{
	static const char *const header[] = {"X-Forwarded-For", "10.20.1.5"};
	struct facts x;
	struct flow f = {.proto = PROTO_TCP};

	(void)state;
	client(PROXY, header, 1, &x);
	assert_string_equal(networks_group_name(networks, x.group), "research");
	assert_ptr_equal(facts_source(&x, &f), &x.client.addr);
	x.client.known = false;
	assert_ptr_equal(facts_source(&x, &f), &f.addr[FLOW_C2S]);
	assert_int_equal(x.client.by, VIA_FORWARDED);
}

/* Thousands of addresses cost what a few do. */
static void long_lists(void **state)
{
	static char value[60000];
	static const char *header[] = {"X-Forwarded-For", value};
	struct facts x;

	(void)state;
	for (size_t i = 0; i + 9 < sizeof(value); i += 9)
		memcpy(value + i, "10.0.1.9,", 10);
	assert_string_equal(client(PROXY, (const char *const *)header, 1, &x), "");
}

static int set_up(void **state)
{
	(void)state;
	networks = networks_create();
	settings.networks = networks;
	add("10.0.0.0/8", NET_INTERNAL, NULL);
	add("10.0.0.8/32", NET_FORWARDER, NULL);
	add("10.0.1.0/24", NET_FORWARDER, NULL);
	add("10.20.0.0/16", 0, "research");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	networks_free(networks);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lists), cmocka_unit_test(only_the_believed),
	        cmocka_unit_test(the_group_follows), cmocka_unit_test(long_lists)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
