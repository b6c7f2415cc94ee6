/* alert_source.c - makes alerts as workers would and prints what became of them; driven by redis.py and
 * faults.py.
 *
 *	alert_source [-n ALERTS] [-r RATE] [-w WORKERS] [-q QUEUE] [-s SENSOR] [-d LOG] [-m MB]
 *	             [-W WAIT_MS] [-R] [-b] [-f] [-P PASSWORD_FILE] [-C CA] [-E CERT] [-K KEY]
 *	             [-D DISK] [-T CLOCK] [-H HOURS] [-N ENTRIES] [-L REPLICAS] [-t TRIM_MS] OUTPUT...
 *
 * -r: alerts a second (0: as fast as it goes), -d: the log's folder, -m: its bound, -R: as in a replay,
 * -b: alerts of about 700 bytes instead of all that one can have, -f: a flow record with every alert,
 * -D and -T: see faults.h.  Each worker makes its share.  The last line on stderr is one JSON object of
 * counters.
 */
#include "tests/e2e/alert_source.h"

#include "alerts/alerts.h"
#include "tests/e2e/faults.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 16

struct job {
	struct alert_source source;
	struct teller teller;
	uint64_t from, n, rate;
	bool flows;
	pthread_t thread;
};

static atomic_bool stopped;

static void stop(int sig)
{
	(void)sig;
	atomic_store(&stopped, true);
}

static void pause_until(int64_t at_ns)
{
	int64_t left = at_ns - clock_mono_ns();
	struct timespec t = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};

	if (left > 0)
		nanosleep(&t, NULL);
}

static void *make(void *arg)
{
	struct job *j = arg;
	int64_t start = clock_mono_ns();

	for (uint64_t i = 0; i < j->n; i++) {
		if (atomic_load(&stopped))
			break;
		if (j->rate)
			pause_until(start + (int64_t)(i * NS_PER_S / j->rate));
		alert_source_number(&j->source, j->from + i, clock_wall_ns());
		j->teller.tell(j->teller.arg, &j->source.event);
		if (j->flows) {
			struct event ev = alert_source_flow(&j->source);

			j->teller.tell(j->teller.arg, &ev);
		}
	}
	return NULL;
}

static void print_stats(const struct alerts_stats *s, int64_t took_ns)
{
	fprintf(stderr,
	        "{\"told\":%" PRIu64 ",\"made\":%" PRIu64 ",\"alerts\":%" PRIu64 ",\"flows\":%" PRIu64
	        ",\"sensor\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"waiting\":%" PRIu64
	        ",\"lost_queue\":%" PRIu64 ",\"lost_log\":%" PRIu64 ",\"lost_output\":%" PRIu64
	        ",\"lost_stop\":%" PRIu64 ",\"own\":%" PRIu64 ",\"trimmed\":%" PRIu64
	        ",\"trimmed_unread\":%" PRIu64 ",\"durable\":%" PRIu64 ",\"seconds\":%.3f}\n",
	        s->told, s->made_all, s->made[EVENT_ALERT], s->made[EVENT_FLOW], s->made[EVENT_SENSOR],
	        s->made[RECORD_GAP], s->delivered, s->waiting, s->lost_queue, s->lost_log, s->lost_output,
	        s->lost_stop, s->own, s->outputs[0].trimmed, s->outputs[0].trimmed_unread,
	        s->outputs[0].durable, (double)took_ns / NS_PER_S);
}

int main(int argc, char **argv)
{
	static struct job job[WORKERS_MAX];
	const struct log_io io = faults_io();
	struct alert_source base;
	struct alerts_options o = {.workers = 1};
	struct alerts_stats stats;
	uint64_t n = 1000, rate = 0;
	unsigned wait_ms = 5000;
	bool flows = false, brief = false;
	struct alerts *a;
	struct err e = {.text = ""};
	int64_t start;
	int c;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, stop);
	alert_source_init(&base);
	while ((c = getopt(argc, argv, "n:r:w:d:m:q:s:W:RbfP:C:E:K:D:T:H:N:L:t:")) != -1)
		switch (c) {
		case 'n':
			n = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			rate = strtoull(optarg, NULL, 10);
			break;
		case 'w':
			o.workers = (unsigned)atoi(optarg);
			break;
		case 'd':
			base.settings.evidence.directory = optarg;
			o.log_asked = true;
			break;
		case 'm':
			base.settings.alerts.spool_max_mb = (unsigned)atoi(optarg);
			break;
		case 'D':
			faults_disk = optarg;
			o.io = &io;
			break;
		case 'T':
			faults_clock = optarg;
			o.wall_ns = faults_wall_ns;
			break;
		case 'H':
			base.settings.alerts.streams_retention_h = (unsigned)atoi(optarg);
			break;
		case 'N':
			base.settings.alerts.streams_max_entries = (unsigned)atoi(optarg);
			break;
		case 'L':
			base.settings.alerts.streams_replicas = (unsigned)atoi(optarg);
			break;
		case 't':
			o.trim_ms = (unsigned)atoi(optarg);
			break;
		case 'q':
			base.settings.limits.queue = (unsigned)atoi(optarg);
			break;
		case 's':
			base.settings.sensor.name = optarg;
			break;
		case 'W':
			wait_ms = (unsigned)atoi(optarg);
			break;
		case 'R':
			o.replay = true;
			break;
		case 'b':
			brief = true;
			break;
		case 'f':
			flows = o.flows = true;
			break;
		case 'P':
			base.settings.alerts.password_file = optarg;
			break;
		case 'C':
			base.settings.alerts.tls_ca = optarg;
			break;
		case 'E':
			base.settings.alerts.tls_cert = optarg;
			break;
		case 'K':
			base.settings.alerts.tls_key = optarg;
			break;
		default:
			return 2;
		}
	o.outputs = (const char *const *)(argv + optind);
	o.n_outputs = (size_t)(argc - optind);
	if (!o.workers || o.workers > WORKERS_MAX)
		return 2;
	start = clock_mono_ns();
	a = alerts_start(&base.settings, &o, &e);
	if (!a) {
		fprintf(stderr, "alert_source: %s\n", e.text);
		return 2;
	}
	for (unsigned i = 0; i < o.workers; i++) {
		job[i] = (struct job){.from = i * n,
		        .n = n / o.workers,
		        .rate = rate / o.workers,
		        .flows = flows,
		        .teller = alerts_teller(a, i)};
		alert_source_init(&job[i].source);
		if (brief)
			alert_source_brief(&job[i].source);
		pthread_create(&job[i].thread, NULL, make, &job[i]);
	}
	for (unsigned i = 0; i < o.workers; i++)
		pthread_join(job[i].thread, NULL);
	alerts_stop(a, wait_ms);
	alerts_stats(a, &stats);
	print_stats(&stats, clock_mono_ns() - start);
	alerts_destroy(a);
	return 0;
}
