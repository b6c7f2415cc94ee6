/* test_cost.c - attribution costs the same for 250 and 25,000 services, and for 10 and 10,000 partner
 * entries: times of both are taken in turn in this one run, and their ratio counts. */
#include "tests/unit/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define RATIO_MAX 4.0 /* caches are what they are; a search through all would be 100 */

static void bounded(const char *what, struct cost c)
{
	print_message("%s: %.0f -> %.0f ns, ratio %.2f\n", what, c.few_ns, c.many_ns, c.many_ns / c.few_ns);
	assert_true(c.many_ns / c.few_ns < RATIO_MAX);
}

static void services(void **state)
{
	(void)state;
	bounded("250 -> 25,000 services", cost_services());
}

static void partners(void **state)
{
	(void)state;
	bounded("10 -> 10,000 partner entries", cost_partners());
}

static int set_up(void **state)
{
	(void)state;
	cost_begin();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cost_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(services), cmocka_unit_test(partners)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
