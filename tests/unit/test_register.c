/* test_register.c - finding the entry for service, source and day (config/register.h), against a plain
 * search; and which entries meet. */
#include "config/register.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERVICES = 7, ENTRIES = 20, GROUPS = 5 };

static struct service services[SERVICES];
static struct partner list[ENTRIES];
static struct partner_place place[ENTRIES];
static struct cidr nets[ENTRIES][2];
static uint16_t groups[ENTRIES][2];
static struct networks *networks;
static uint64_t seed = 7;

/* a fixed pseudo-random sequence (xorshift64*, S. Vigna) */
static unsigned pick(unsigned n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned)(seed * 0x2545f4914f6cdd1dull >> 33) % n;
}

static struct ip_addr address(unsigned a, unsigned b, unsigned c)
{
	const uint8_t four[4] = {10, (uint8_t)a, (uint8_t)b, (uint8_t)c};

	return ip_from4(four);
}

static struct cidr network(unsigned bits)
{
	struct cidr c = {address(pick(4), pick(4), pick(4)), (uint8_t)(96 + bits)};

	for (unsigned i = c.bits; i < 128; i++)
		c.addr.b[i / 8] = (uint8_t)(c.addr.b[i / 8] & ~(0x80u >> i % 8));
	return c;
}

static void random_entry(unsigned i)
{
	static const uint8_t lengths[] = {8, 16, 20, 24, 31, 32};
	struct partner *p = &list[i];

	*p = (struct partner){.service = &services[pick(SERVICES)], .from = DAY_NONE, .until = DAY_NONE};
	p->groups = groups[i];
	p->sources = nets[i];
	p->n_groups = pick(3);
	p->n_sources = pick(3);
	for (unsigned k = 0; k < 2; k++) {
		groups[i][k] = (uint16_t)pick(GROUPS);
		nets[i][k] = network(lengths[pick(sizeof(lengths))]);
	}
	if (pick(4))
		p->from = (int32_t)pick(100);
	if (pick(4))
		p->until = (p->from == DAY_NONE ? 0 : p->from) + (int32_t)pick(40);
	place[i] = (struct partner_place){i + 1, 1};
}

static bool covers(const struct partner *p, const struct ip_addr *a)
{
	uint16_t group = networks_group(networks, a);

	for (size_t i = 0; i < p->n_groups; i++)
		if (p->groups[i] == group)
			return true;
	for (size_t i = 0; i < p->n_sources; i++)
		if (cidr_covers(&p->sources[i], a))
			return true;
	return !p->n_groups && !p->n_sources;
}

static bool in_force(const struct partner *p, int32_t day)
{
	return (p->from == DAY_NONE || p->from <= day) && (p->until == DAY_NONE || p->until >= day);
}

static int set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SERVICES; i++)
		services[i] = (struct service){.id = "s", .index = i};
	networks = networks_create();
	for (unsigned g = 0; g < GROUPS; g++) {
		char name[8];
		struct cidr c = {address(g % 4, g < 4 ? 0 : 2, 0), g < 4 ? 112 : 120};

		snprintf(name, sizeof(name), "g%u", g);
		networks_add_group(networks, &c, name);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	networks_free(networks);
	return 0;
}

static struct partner_choice plain_search(
        const struct service *s, const struct ip_addr *a, int32_t day, int32_t *ended)
{
	struct partner_choice c = {NULL, PARTNER_NONE};

	*ended = INT32_MIN;
	for (unsigned i = 0; i < ENTRIES; i++) {
		const struct partner *p = &list[i];
		enum partner_fit fit = !covers(p, a)      ? PARTNER_SOURCE
		                       : in_force(p, day) ? PARTNER_FITS
		                                          : PARTNER_DATE;

		if (p->service != s)
			continue;
		if (fit > c.fit)
			c.fit = fit;
		if (fit == PARTNER_DATE && p->until != DAY_NONE && p->until < day && p->until > *ended)
			*ended = p->until;
	}
	return c;
}

