/* test_networks.c - longest prefix look-ups against a plain list (config/networks.h). */
#include "config/networks.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static struct cidr net(const char *text)
{
	struct cidr c;

	assert_int_equal(cidr_parse(text, &c, NULL), 0);
	return c;
}

static void test_list_of_a_group(void **state)
{
	struct networks *n = networks_create();
	struct cidr c[3] = {net("10.1.0.0/16"), net("fd00:1::/32"), net("10.2.0.0/16")}, got[3];
	size_t seen = 0;

	(void)state;
	assert_int_equal(networks_add_group(n, &c[0], "lab"), 0);
	assert_int_equal(networks_add_group(n, &c[1], "lab"), 0);
	assert_int_equal(networks_add_group(n, &c[2], "office"), 0);
	assert_int_equal(networks_add_group(n, NULL, "empty"), 0);
	assert_int_equal(networks_list_group(n, networks_group_by_name(n, "lab"), got, 3), 2);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 2; k++)
			seen += got[i].bits == c[k].bits &&
			        !memcmp(&got[i].addr, &c[k].addr, sizeof(c[k].addr));
	assert_int_equal(seen, 2);
	memset(got, 0, sizeof(got));
	assert_int_equal(networks_list_group(n, networks_group_by_name(n, "lab"), got, 1), 2);
	assert_int_equal(got[1].bits, 0); /* at most so many are written */
	assert_int_equal(networks_list_group(n, networks_group_by_name(n, "empty"), got, 3), 0);
	assert_int_equal(networks_list_group(n, GROUP_NONE, got, 3), 0);
	networks_free(n);
}

static void test_default_internal(void **state)
{
	static const struct {
		const char *text;
		bool internal;
	} rows[] = {
	        {"10.0.0.0", true},
	        {"10.255.255.255", true},
	        {"9.255.255.255", false},
	        {"11.0.0.0", false},
	        {"172.15.255.255", false},
	        {"172.16.0.0", true},
	        {"172.31.255.255", true},
	        {"172.32.0.0", false},
	        {"192.167.255.255", false},
	        {"192.168.0.1", true},
	        {"192.169.0.0", false},
	        {"100.63.255.255", false},
	        {"100.64.0.0", true},
	        {"100.127.255.255", true},
	        {"100.128.0.0", false},
	        {"169.254.1.1", true},
	        {"127.0.0.1", true},
	        {"8.8.8.8", false},
	        {"::1", true},
	        {"::2", false},
	        {"fc00::1", true},
	        {"fdff::1", true},
	        {"fe80::1", true},
	        {"febf::1", true},
	        {"fec0::1", false},
	        {"fbff::1", false},
	        {"2001:db8::1", false},
	};
	struct networks *n = networks_create();

	(void)state;
	networks_default_internal(n);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ip_addr a = ip(rows[i].text);

		if (networks_internal(n, &a) != rows[i].internal)
			fail_msg("%s", rows[i].text);
		assert_false(networks_proxy(n, &a));
		assert_int_equal(networks_group(n, &a), GROUP_NONE);
	}
	networks_free(n);
}

static void test_longest_group_wins(void **state)
{
	struct networks *n = networks_create();
	struct cidr c;
	struct ip_addr a;

	(void)state;
	c = net("10.0.0.0/8");
	assert_int_equal(networks_add_group(n, &c, "office"), 0);
	c = net("10.20.0.0/16");
	assert_int_equal(networks_add_group(n, &c, "research"), 0);
	c = net("10.20.7.9");
	assert_int_equal(networks_add_group(n, &c, "lab"), 0);
	c = net("10.20.0.0/16");
	assert_int_equal(networks_add_group(n, &c, "office"), -1); /* another's already */
	assert_int_equal(networks_add_group(n, &c, "research"), 0);
	c = net("10.20.0.0/15");
	assert_int_equal(networks_add(n, &c, NET_PROXY), 0);

	a = ip("10.1.1.1");
	assert_string_equal(networks_group_name(n, networks_group(n, &a)), "office");
	assert_false(networks_proxy(n, &a));
	a = ip("10.20.7.8");
	assert_string_equal(networks_group_name(n, networks_group(n, &a)), "research");
	assert_true(networks_proxy(n, &a)); /* flags of shorter prefixes hold too */
	a = ip("10.20.7.9");
	assert_string_equal(networks_group_name(n, networks_group(n, &a)), "lab");
	a = ip("10.21.0.1");
	assert_string_equal(networks_group_name(n, networks_group(n, &a)), "office");
	a = ip("11.0.0.1");
	assert_int_equal(networks_group(n, &a), GROUP_NONE);
	assert_string_equal(networks_group_name(n, GROUP_NONE), "");
	assert_int_equal(networks_group_by_name(n, "lab"), 2);
	assert_int_equal(networks_group_by_name(n, "la"), GROUP_NONE);
	assert_int_equal(networks_groups(n), 3);
	networks_free(n);
}

static void collect(void *arg, uint16_t group)
{
	*(unsigned *)arg |= 1u << group;
}

