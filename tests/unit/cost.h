/* cost.h - what attribution costs with few and with many services and partner entries, measured in turn in
 * one run, so that the ratio holds on a busy machine too.  For the test that bounds it and the bench that
 * shows it. */
#ifndef TESTS_UNIT_COST_H
#define TESTS_UNIT_COST_H

#include "base/clock.h"
#include "classify/policy/verdict.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COST_FEW    250
#define COST_MANY   25000
#define COST_ROUNDS 7
#define COST_LOOKS  4000

static char cost_folder[] = "/tmp/leaktap-cost-XXXXXX";

static inline const char *cost_path(const char *name, char buf[128])
{
	snprintf(buf, 128, "%s/%s", cost_folder, name);
	return buf;
}

static inline void cost_catalogue(const char *name, int n)
{
	char path[128];
	FILE *f = fopen(cost_path(name, path), "w");

	if (!f)
		abort();
	fputs("services:\n", f);
	for (int i = 0; i < n; i++)
		fprintf(f,
		        "- {id: s-%d, name: Service %d, vendor: V, kind: api, hosts: [{match: suffix, host: "
		        "h%d.example.net, role: api}]}\n",
		        i, i, i);
	fclose(f);
}

static inline struct settings *cost_load(const char *catalogue, const char *name, int partners)
{
	char path[128], where[128];
	FILE *f = fopen(cost_path(name, path), "w");
	struct settings *s;
	struct faults faults;

	if (!f)
		abort();
	fprintf(f, "services: {catalogue: [%s]}\npolicy:\n  partners:\n", cost_path(catalogue, where));
	for (int i = 0; i < partners; i++)
		fprintf(f,
		        "  - {service: s-%d, contract: C-%d, owner: o@corp.example, status: approved, "
		        "sources: [10.%d.%d.0/24]}\n",
		        i % COST_FEW, i, i / COST_FEW, i % 200);
	fclose(f);
	faults_init(&faults);
	s = settings_load(path, &faults);
	if (!s) {
		faults_print(&faults, stderr);
		abort();
	}
	return s;
}

/* One request's worth: a name to a service, and the service to a verdict. */
static inline double cost_run(const struct settings *s, bool verdicts)
{
	int64_t began = clock_mono_ns();
	struct ip_addr source;
	struct verdict v;

	if (ip_parse("10.0.7.9", &source) < 0)
		abort();
	for (int i = 0; i < COST_LOOKS; i++) {
		char host[64];
		struct service_match m;

		snprintf(host, sizeof(host), "api.h%d.example.net", i % COST_FEW);
		m = catalogue_host(s->catalogue, host, NULL);
		if (!m.service)
			abort();
		if (verdicts)
			verdict_decide(s, m.service, &source, 1780000000LL * NS_PER_S, NULL, &v);
	}
	return (double)(clock_mono_ns() - began);
}

struct cost {
	double few_ns, many_ns; /* of one request, best of the rounds */
};

static inline struct cost cost_compare(struct settings *few, struct settings *many, bool verdicts)
{
	struct cost best = {1e18, 1e18};

	for (int i = 0; i < COST_ROUNDS; i++) {
		double a = cost_run(few, verdicts) / COST_LOOKS, b = cost_run(many, verdicts) / COST_LOOKS;

		best.few_ns = a < best.few_ns ? a : best.few_ns;
		best.many_ns = b < best.many_ns ? b : best.many_ns;
	}
	settings_drop(few);
	settings_drop(many);
	return best;
}

static inline void cost_begin(void)
{
	if (!mkdtemp(cost_folder))
		abort();
	cost_catalogue("few", COST_FEW);
	cost_catalogue("many", COST_MANY);
}

static inline void cost_end(void)
{
	static const char *const names[] = {
	        "few", "many", "few.yaml", "many.yaml", "ten.yaml", "thousands.yaml"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(cost_path(names[i], path));
	rmdir(cost_folder);
}

/* Between cost_begin() and cost_end(). */
static inline struct cost cost_services(void)
{
	return cost_compare(cost_load("few", "few.yaml", 0), cost_load("many", "many.yaml", 0), false);
}

static inline struct cost cost_partners(void)
{
	return cost_compare(
	        cost_load("few", "ten.yaml", 10), cost_load("few", "thousands.yaml", 10000), true);
}

#endif
