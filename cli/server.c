/* server.c - see server.h. */
#include "cli/server.h"

#include "alerts/output.h"
#include "cli/commands.h"
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SINCE_MAX (10ull * 365 * 86400) /* seconds */

int64_t parse_since(const char *text)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = {1, 60, 3600, 86400};
	char *end;
	unsigned long long n;
	const char *unit;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || !unit || end[1] || n > SINCE_MAX / (unsigned long long)seconds[unit - units])
		return -1;
	return (int64_t)n * seconds[unit - units];
}

static const char *redis_of(const struct settings *s)
{
	if (s->alerts.redis && *s->alerts.redis)
		return s->alerts.redis;
	for (size_t i = 0; i < s->alerts.outputs.n; i++)
		if (output_is_redis(s->alerts.outputs.item[i]))
			return s->alerts.outputs.item[i];
	return NULL;
}

int server_choose(const char *command, const char *config, const char *redis, struct redis_url *to,
        struct wire_tls **tls)
{
	const char *path = settings_find(config), *url = redis;
	const char *ca = "", *cert = "", *key = "", *password_file = "";
	struct settings *s = NULL;
	struct faults faults;
	struct err e = {.text = ""};
	int ret = 0;

	faults_init(&faults);
	if (path && (config || !url)) {
		s = settings_load(path, &faults);
		if (!s) {
			print_faults(command, &faults);
			faults_clear(&faults);
			return EXIT_USAGE;
		}
		url = url ? url : redis_of(s);
		ca = s->alerts.tls_ca;
		cert = s->alerts.tls_cert;
		key = s->alerts.tls_key;
		password_file = s->alerts.password_file;
	}
	if (!url) {
		ret = usage_error(command, "which Redis? Give --redis URL or settings with alerts.redis");
	} else if (redis_url_parse(url, to, &e) < 0 || redis_url_password(to, password_file, &e) < 0 ||
	           (to->scheme == REDIS_TLS && !(*tls = wire_tls_create(ca, cert, key, &e)))) {
		fprintf(stderr, "leaktap %s: %s\n", command, e.text);
		ret = EXIT_USAGE;
	}
	faults_clear(&faults);
	if (s)
		settings_drop(s);
	return ret;
}
