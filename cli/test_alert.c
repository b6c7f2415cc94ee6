/* test_alert.c - leaktap test-alert: the running sensor is asked for an alert, which goes through its queue,
 * its log and into Redis like any other; this command waits until it has arrived, and says how long that
 * took. */
#include "alerts/alerts.h"
#include "alerts/client.h"
#include "alerts/output.h"
#include "alerts/record_read.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/server.h"
#include "config/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TAIL_MAX (1u << 20) /* of the newest segment, in which the alert must stand */
#define NEWEST   "200"      /* alerts in Redis that are looked through */
#define REPLY_NS (5 * NS_PER_S)
#define LOOK_MS  10
#define WAIT_MAX 3600

static const char usage[] =
        "usage: leaktap test-alert [-c FILE] [--severity high] [--wait SECONDS]\n\n"
        "Asks the running sensor of these settings for an alert that is marked as a test, and waits until it "
        "stands\n"
        "in the log and, where alerts.redis is set, in Redis.\n\n"
        "  -c, --config FILE    settings (else $LEAKTAP_CONFIG, else /etc/leaktap/leaktap.yaml when it "
        "exists)\n"
        "      --severity S     info, low, medium, high (default) or critical\n"
        "      --wait SECONDS   how long it may take (10)\n\n"
        "exit status: 0 it arrived, 1 it did not, or no sensor is running, 2 wrong usage or settings\n";

struct options {
	const char *config;
	int severity;
	unsigned wait_s;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	enum { SEVERITY = 256, WAIT };
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	        {"severity", required_argument, NULL, SEVERITY}, {"wait", required_argument, NULL, WAIT},
	        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char *end;
	unsigned long n;
	int c;

	optind = 0; /* getopt starts anew */
	while ((c = getopt_long(argc, argv, ":c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case SEVERITY:
			o->severity = severity_by_name(optarg);
			if (o->severity < 0)
				return usage_error(
				        "test-alert", "--severity is info, low, medium, high or critical");
			break;
		case WAIT:
			n = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end || n < 1 || n > WAIT_MAX)
				return usage_error(
				        "test-alert", "--wait is a number of seconds from 1 to %d", WAIT_MAX);
			o->wait_s = (unsigned)n;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return option_error("test-alert", c, argv);
		}
	}
	return optind < argc ? usage_error("test-alert", "what is `%s'?", argv[optind]) : EXIT_DONE;
}

/* ---- in the log ------------------------------------------------------------------------------------------
 */

/* The segment that was written to last; false: there is none. */
static bool newest_segment(char *folder, char path[PATH_MAX])
{
	char *roots[] = {folder, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	struct timespec newest = {0};
	FTSENT *f;

	path[0] = '\0';
	while (walk && (f = fts_read(walk))) {
		const struct timespec *t = f->fts_statp ? &f->fts_statp->st_mtim : NULL;

		if (!t || f->fts_info != FTS_F || f->fts_namelen < 6 ||
		        strcmp(f->fts_name + f->fts_namelen - 6, ".jsonl") != 0)
			continue;
		if (t->tv_sec > newest.tv_sec ||
		        (t->tv_sec == newest.tv_sec && t->tv_nsec >= newest.tv_nsec)) {
			newest = *t;
			snprintf(path, PATH_MAX, "%s", f->fts_path);
		}
	}
	if (walk)
		fts_close(walk);
	return path[0];
}

/* The id of the record with that member, from the end of a file. */
static bool find_in_file(const char *path, const char *member, char *id, size_t cap)
{
	static char text[TAIL_MAX + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), from = size > TAIL_MAX ? size - TAIL_MAX : 0;
	ssize_t n = fd < 0 ? -1 : pread(fd, text, TAIL_MAX, from);
	char *at, *line;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, member);
	if (!at)
		return false;
	for (line = at; line > text && line[-1] != '\n';)
		line--;
	record_string(record_get(record_parse(line, strcspn(line, "\n")), "id"), id, cap);
	return id[0];
}

/* ---- in Redis --------------------------------------------------------------------------------------------
 */

/* 1: it is there, 0: not yet, -1: e. */
static int find_in_redis(struct resp *conn, const char *stream, const char *member, struct err *e)
{
	redisReply *r = resp_ask(conn, (const char *[]){"XREVRANGE", stream, "+", "-", "COUNT", NEWEST, NULL},
	        clock_mono_ns() + REPLY_NS, e);
	int found = 0;

	if (!r)
		return -1;
	if (r->type == REDIS_REPLY_ERROR)
		found = err_set(e, "%.200s", r->str);
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < (size_t)r->elements; i++) {
		const redisReply *entry = r->element[i],
		                 *words = entry->type == REDIS_REPLY_ARRAY && entry->elements == 2
		                                  ? entry->element[1]
		                                  : NULL;

		for (size_t k = 1; words && words->type == REDIS_REPLY_ARRAY && k < (size_t)words->elements;
		        k += 2)
			found |= words->element[k]->type == REDIS_REPLY_STRING &&
			         strstr(words->element[k]->str, member) != NULL;
	}
	freeReplyObject(r);
	return found;
}

static bool goes_to_redis(const struct settings *s)
{
	bool redis = s->alerts.redis[0] != '\0';

	for (size_t i = 0; i < s->alerts.outputs.n; i++)
		redis = redis || output_is_redis(s->alerts.outputs.item[i]);
	return redis;
}

/* ---- the wait --------------------------------------------------------------------------------------------
 */

