/* fuzz_host.c - host names as they come off the wire, and their look-up in the shipped catalogue.  Run from
 * the root of the project.  The input is "name" or "name path", both any bytes. */
#include "config/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct catalogue *shipped;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const place[] = {"config/catalogue"};
	struct faults f;

	(void)argc;
	(void)argv;
	faults_init(&f);
	shipped = catalogue_load(place, 1, &f);
	faults_print(&f, stderr);
	faults_clear(&f);
	if (!shipped)
		exit(1);
	return 0;
}

static void must(int true_thing)
{
	if (!true_thing)
		abort();
}

static void check_name(const char *p, size_t n, char host[HOST_MAX])
{
	uint16_t port;
	size_t len = host_port_split(p, n, host, &port), again;
	char twice[HOST_MAX];

	if (!len) {
		host[0] = '\0';
		return;
	}
	must(len < HOST_MAX && strlen(host) == len);
	if (strchr(host, ':')) /* an IPv6 literal lost its brackets */
		return;
	again = host_normalize(host, len, twice);
	must(again == len && !memcmp(host, twice, len));
}

static void check_match(const struct service_match *m, const char *host)
{
	must(!(m->shared && m->service));
	if (m->rule && m->rule->match == MATCH_EXACT)
		must(!strcmp(m->rule->host, host));
	if (m->rule && m->rule->match == MATCH_SUFFIX) {
		size_t h = strlen(m->rule->host), n = strlen(host);

		must(n >= h && !strcmp(host + n - h, m->rule->host) && (n == h || host[n - h - 1] == '.'));
	}
	if (m->service)
		must(m->rule && !m->range && catalogue_by_id(shipped, m->service->id) == m->service);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *space = memchr(data, ' ', size);
	size_t n = space ? (size_t)(space - (const char *)data) : size;
	char *name = malloc(n ? n : 1), *path = NULL;
	char host[HOST_MAX];
	struct service_match m;
	struct ip_addr a;

	memcpy(name, data, n); /* exact size: a read past the end is seen */
	check_name(name, n, host);
	free(name);
	m = catalogue_host(shipped, host, NULL);
	check_match(&m, host);
	if (space) {
		path = strndup(space + 1, size - n - 1);
		m = catalogue_host(shipped, host, path);
		check_match(&m, host);
		must(!m.shared);
		catalogue_path_fits("/a*{x}:b/{y}*c", path);
		free(path);
	}
	if (!ip_parse(host, &a)) {
		m = catalogue_address(shipped, &a);
		must(!m.service || cidr_covers(m.range, &a));
	}
	return 0;
}
