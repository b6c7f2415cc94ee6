/* main.c - picks the command. */
#include "cli/commands.h"
#include "cli/version.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis, *help;
} commands[] = {
        {"run", command_run, "[-c FILE] (-i IFACE | -r CAPTURE)... [-o OUTPUT]... [-w WORKERS] [--flows]",
                "watch an interface or read captures, tell alerts"},
        {"watch", command_watch, "[-c FILE] [--redis URL] [--since 15m] [--min-severity high] [--json]",
                "follow the alerts of all sensors in Redis"},
        {"check", command_check, "[-c FILE]", "tell every fault of the settings"},
        {"explain", command_explain, "HOST|IP|URL... [--from IP] [--json]",
                "which service, by what rule, which partner entry, what verdict"},
        {"detect", command_detect, "[FILE|-] [--jsonl] [--self-test]", "run the detectors on text"},
        {"catalogue", command_catalogue, "[--check|--list|--show ID]", "the AI services leaktap knows"},
};

static void help(FILE *out)
{
	fputs("leaktap - shows what leaves for AI services, and raises an alert when something should not "
	      "have\n\n"
	      "usage: leaktap COMMAND [OPTIONS]\n\n",
	        out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %-10s %s\n             leaktap %s %s\n", commands[i].name, commands[i].help,
		        commands[i].name, commands[i].synopsis);
	fputs("\nTo begin, without settings:\n"
	      "  leaktap run -r capture.pcap        alerts of a capture file, as JSON lines\n"
	      "  leaktap run -i eth1                the same live (needs root or CAP_NET_RAW)\n\n"
	      "leaktap COMMAND --help tells more; so do leaktap(1) and leaktap.yaml(5).\n"
	      "exit status: 0 done, 1 failed at run time, 2 wrong usage or settings\n",
	        out);
}

int usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "leaktap %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (leaktap %s --help)\n", command);
	return EXIT_USAGE;
}

void hide_passwords(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *p = strstr(argv[i], "://"), *at = p ? strrchr(p, '@') : NULL;

		if (at && at > p + 3)
			memset(p + 3, '*', (size_t)(at - p - 3));
	}
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("leaktap " LEAKTAP_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr,
	        "leaktap: there is no command `%s' (run, watch, check, explain, detect, catalogue; leaktap "
	        "--help)\n",
	        argv[1]);
	return EXIT_USAGE;
}
