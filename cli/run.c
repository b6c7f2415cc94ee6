/* run.c - leaktap run: options, settings, sources, workers, and the wait for the end.  What a packet goes
 * through stands in worker.c. */
#include "cli/commands.h"

#include "alerts/alerts.h"
#include "base/clock.h"
#include "base/log.h"
#include "capture/share.h"
#include "cli/heartbeat.h"
#include "cli/summary.h"
#include "cli/worker.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATHS_MAX     4096 /* captures, interfaces, outputs on one command line */
#define WORKERS_MAX   64
#define IFACES_MAX    WORKER_SOURCES_MAX
#define INTERNAL_MAX  4096 /* internal networks told to the kernel */
#define REDIS_WAIT_MS 5000 /* at the end, for Redis to take what waits */
#define STALLED_NS                                                                                           \
	(5 * NS_PER_S) /* after SIGTERM a replay waits so long for an output that takes nothing              \
	                */

static const char usage[] =
        "usage: leaktap run [-c FILE] (-i IFACE | -r CAPTURE)... [-o OUTPUT]... [-w WORKERS] [--flows]\n\n"
        "  -c, --config FILE    settings (else $LEAKTAP_CONFIG, else /etc/leaktap/leaktap.yaml when it "
        "exists)\n"
        "  -i, --interface NAME watch this interface; may be given several times\n"
        "  -r, --read FILE      read this capture (pcap or pcapng, - for stdin); several are read in order\n"
        "  -o, --output OUTPUT  - (JSON lines on stdout), file:PATH, "
        "redis://[user[:password]@]host[:port][/db],\n"
        "                       rediss://... (TLS), unix:///path/redis.sock, "
        "redis+sentinel://host[,host...]/master,\n"
        "                       redis+cluster://host[,host...]; may be given several times\n"
        "  -w, --workers N      capture threads; live, each reads all interfaces, and there are "
        "capture.workers of them\n"
        "                       when this is not given (one for each processor); files: 1\n"
        "      --flows          flow records too, not only alerts\n"
        "  -q, --quiet          no progress and no summary on stderr\n\n"
        "Without settings and without -o, alerts go to stdout.  SIGHUP reads alerts.suppress again.  SIGTERM "
        "and SIGINT drain and end; a second "
        "one ends\n"
        "at once.\n\n"
        "exit status: 0 done, 1 failed at run time or the log or an output lost records, 2 wrong usage or "
        "settings\n";

struct options {
	const char *config;
	const char *interfaces[IFACES_MAX], *captures[PATHS_MAX], *outputs[PATHS_MAX];
	size_t n_interfaces, n_captures, n_outputs;
	unsigned workers;
	bool flows, quiet;
};

static int add(const char **list, size_t *n, size_t max, const char *what, const char *value)
{
	if (*n == max)
		return usage_error("run", "more than %zu %s", max, what);
	list[(*n)++] = value;
	return 0;
}

/* 0 go on, else the exit status plus one. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	        {"interface", required_argument, NULL, 'i'}, {"read", required_argument, NULL, 'r'},
	        {"output", required_argument, NULL, 'o'}, {"workers", required_argument, NULL, 'w'},
	        {"flows", no_argument, NULL, 'F'}, {"quiet", no_argument, NULL, 'q'},
	        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	unsigned long workers;
	int c, rc = 0;
	char *end;

	opterr = 0;
	while (!rc && (c = getopt_long(argc, argv, ":c:i:r:o:w:qh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'i':
			rc = add(o->interfaces, &o->n_interfaces, IFACES_MAX, "interfaces", optarg);
			break;
		case 'r':
			rc = add(o->captures, &o->n_captures, PATHS_MAX, "captures", optarg);
			break;
		case 'o':
			rc = add(o->outputs, &o->n_outputs, PATHS_MAX, "outputs", optarg);
			break;
		case 'w':
			workers = strtoul(optarg, &end, 10);
			if (*end || optarg[0] < '0' || optarg[0] > '9' || !workers || workers > WORKERS_MAX)
				rc = usage_error("run", "-w %s: workers are a number from 1 to %d", optarg,
				        WORKERS_MAX);
			o->workers = (unsigned)workers;
			break;
		case 'F':
			o->flows = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1 + EXIT_DONE;
		default:
			rc = option_error("run", c, argv);
		}
	}
	if (!rc && optind < argc)
		rc = usage_error("run", "`%s' is not expected; captures go behind -r, interfaces behind -i",
		        argv[optind]);
	if (!rc && o->n_interfaces && o->n_captures)
		rc = usage_error("run", "-i and -r do not mix");
	return rc ? 1 + rc : 0;
}

/* ---- start-up, in order ---------------------------------------------------------------------------------
 */

