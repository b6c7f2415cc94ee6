/* bench_cost.c - what attribution costs as the catalogue and the partner register grow: the ratios are what
 * to compare, and ought to stay near 1. */
#include "tests/unit/cost.h"

static void show(const char *what, struct cost c)
{
	printf("attribution, %-29s %5.0f -> %5.0f ns a request, ratio %.2f\n", what, c.few_ns, c.many_ns,
	        c.many_ns / c.few_ns);
}

int main(void)
{
	cost_begin();
	show("250 -> 25,000 services:", cost_services());
	show("10 -> 10,000 partner entries:", cost_partners());
	cost_end();
	return 0;
}
