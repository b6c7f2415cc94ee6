/* main.c - picks the command. */
#include "cli/commands.h"
#include "cli/version.h"
#include "config/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis, *help;
} commands[] = {
        {"run", command_run, "[-c FILE] (-i IFACE | -r CAPTURE)... [-o OUTPUT]... [-w WORKERS] [--flows]",
                "watch an interface or read captures, tell alerts"},
        {"watch", command_watch, "[-c FILE] [--redis URL] [--since 15m] [--min-severity high] [--json]",
                "follow the alerts of all sensors in Redis"},
        {"test-alert", command_test_alert, "[-c FILE] [--severity high] [--wait SECONDS]",
                "have the running sensor send an alert, marked as a test, and see it arrive"},
        {"inventory", command_inventory,
                "[-r CAPTURE... | --records FILE... | [--redis URL] [--since 24h]] [--csv|--json|--register]",
                "services in use: by whom, how much, how named, could it be read"},
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

int option_error(const char *command, int c, char *const *argv)
{
	const char *given = argv[optind - 1];
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_long = !strncmp(given, "--", 2);

	if (c == ':')
		return usage_error(command, "`%s' needs a value", is_long ? given : letter);
	if (is_long && optopt && strchr(given, '='))
		return usage_error(command, "`%.*s' takes no value", (int)strcspn(given, "="), given);
	/* of several letters behind one `-' getopt_long(3) tells only this one, and optind may stand before
	 * them */
	if (optopt > ' ' && optopt < 0x7f)
		return usage_error(command, "there is no option `%s'", letter);
	return usage_error(command, "there is no option `%s'", given);
}

void print_faults(const char *command, const struct faults *f)
{
	if (f->n && !f->list[0].line)
		fprintf(stderr, "leaktap %s: ", command);
	faults_print(f, stderr);
}

void hide_passwords(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *p = strstr(argv[i], "://"), *at = p ? strrchr(p, '@') : NULL;

		if (at && at > p + 3)
			memset(p + 3, '*', (size_t)(at - p - 3));
	}
}

/* A descriptor 0 to 2 that is closed would be given to the next file opened, and records written into it. */
static void hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) < 0)
			return;
}

/* What stdio still holds may not fit on the disk. */
static int flush_output(int status)
{
	bool flushed = !fflush(stdout);

	if (flushed && !ferror(stdout))
		return status;
	fprintf(stderr, "leaktap: standard output: %s\n",
	        flushed ? "not all could be written" : strerror(errno));
	return status == EXIT_DONE ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	hold_standard_streams();
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return flush_output(EXIT_DONE);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("leaktap " LEAKTAP_VERSION);
		return flush_output(EXIT_DONE);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return flush_output(commands[i].run(argc - 1, argv + 1));
	fprintf(stderr, "leaktap: there is no command `%s' (", argv[1]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(stderr, "%s, ", commands[i].name);
	fputs("help; leaktap --help)\n", stderr);
	return EXIT_USAGE;
}