struct run {
	struct options o;
	struct settings *settings;
	struct detect_engine *engine;
	struct alerts *alerts;
	struct worker workers[WORKERS_MAX];
	struct source *sources[WORKERS_MAX][IFACES_MAX];
	unsigned n_workers, prepared, started;
	struct heartbeat *heartbeat; /* live */
	bool live;
	int64_t began_ns;
};

static int load_settings(struct run *r)
{
	const char *path = settings_find(r->o.config);
	struct faults faults;

	faults_init(&faults);
	r->settings = settings_load(path, &faults);
	print_faults("run", &faults);
	if (!r->settings && !faults.total)
		fprintf(stderr, "leaktap run: %s: cannot be loaded\n", path ? path : "built-in settings");
	faults_clear(&faults);
	return r->settings ? 0 : -1;
}

static int choose_input(struct run *r)
{
	const struct settings *s = r->settings;

	if (!r->o.n_interfaces && !r->o.n_captures)
		for (size_t i = 0; i < s->capture.interfaces.n && i < IFACES_MAX; i++)
			r->o.interfaces[r->o.n_interfaces++] = s->capture.interfaces.item[i];
	if (!r->o.n_interfaces && !r->o.n_captures)
		return usage_error("run", "nothing to read: give -i INTERFACE or -r CAPTURE, or "
		                          "capture.interfaces in the settings");
	r->live = r->o.n_interfaces > 0;
	r->n_workers = r->o.workers ? r->o.workers : r->live ? s->capture.workers : 1;
	if (!r->live && r->n_workers > 1)
		for (size_t i = 0; i < r->o.n_captures; i++)
			if (!strcmp(r->o.captures[i], "-"))
				return usage_error("run", "stdin can be read by one worker only");
	return 0;
}

static int open_sources(struct run *r, struct err *e)
{
	const struct settings *s = r->settings;
	const char *filter = s->capture.filter[0] ? s->capture.filter : NULL;
	static struct cidr internal[INTERNAL_MAX], proxies[INTERNAL_MAX];
	struct share_networks share = {.internal = internal,
	        .proxies = proxies,
	        .n_internal = networks_list(s->networks, NET_INTERNAL, internal, INTERNAL_MAX),
	        .n_proxies = networks_list(s->networks, NET_PROXY, proxies, INTERNAL_MAX)};

	if (share.n_internal > INTERNAL_MAX)
		share.n_internal = INTERNAL_MAX; /* share_program() says that they do not fit */
	if (share.n_proxies > INTERNAL_MAX)
		share.n_proxies = INTERNAL_MAX;

	for (unsigned w = 0; w < r->n_workers; w++) {
		struct worker *k = &r->workers[w];

		k->sources = r->sources[w];
		if (!r->live) {
			if (!(k->sources[0] = source_open_files(r->o.captures, r->o.n_captures, filter, e)))
				return -1;
			k->n_sources = 1;
			continue;
		}
		for (size_t i = 0; i < r->o.n_interfaces; i++) {
			struct source_live how = {.interface = r->o.interfaces[i],
			        .filter = filter,
			        .ring_mb = s->capture.ring_mb,
			        .snaplen = s->capture.snaplen,
			        .promiscuous = s->capture.promiscuous,
			        .fanout_group =
			                r->n_workers > 1 ? (int)((unsigned)getpid() + i) & 0xffff : -1,
			        .fanout_other = w > 0, /* interface drops are counted once */
			        .share = &share};

			if (!(k->sources[i] = source_open_live(&how, e)))
				return -1;
			k->n_sources++;
		}
	}
	return 0;
}

static int start_alerts(struct run *r, struct err *e)
{
	const struct settings *s = r->settings;
	struct alerts_options ao = {.outputs = r->o.outputs,
	        .n_outputs = r->o.n_outputs,
	        .flows = r->o.flows,
	        .replay = !r->live,
	        .log_asked = r->o.config != NULL,
	        .workers = r->n_workers};

	if (!r->o.n_outputs) { /* the command line wins over the settings */
		for (size_t i = 0; i < s->alerts.outputs.n && r->o.n_outputs < PATHS_MAX - 1; i++)
			r->o.outputs[r->o.n_outputs++] = s->alerts.outputs.item[i];
		if (s->alerts.redis[0])
			r->o.outputs[r->o.n_outputs++] = s->alerts.redis;
		if (!r->o.n_outputs)
			r->o.outputs[r->o.n_outputs++] = "-";
		ao.n_outputs = r->o.n_outputs;
	}
	r->alerts = alerts_start(r->settings, &ao, e);
	return r->alerts ? 0 : -1;
}

