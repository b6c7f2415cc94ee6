/* test_cost.c - attribution costs the same for 250 and 25,000 services, and for 10 and 10,000 partner
 * entries: times of both are taken in turn in this one run, and their ratio counts. */
#include "base/clock.h"
#include "classify/policy/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FEW       250
#define MANY      25000
#define ROUNDS    7
#define LOOKS     4000
#define RATIO_MAX 4.0 /* caches are what they are; a search through all would be 100 */

static char folder[] = "/tmp/leaktap-cost-XXXXXX";

static const char *path_of(const char *name, char buf[128])
{
	snprintf(buf, 128, "%s/%s", folder, name);
	return buf;
}

static void write_catalogue(const char *name, int n)
{
	char path[128];
	FILE *f = fopen(path_of(name, path), "w");

	assert_non_null(f);
	fputs("services:\n", f);
	for (int i = 0; i < n; i++)
		fprintf(f,
		        "- {id: s-%d, name: Service %d, vendor: V, kind: api, hosts: [{match: suffix, host: "
		        "h%d.example.net, role: api}]}\n",
		        i, i, i);
	fclose(f);
}

static struct settings *load(const char *catalogue, const char *name, int partners)
{
	char path[128], where[128];
	FILE *f = fopen(path_of(name, path), "w");
	struct settings *s;
	struct faults faults;

	assert_non_null(f);
	fprintf(f, "services: {catalogue: [%s]}\npolicy:\n  partners:\n", path_of(catalogue, where));
	for (int i = 0; i < partners; i++)
		fprintf(f,
		        "  - {service: s-%d, contract: C-%d, owner: o@corp.example, status: approved, "
		        "sources: [10.%d.%d.0/24]}\n",
		        i % FEW, i, i / FEW, i % 200);
	fclose(f);
	faults_init(&faults);
	s = settings_load(path, &faults);
	if (!s) {
		faults_print(&faults, stderr);
		fail();
	}
	return s;
}

/* One request's worth: a name to a service, and the service to a verdict. */
static double run(const struct settings *s, bool verdicts)
{
	int64_t began = clock_mono_ns();
	struct ip_addr source;
	struct verdict v;

	assert_int_equal(ip_parse("10.0.7.9", &source), 0);
	for (int i = 0; i < LOOKS; i++) {
		char host[64];
		struct service_match m;

		snprintf(host, sizeof(host), "api.h%d.example.net", i % FEW);
		m = catalogue_host(s->catalogue, host, NULL);
		assert_non_null(m.service);
		if (verdicts)
			verdict_decide(s, m.service, &source, 1780000000LL * NS_PER_S, NULL, &v);
	}
	return (double)(clock_mono_ns() - began);
}

static void compare(struct settings *few, struct settings *many, bool verdicts, const char *what)
{
	double best[2] = {1e18, 1e18};

	for (int i = 0; i < ROUNDS; i++) {
		double a = run(few, verdicts), b = run(many, verdicts);

		best[0] = a < best[0] ? a : best[0];
		best[1] = b < best[1] ? b : best[1];
	}
	print_message("%s: %.0f -> %.0f ns, ratio %.2f\n", what, best[0] / LOOKS, best[1] / LOOKS,
	        best[1] / best[0]);
	assert_true(best[1] / best[0] < RATIO_MAX);
}

static void services(void **state)
{
	struct settings *few = load("few", "few.yaml", 0), *many = load("many", "many.yaml", 0);

	(void)state;
	compare(few, many, false, "250 -> 25,000 services");
	settings_drop(few);
	settings_drop(many);
}

static void partners(void **state)
{
	struct settings *few = load("few", "ten.yaml", 10), *many = load("few", "thousands.yaml", 10000);

	(void)state;
	compare(few, many, true, "10 -> 10,000 partner entries");
	settings_drop(few);
	settings_drop(many);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	write_catalogue("few", FEW);
	write_catalogue("many", MANY);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {
	        "few", "many", "few.yaml", "many.yaml", "ten.yaml", "thousands.yaml"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path_of(names[i], path));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(services), cmocka_unit_test(partners)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