static unsigned groups_in(const struct networks *n, const char *text)
{
	struct cidr c = net(text);
	unsigned bits = 0;

	networks_groups_in(n, &c, collect, &bits);
	return bits;
}

static void test_groups_in(void **state)
{
	struct networks *n = networks_create();
	struct cidr c;

	(void)state;
	assert_int_equal(groups_in(n, "0.0.0.0/0"), 0);
	c = net("10.0.0.0/8");
	networks_add_group(n, &c, "a"); /* 1 */
	c = net("10.1.0.0/16");
	networks_add_group(n, &c, "b"); /* 2 */
	c = net("10.2.0.0/17");
	networks_add_group(n, &c, "c"); /* 4 */
	c = net("10.2.128.0/17");
	networks_add_group(n, &c, "d"); /* 8 */
	c = net("fd00::/8");
	networks_add_group(n, &c, "e"); /* 16 */
	assert_int_equal(groups_in(n, "10.0.0.0/8"), 15);
	assert_int_equal(groups_in(n, "0.0.0.0/0"), 15);
	assert_int_equal(groups_in(n, "::/0"), 31);
	assert_int_equal(groups_in(n, "10.1.2.0/24"), 2);
	assert_int_equal(groups_in(n, "10.1.0.0/16"), 2);
	assert_int_equal(groups_in(n, "10.2.0.0/16"), 12); /* both halves are others': nothing is left of a */
	assert_int_equal(groups_in(n, "10.2.0.0/15"), 13);
	assert_int_equal(groups_in(n, "10.3.3.3"), 1);
	assert_int_equal(groups_in(n, "11.0.0.0/8"), 0);
	assert_int_equal(groups_in(n, "fd12::/16"), 16);
	networks_free(n);
}

/* a fixed pseudo-random sequence (xorshift64*, S. Vigna) */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1dull;
}

enum { MANY = 1500 };

static void random_prefix(uint64_t *seed, struct cidr *c)
{
	char text[80], host[IP_TEXT_MAX];
	uint64_t r = next_random(seed);
	struct ip_addr a = {{0}};
	unsigned bits, low = (unsigned)(r >> 56) % 25;

	/* few distinct leading bytes, so that prefixes nest; every length occurs */
	if (r & 1) {
		const uint8_t four[4] = {
		        10, (uint8_t)(r >> 8 & 3), (uint8_t)(r >> 16 & 7), (uint8_t)(r >> 24)};

		a = ip_from4(four);
		bits = 104 + low;
	} else {
		a.b[0] = 0xfd;
		a.b[1] = (uint8_t)(r >> 8 & 3);
		a.b[8] = (uint8_t)(r >> 16 & 3);
		a.b[15] = (uint8_t)(r >> 24);
		bits = 8 + (unsigned)(r >> 40) % 121;
	}
	for (unsigned i = bits; i < 128; i++)
		a.b[i / 8] = (uint8_t)(a.b[i / 8] & ~(0x80u >> i % 8));
	snprintf(text, sizeof(text), "%s/%u", ip_format(&a, host),
	        bits >= 96 && ip_is4(&a) ? bits - 96 : bits);
	*c = net(text);
	assert_int_equal(c->bits, bits);
}

static void test_against_a_list(void **state)
{
	static struct cidr list[MANY];
	static uint16_t group[MANY];
	uint64_t seed = 42;
	struct networks *n = networks_create();
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];

		random_prefix(&seed, &list[i]);
		snprintf(name, sizeof(name), "g%u", i % 97);
		group[i] = networks_add_group(n, &list[i], name) < 0 ? GROUP_NONE
		                                                     : networks_group_by_name(n, name);
	}
	for (unsigned i = 0; i < 20000; i++) {
		struct cidr near;
		uint16_t want = GROUP_NONE;
		unsigned best = 0;

		random_prefix(&seed, &near);
		near.addr.b[15] = (uint8_t)(near.addr.b[15] | (next_random(&seed) & 3));
		for (unsigned k = 0; k < MANY; k++)
			if (group[k] != GROUP_NONE && list[k].bits >= best &&
			        cidr_covers(&list[k], &near.addr)) {
				best = list[k].bits;
				want = group[k];
			}
		assert_int_equal(networks_group(n, &near.addr), want);
		hits += want != GROUP_NONE;
	}
	assert_true(hits > 1000);
	networks_free(n);
}

static void test_many_groups(void **state)
{
	struct networks *n = networks_create();
	char name[16];

	(void)state;
	for (unsigned i = 0; i < UINT16_MAX - 1; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		assert_int_equal(networks_add_group(n, NULL, name), 0);
	}
	assert_int_equal(networks_add_group(n, NULL, "one too many"), -1);
	assert_int_equal(networks_group_by_name(n, "g65533"), 65533);
	assert_int_equal(networks_group_by_name(n, "one too many"), GROUP_NONE);
	networks_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_list_of_a_group),
	        cmocka_unit_test(test_default_internal),
	        cmocka_unit_test(test_longest_group_wins),
	        cmocka_unit_test(test_groups_in),
	        cmocka_unit_test(test_against_a_list),
	        cmocka_unit_test(test_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