static int start_workers(struct run *r, struct err *e)
{
	for (unsigned i = 0; i < r->n_workers; i++) {
		struct worker *w = &r->workers[i];

		w->all = r->workers;
		w->index = i;
		w->count = r->n_workers;
		w->live = r->live;
		w->tell_flows = r->o.flows;
		w->settings = r->settings;
		w->engine = r->engine;
		w->tell = alerts_teller(r->alerts, i);
		r->prepared = i + 1;
		if (worker_prepare(w, e) < 0)
			return -1;
	}
	for (; r->started < r->n_workers; r->started++)
		if (worker_start(&r->workers[r->started], e) < 0)
			return -1;
	return 0;
}

/* From this line on a signal drains; scripts wait for it. */
static void say_watching(const struct run *r)
{
	char list[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < r->o.n_interfaces && used < sizeof(list); i++)
		used += (size_t)snprintf(
		        list + used, sizeof(list) - used, "%s%s", i ? ", " : "", r->o.interfaces[i]);
	log_info("watching %s with %u worker%s", list, r->n_workers, r->n_workers == 1 ? "" : "s");
}

/* ---- the wait -------------------------------------------------------------------------------------------
 */

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static bool all_done(struct run *r)
{
	for (unsigned i = 0; i < r->started; i++)
		if (!atomic_load(&r->workers[i].done))
			return false;
	return true;
}

static void show_progress(struct run *r)
{
	uint64_t packets = 0, bytes = 0;

	for (unsigned i = 0; i < r->started; i++) {
		packets += atomic_load_explicit(&r->workers[i].packets, memory_order_relaxed);
		bytes += atomic_load_explicit(&r->workers[i].bytes, memory_order_relaxed);
	}
	fprintf(stderr, "\r%llu packets, %.1f MB ", (unsigned long long)packets, (double)bytes / 1e6);
	fflush(stderr);
}

/* All or nothing: with a fault in the file everything stays as it is. */
static void reload(struct run *r)
{
	struct faults f;
	struct settings *s;

	faults_init(&f);
	s = r->settings->path[0] ? settings_load(r->settings->path, &f) : NULL;
	if (s) {
		const struct suppress_rules *rules = &s->alerts.suppress;
		size_t expired = suppress_expired(rules, time_day(clock_wall_ns())),
		       held = rules->n - expired;

		alerts_reload_rules(r->alerts, s);
		log_info("SIGHUP: %zu rule%s of alerts.suppress in force, %zu expired; other changes need a "
		         "restart",
		        held, held == 1 ? "" : "s", expired);
	} else if (f.total) {
		faults_print(&f, stderr);
		log_error("SIGHUP: the settings have faults; nothing was changed");
	} else {
		log_warn("SIGHUP: the sensor runs without a settings file; nothing to read again");
	}
	settings_drop(s);
	faults_clear(&f);
}

/* sigqueue(3) of `leaktap test-alert`: the value holds the alert's number and, in its lowest three bits, the
 * severity.  The alert goes the way of all others. */
static void test_alert(struct run *r, const siginfo_t *info)
{
	unsigned value = info->si_code == SI_QUEUE ? (unsigned)info->si_value.sival_int : 0;
	struct event ev = {.type = EVENT_ALERT,
	        .kind = ALERT_PAYLOAD_SENSITIVE,
	        .severity = (enum severity)(value & 7),
	        .confidence = 100,
	        .when_ns = clock_wall_ns(),
	        .summary =
	                "test of the alert path, asked for with leaktap test-alert: nothing left the network",
	        .test = value};

	if (!value || ev.severity > SEVERITY_CRITICAL)
		log_warn("SIGUSR1 without a number: use leaktap test-alert");
	else
		alerts_sensor(r->alerts, &ev);
}

static void wait_for_end(struct run *r, const sigset_t *set)
{
	bool progress = !r->o.quiet && isatty(STDERR_FILENO), stopping = false;
	struct timespec tick = {.tv_nsec = 5 * NS_PER_MS};
	int64_t shown = clock_mono_ns(), told_ns = 0;

	while (!all_done(r)) {
		siginfo_t info;
		int sig = sigtimedwait(set, &info, &tick);

		if (sig == SIGHUP) {
			reload(r);
		} else if (sig == SIGUSR1) {
			test_alert(r, &info);
		} else if (sig > 0) {
			if (stopping)
				_exit(EXIT_FAILED); /* asked twice: at once */
			stopping = true;
			told_ns = clock_mono_ns();
			atomic_store(&worker_stop, true);
			for (unsigned i = 0; i < r->started; i++)
				for (size_t k = 0; k < r->workers[i].n_sources; k++)
					source_break(r->workers[i].sources[k]);
		}
		if (r->heartbeat)
			heartbeat_tick(r->heartbeat);
		if (stopping && clock_mono_ns() - told_ns > STALLED_NS)
			alerts_hurry(r->alerts);
		if (tick.tv_nsec < 100 * NS_PER_MS)
			tick.tv_nsec *= 2; /* a short replay ends without waiting, a long run is left alone */
		if (progress && clock_mono_ns() - shown > NS_PER_S) {
			shown = clock_mono_ns();
			show_progress(r);
		}
	}
	if (progress)
		fputs("\r\033[K", stderr);
}