struct test {
	const struct options *o;
	const struct settings *s;
	char log[PATH_MAX], member[32], id[128];
	int64_t asked_ns, end_ns;
};

static double seconds(const struct test *t)
{
	return (double)(clock_mono_ns() - t->asked_ns) / (double)NS_PER_S;
}

static void pause_a_moment(void)
{
	const struct timespec t = {.tv_nsec = LOOK_MS * NS_PER_MS};

	nanosleep(&t, NULL);
}

static int wait_for_log(struct test *t)
{
	char path[PATH_MAX];

	while (!newest_segment(t->log, path) || !find_in_file(path, t->member, t->id, sizeof(t->id))) {
		if (clock_mono_ns() > t->end_ns) {
			fprintf(stderr,
			        "leaktap test-alert: the alert is not in the log %s after %.1f s; see the "
			        "sensor's messages\n",
			        t->log, seconds(t));
			return EXIT_FAILED;
		}
		pause_a_moment();
	}
	printf("%s: in the log after %.3f s\n", t->id, seconds(t));
	return EXIT_DONE;
}

static int wait_for_redis(struct test *t)
{
	struct redis_url url;
	struct wire_tls *tls = NULL;
	struct client *client = NULL;
	struct err e = {.text = "it is not there"};
	enum resp_class class;
	char stream[128];
	int ret = server_choose("test-alert", t->o->config ? t->o->config : t->s->path, NULL, &url, &tls),
	    found = 0;

	if (ret)
		return ret;
	snprintf(stream, sizeof(stream), "leaktap:{%.80s}:alerts", t->s->sensor.name);
	client = client_create(&url, tls, "leaktap-test", &e);
	while (client && found <= 0 && clock_mono_ns() <= t->end_ns) {
		struct resp *conn = client_for(client, stream, &class, &e);

		found = conn ? find_in_redis(conn, stream, t->member, &e) : -1;
		if (found < 0)
			client_reset(client, e.text);
		if (found <= 0)
			pause_a_moment();
	}
	if (found > 0)
		printf("%s: in Redis (%s) after %.3f s\n", t->id, url.shown, seconds(t));
	else
		fprintf(stderr, "leaktap test-alert: %s: not in Redis (%s) after %.1f s: %s\n", t->id,
		        url.shown, seconds(t), e.text);
	client_destroy(client);
	wire_tls_destroy(tls);
	redis_url_wipe(&url);
	return found > 0 ? EXIT_DONE : EXIT_FAILED;
}

/* A number that is new, with the severity in its lowest bits. */
static int new_number(int severity)
{
	unsigned n = 0;

	while (!(n >> 3)) /* it must not be mistaken for none */
		if (getrandom(&n, sizeof(n), 0) != sizeof(n))
			n = (unsigned)clock_wall_ns();
	return (int)((n & 0x7ffffff8u) | (unsigned)severity);
}

static bool read_comm(const char *path, char name[32])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, 31);

	if (fd >= 0)
		close(fd);
	name[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The lock says the number that the process has where it runs: from outside of its container that is some
 * other process, which SIGUSR1 would end. */
static bool is_sensor(long pid)
{
	char path[48], own[32], its[32];

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	return read_comm("/proc/self/comm", own) && read_comm(path, its) && !strcmp(own, its);
}

static int ask_sensor(struct test *t)
{
	union sigval value = {.sival_int = new_number(t->o->severity)};
	long pid = alerts_holder(t->s, t->log, sizeof(t->log));

	if (pid < 0) {
		fprintf(stderr, "leaktap test-alert: %s: %s; run it as the sensor's user or as root\n",
		        t->log, strerror(errno));
		return EXIT_FAILED;
	}
	if (!pid) {
		fprintf(stderr, "leaktap test-alert: no sensor `%s' is running: nobody keeps its log %s\n",
		        t->s->sensor.name, t->log);
		return EXIT_FAILED;
	}
	if (!is_sensor(pid)) {
		fprintf(stderr,
		        "leaktap test-alert: process %ld, which keeps the log %s, is none of leaktap here; "
		        "run "
		        "it in the sensor's container\n",
		        pid, t->log);
		return EXIT_FAILED;
	}
	snprintf(t->member, sizeof(t->member), "\"test\":%d", value.sival_int);
	t->asked_ns = clock_mono_ns();
	t->end_ns = t->asked_ns + t->o->wait_s * NS_PER_S;
	if (sigqueue((pid_t)pid, SIGUSR1, value) < 0) {
		fprintf(stderr,
		        "leaktap test-alert: process %ld, which keeps the log %s, cannot be asked: %s\n", pid,
		        t->log, strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int command_test_alert(int argc, char **argv)
{
	struct options o = {.severity = SEVERITY_HIGH, .wait_s = 10};
	struct test t = {.o = &o};
	struct faults faults;
	struct settings *s;
	int ret = parse_options(argc, argv, &o);

	if (ret)
		return ret < 0 ? EXIT_DONE : ret;
	signal(SIGPIPE, SIG_IGN);
	faults_init(&faults);
	s = settings_load(settings_find(o.config), &faults);
	print_faults("test-alert", &faults);
	faults_clear(&faults);
	if (!s)
		return EXIT_USAGE;
	t.s = s;
	ret = ask_sensor(&t);
	if (!ret)
		ret = wait_for_log(&t);
	if (!ret && goes_to_redis(s))
		ret = wait_for_redis(&t);
	settings_drop(s);
	return ret;
}
