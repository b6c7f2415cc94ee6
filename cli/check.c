/* check.c - leaktap check: every fault of the settings in one run, or what they say. */
#include "cli/commands.h"

#include "base/clock.h"
#include "config/settings.h"

#include <getopt.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#define RULES_SHOWN 20u

static void help(void)
{
	fputs("usage: leaktap check [-c FILE]\n\n"
	      "Reads the settings, the catalogue, the detectors and the partner register, and tells every "
	      "fault as\n"
	      "file:line:column with what is allowed.  Nothing is opened but files; nothing is sent\n"
	      "(but the look-up of a host name in capture.filter).\n\n"
	      "  -c, --config FILE   settings to read; else $LEAKTAP_CONFIG, else /etc/leaktap/leaktap.yaml "
	      "when it\n"
	      "                      exists, else the built-in ones\n"
	      "  -h, --help          this text\n\n"
	      "exit status: 0 no fault, 2 faults or wrong usage\n",
	        stdout);
}

/* The output without user and password: they stand between "://" and the last '@', wherever a '/' stands that
 * should have been %2F. */
static void print_output(const char *output)
{
	const char *scheme = strstr(output, "://"), *at = scheme ? strrchr(scheme, '@') : NULL;

	if (at)
		printf("  %.*s%s\n", (int)(scheme + 3 - output), output, at + 1);
	else
		printf("  %s\n", !strcmp(output, "-") ? "standard output" : output);
}

static void print_outputs(const struct settings *s)
{
	puts("outputs");
	for (size_t i = 0; i < s->alerts.outputs.n; i++)
		print_output(s->alerts.outputs.item[i]);
	if (s->alerts.redis[0])
		print_output(s->alerts.redis);
	if (!s->alerts.outputs.n && !s->alerts.redis[0])
		print_output("-");
}

/* What is kept quiet, and for how long. */
static void print_rules(const struct suppress_rules *rules)
{
	int32_t today = time_day(clock_wall_ns());
	size_t expired = suppress_expired(rules, today);
	char day[TIME_TEXT_MAX];

	printf("suppressed  %zu rule%s in force, %zu expired\n", rules->n - expired,
	        rules->n - expired == 1 ? "" : "s", expired);
	for (size_t i = 0; i < rules->n && i < RULES_SHOWN; i++) {
		const struct suppress_rule *r = &rules->rule[i];

		printf("  %s  %s %s  %s\n", r->id, r->until < today ? "expired, was until" : "until",
		        time_format_day(r->until, day), r->rule);
	}
	if (rules->n > RULES_SHOWN)
		printf("  ... and %zu more\n", rules->n - RULES_SHOWN);
}

static void print_summary(const struct settings *s)
{
	size_t tolerated = 0;

	for (size_t i = 0; i < s->policy.n_partners; i++)
		tolerated += s->policy.partners[i].status == PARTNER_TOLERATED;
	printf("settings    %s, no fault\n", s->path[0] ? s->path : "built in");
	printf("sensor      %s\n", s->sensor.name);
	printf("posture     %s\n", s->policy.posture == POSTURE_OPEN
	                                   ? "open: services without an entry are tolerated"
	                                   : "insular: services without an entry are unapproved");
	printf("partners    %zu approved, %zu tolerated\n", s->policy.n_partners - tolerated, tolerated);
	printf("services    %zu in the catalogue\n", catalogue_count(s->catalogue));
	printf("detectors   %zu, on %s\n", detectors_count(s->detector_set),
	        s->inspect.scope == INSPECT_AI ? "requests to AI services" : "all requests that leave");
	printf("networks    %zu prefixes, %zu groups\n", networks_prefixes(s->networks),
	        networks_groups(s->networks));
	printf("tokens      %s%s\n", s->detect.token_key_len ? "key " : "none (detect.token_key is not set)",
	        s->detect.token_key_id);
	print_rules(&s->alerts.suppress);
	print_outputs(s);
}

/* `run` gives the filter to the kernel; here libpcap only says whether it is one, for Ethernet. */
static bool filter_is_good(const struct settings *s)
{
	pcap_t *none = pcap_open_dead(DLT_EN10MB, (int)s->capture.snaplen);
	struct bpf_program program;
	bool good = true;

	if (none && s->capture.filter[0]) {
		good = pcap_compile(none, &program, s->capture.filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
		if (good)
			pcap_freecode(&program);
		else
			fprintf(stderr,
			        "%s: capture.filter: `%s': %s; allowed: a filter as tcpdump takes it\n",
			        s->path, s->capture.filter, pcap_geterr(none));
	}
	if (none)
		pcap_close(none);
	return good;
}

int command_check(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *config = NULL;
	struct settings *s;
	struct faults f;
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			config = optarg;
			break;
		case 'h':
			help();
			return EXIT_DONE;
		default:
			return option_error("check", c, argv);
		}
	}
	if (optind < argc)
		return usage_error(
		        "check", "`%s' is not expected; a settings file is given with -c", argv[optind]);
	faults_init(&f);
	s = settings_load(settings_find(config), &f);
	print_faults("check", &f);
	if (!s && f.total > 1)
		fprintf(stderr, "leaktap check: %zu faults\n", f.total);
	faults_clear(&f);
	if (!s)
		return EXIT_USAGE;
	c = filter_is_good(s) ? EXIT_DONE : EXIT_USAGE;
	if (c == EXIT_DONE)
		print_summary(s);
	settings_drop(s);
	return c;
}