/* A second signal must end the program also while the outputs drain. */
static void *watch_signals(void *arg)
{
	const sigset_t *set = arg;
	int sig;

	while (sigwait(set, &sig) == 0)
		if (sig != SIGHUP && sig != SIGUSR1)
			_exit(EXIT_FAILED);
	return NULL;
}

static int finish(struct run *r, sigset_t *set)
{
	struct worker_stats total = {0};
	struct alerts_stats al;
	pthread_t watcher;
	int status = EXIT_DONE;
	const char *why = "";
	bool watching = pthread_create(&watcher, NULL, watch_signals, set) == 0;

	for (unsigned i = 0; i < r->started; i++) {
		worker_join(&r->workers[i]);
		summary_add(&total, &r->workers[i].stats, !r->live && i > 0);
		if (r->workers[i].error[0]) {
			status = EXIT_FAILED; /* the worker said so when it happened */
			why = r->workers[i].error;
		}
	}
	if (r->heartbeat)
		heartbeat_end(r->heartbeat, why);
	alerts_stop(r->alerts, REDIS_WAIT_MS);
	alerts_stats(r->alerts, &al);
	if (al.lost_log)
		status = EXIT_FAILED; /* the log's reason was told */
	for (size_t i = 0; i < al.n_outputs; i++)
		if (al.outputs[i].lost_output || al.outputs[i].lost_stop)
			status = EXIT_FAILED; /* the output's name and reason were told */
	if (!r->o.quiet) {
		summary_print_workers(stderr, r->workers, r->started);
		summary_print(stderr, &total, &al, clock_mono_ns() - r->began_ns);
	}
	if (watching) {
		pthread_cancel(watcher);
		pthread_join(watcher, NULL);
	}
	return status;
}

static void clear(struct run *r)
{
	unsigned n = r->prepared;

	for (unsigned i = 0; i < r->n_workers; i++)
		if (i < n)
			worker_clear(&r->workers[i]);
		else
			for (size_t k = 0; k < r->workers[i].n_sources; k++)
				source_close(r->workers[i].sources[k]);
	heartbeat_destroy(r->heartbeat);
	alerts_destroy(r->alerts);
	detect_engine_destroy(r->engine);
	settings_drop(r->settings);
}

int command_run(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	struct err e = {""};
	sigset_t set;
	int rc;

	if (!r)
		return EXIT_FAILED;
	r->began_ns = clock_mono_ns();
	rc = read_options(&r->o, argc, argv);
	if (rc) {
		free(r);
		return rc - 1;
	}
	rc = EXIT_USAGE;
	if (load_settings(r) < 0 || choose_input(r) != 0)
		goto out;
	block_signals(&set);
	if (open_sources(r, &e) < 0)
		goto fail;
	r->engine = detect_engine_create(r->settings->detector_set,
	        r->settings->detect.token_key_len ? r->settings->detect.token_key : NULL,
	        r->settings->detect.token_key_len, r->settings->detect.token_key_id, &e);
	if (!r->engine || start_alerts(r, &e) < 0)
		goto fail;
	hide_passwords(argc, argv);
	rc = EXIT_FAILED;
	if (r->live && !(r->heartbeat = heartbeat_create(r->settings, r->alerts, r->workers, r->n_workers,
	                         r->o.interfaces, (unsigned)r->o.n_interfaces))) {
		err_set(&e, "no memory");
		goto fail;
	}
	if (start_workers(r, &e) < 0) {
		atomic_store(&worker_stop, true);
		for (unsigned i = 0; i < r->started; i++)
			worker_join(&r->workers[i]);
		goto fail;
	}
	if (r->live && !r->o.quiet)
		say_watching(r);
	wait_for_end(r, &set);
	rc = finish(r, &set);
	goto out;
fail:
	fprintf(stderr, "leaktap run: %s\n", e.text);
out:
	clear(r);
	free(r);
	return rc;
}