/* Entries chosen at random do meet; the choice must still be the plain search's. */
static void test_find_against_a_list(void **state)
{
	unsigned seen[4] = {0};

	(void)state;
	for (unsigned round = 0; round < 30000; round++) {
		static struct partner_index *x;
		static struct faults f;
		const struct service *s = &services[pick(SERVICES)];
		struct ip_addr a = address(pick(5), pick(5), pick(5));
		int32_t day = (int32_t)pick(150) - 5, ended;
		struct partner_choice c, want;

		if (round % 100 == 0) { /* another register */
			partner_index_free(x);
			faults_clear(&f);
			for (unsigned i = 0; i < ENTRIES; i++)
				random_entry(i);
			x = partner_index_create(list, ENTRIES, place, SERVICES, networks, "t", &f);
		}
		c = partner_find(x, s, &a, networks_group(networks, &a), day);
		want = plain_search(s, &a, day, &ended);
		assert_int_equal(c.fit, want.fit);
		seen[c.fit]++;
		if (c.partner)
			assert_ptr_equal(c.partner->service, s);
		if (c.fit >= PARTNER_DATE)
			assert_true(covers(c.partner, &a));
		if (c.fit == PARTNER_FITS)
			assert_true(in_force(c.partner, day));
		if (c.fit == PARTNER_DATE && ended != INT32_MIN)
			assert_int_equal(c.partner->until, ended); /* the one that ended last */
		if (round == 29999) {
			partner_index_free(x);
			faults_clear(&f);
		}
	}
	for (int fit = 0; fit < 4; fit++)
		assert_true(seen[fit] > 500);
}

/* Pairs that the index calls overlapping are those for which some address on some day has two entries. */
static void test_overlaps_against_every_address(void **state)
{
	unsigned meet = 0, apart = 0;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		struct partner_index *x;
		struct faults f;
		bool days = false, both = false;

		random_entry(0);
		random_entry(1);
		list[1].service = list[0].service;
		faults_init(&f);
		x = partner_index_create(list, 2, place, SERVICES, networks, "t", &f);
		for (int32_t day = -1; day < 150 && !days; day++)
			days = in_force(&list[0], day) && in_force(&list[1], day);
		/* no network here is smaller than what these addresses tell apart */
		for (unsigned i = 0; days && !both && i < 6 * 6 * 6; i++) {
			struct ip_addr a = address(i / 36, i / 6 % 6, i % 6);

			both = covers(&list[0], &a) && covers(&list[1], &a);
		}
		assert_int_equal(f.total > 0, both);
		if (f.total)
			assert_int_equal(f.list[0].line, 2);
		meet += both;
		apart += !both;
		partner_index_free(x);
		faults_clear(&f);
	}
	assert_true(meet > 100 && apart > 100);
}

static void test_no_entries(void **state)
{
	struct ip_addr a = address(1, 2, 3);
	struct faults f;
	struct partner_choice c;

	(void)state;
	faults_init(&f);
	assert_null(partner_index_create(list, 0, place, SERVICES, networks, "t", &f));
	c = partner_find(NULL, &services[0], &a, GROUP_NONE, 0);
	assert_null(c.partner);
	assert_int_equal(c.fit, PARTNER_NONE);
	partner_index_free(NULL);
}

/* Of contracts that follow each other the right one on every border day. */
static void test_renewal(void **state)
{
	static const struct {
		int32_t day;
		int entry;
		enum partner_fit fit;
	} rows[] = {
	        {9, 0, PARTNER_DATE}, /* not begun: the one that begins first */
	        {10, 0, PARTNER_FITS},
	        {20, 0, PARTNER_FITS},
	        {21, 1, PARTNER_FITS},
	        {30, 1, PARTNER_FITS},
	        {31, 1, PARTNER_DATE}, /* ended: the one that ended last */
	        {39, 1, PARTNER_DATE},
	        {40, 2, PARTNER_FITS},
	        {1000, 2, PARTNER_FITS},
	};
	struct ip_addr a = address(1, 2, 3);
	struct partner_index *x;
	struct faults f;

	(void)state;
	list[0] = (struct partner){.service = &services[1], .from = 10, .until = 20};
	list[1] = (struct partner){.service = &services[1], .from = 21, .until = 30};
	list[2] = (struct partner){.service = &services[1], .from = 40, .until = DAY_NONE};
	faults_init(&f);
	x = partner_index_create(list, 3, place, SERVICES, networks, "t", &f);
	assert_int_equal(f.total, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct partner_choice c = partner_find(x, &services[1], &a, GROUP_NONE, rows[i].day);

		assert_ptr_equal(c.partner, &list[rows[i].entry]);
		assert_int_equal(c.fit, rows[i].fit);
	}
	partner_index_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_find_against_a_list),
	        cmocka_unit_test(test_overlaps_against_every_address),
	        cmocka_unit_test(test_no_entries),
	        cmocka_unit_test(test_renewal),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
