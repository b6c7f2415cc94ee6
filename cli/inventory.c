/* inventory.c - leaktap inventory: what AI services are in use, by whom and how much, from captures, from
 * records or from the sensors' streams; the first day's picture, and the register to begin with. */
#include "cli/inventory.h"

#include "base/clock.h"
#include "capture/flow.h"
#include "cli/commands.h"
#include "cli/server.h"
#include "cli/worker.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COMMAND    "inventory"
#define INPUTS_MAX 4096
#define SINCE      "24h"

static const char help[] =
        "usage: leaktap inventory [-c FILE] (-r CAPTURE... | --records FILE... | [--redis URL] [--since "
        "24h])\n"
        "                         [--csv | --json | --register]\n\n"
        "Sums what was seen of AI services by source group: bytes out, users, flows, first and last seen,\n"
        "how they were named, whether requests could be read, TLS.  The last lines account for the rest.\n\n"
        "  -c, --config FILE  settings (networks, groups, catalogue, Redis)\n"
        "  -r, --read FILE    read this capture (pcap or pcapng, - for stdin); several are read in order\n"
        "      --records FILE flow records as JSON lines, of `leaktap run --flows -o file:FILE' (- for "
        "stdin)\n"
        "      --redis URL    the server, in place of the settings' alerts.redis\n"
        "      --since TIME   flow records of all sensors since so long ago: 90s, 15m, 24h (default), 7d\n"
        "      --csv, --json  in place of the table\n"
        "      --register     a partner register for what was seen, to fill in: `policy' of the settings\n"
        "  -h, --help         this text\n\n"
        "exit status: 0 done, 1 a capture or Redis could not be read, 2 wrong usage or settings\n";

struct options {
	const char *config, *redis;
	const char *captures[INPUTS_MAX], *records[INPUTS_MAX];
	size_t n_captures, n_records;
	int64_t since_s; /* -1: not given */
	int show;        /* 0: the table */
};

enum { RECORDS = 256, REDIS, SINCE_, CSV, JSON, REGISTER };

static int add(const char **list, size_t *n, const char *value)
{
	if (*n == INPUTS_MAX)
		return usage_error(COMMAND, "more than %d files", INPUTS_MAX);
	list[(*n)++] = value;
	return 0;
}

static int take_option(struct options *o, int c)
{
	switch (c) {
	case 'c':
		o->config = optarg;
		return 0;
	case 'r':
		return add(o->captures, &o->n_captures, optarg);
	case RECORDS:
		return add(o->records, &o->n_records, optarg);
	case REDIS:
		o->redis = optarg;
		return 0;
	case SINCE_:
		o->since_s = parse_since(optarg);
		if (o->since_s <= 0)
			return usage_error(COMMAND,
			        "--since is a number and s, m, h or d, such as 24h, up to ten years");
		return 0;
	default:
		if (o->show && o->show != c)
			return usage_error(COMMAND, "--csv, --json and --register do not mix");
		o->show = c;
		return 0;
	}
}

/* 0 go on, else the exit status plus one. */
static int read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	        {"read", required_argument, NULL, 'r'}, {"records", required_argument, NULL, RECORDS},
	        {"redis", required_argument, NULL, REDIS}, {"since", required_argument, NULL, SINCE_},
	        {"csv", no_argument, NULL, CSV}, {"json", no_argument, NULL, JSON},
	        {"register", no_argument, NULL, REGISTER}, {"help", no_argument, NULL, 'h'},
	        {NULL, 0, NULL, 0}};
	int c, rc = 0;

	opterr = 0;
	optind = 0;
	while (!rc && (c = getopt_long(argc, argv, ":c:r:h", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return 1 + EXIT_DONE;
		}
		if (c == ':' || c == '?')
			rc = option_error(COMMAND, c, argv);
		else
			rc = take_option(o, c);
	}
	if (!rc && optind < argc)
		rc = usage_error(COMMAND,
		        "`%s' is not expected; captures go behind -r, records behind --records",
		        argv[optind]);
	if (!rc && !o->n_captures && !o->n_records && !o->redis && o->since_s < 0 &&
	        !settings_find(o->config))
		rc = usage_error(COMMAND, "what from?  -r CAPTURE, --records FILE, or --redis URL (or "
		                          "alerts.redis in the settings)");
	if (!rc && (o->n_captures > 0) + (o->n_records > 0) + (o->redis || o->since_s >= 0) > 1)
		rc = usage_error(COMMAND, "-r, --records and --redis or --since do not mix");
	return rc ? 1 + rc : 0;
}

/* ---- captures -------------------------------------------------------------------------------------------
 */

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

struct collector {
	struct inventory *v;
	const struct settings *s;
};

static unsigned signs_of(const struct facts *x)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < x->n_evasions; i++)
		bits |= 1u << (x->evasion[i].kind - ALERT_EVASION_ECH);
	return bits;
}

static void collect(void *arg, const struct event *ev)
{
	const struct collector *c = arg;
	const struct flow *f = ev->flow;
	const struct facts *x = ev->facts;
	struct sighting s;

	if (ev->type != EVENT_FLOW || !f || !x)
		return;
	s = (struct sighting){
	        .service = x->match.service ? x->match.service->id : "",
	        .name = x->match.service ? x->match.service->name : "",
	        .group = x->group == GROUP_NONE ? "" : networks_group_name(c->s->networks, x->group),
	        .host = x->host,
	        .shape = x->shape,
	        .protocol = x->protocol,
	        .by = name_source_text(x->by),
	        .visibility = visibility_name(x->visibility),
	        .tls = x->tls.seen ? or_empty(tls_version_name(x->tls.version)) : "",
	        .tls_group = x->tls.seen ? or_empty(tls_group_name(x->tls.group)) : "",
	        .unnamed = x->unnamed == UNNAMED_NOT ? "" : unnamed_name(x->unnamed),
	        .signs = signs_of(x),
	        .source = x->client.known ? x->client.addr : f->addr[0],
	        .destination = f->addr[1],
	        .leaves = x->direction == DIRECTION_OUT || x->direction == DIRECTION_UNKNOWN,
	        .onward = x->onward,
	        .out = f->bytes[0],
	        .in = f->bytes[1],
	        .first_ns = f->start_ns,
	        .last_ns = f->last_ns,
	};
	inventory_add(c->v, &s);
}

static int replay(struct worker *w, struct err *e)
{
	if (worker_prepare(w, e) < 0 || worker_start(w, e) < 0)
		return -1;
	worker_join(w);
	return w->error[0] ? -1 : 0; /* the worker said so when it happened */
}

/* The loop of `run', without outputs. */
static int read_captures(struct inventory *v, struct settings *s, const struct options *o)
{
	struct collector collector = {v, s};
	struct err e = {""};
	struct detect_engine *engine;
	struct source *source = source_open_files((const char *const *)o->captures, o->n_captures,
	        s->capture.filter[0] ? s->capture.filter : NULL, &e);
	struct worker w = {.count = 1,
	        .sources = &source,
	        .n_sources = 1,
	        .tell_flows = true,
	        .settings = s,
	        .tell = {&collector, collect}};
	int status = EXIT_USAGE;

	if (!source) {
		fprintf(stderr, "leaktap inventory: %s\n", e.text);
		return EXIT_USAGE;
	}
	w.engine = engine = detect_engine_create(s->detector_set, NULL, 0, "", &e);
	if (engine)
		status = replay(&w, &e) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (e.text[0])
		fprintf(stderr, "leaktap inventory: %s\n", e.text);
	worker_clear(&w);
	detect_engine_destroy(engine);
	return status;
}

/* ---- the command ----------------------------------------------------------------------------------------
 */

static struct settings *load(const char *config)
{
	struct settings *s;
	struct faults f;

	faults_init(&f);
	s = settings_load(settings_find(config), &f);
	print_faults(COMMAND, &f);
	faults_clear(&f);
	return s;
}

static int read_server(struct inventory *v, const struct options *o)
{
	int64_t since_s = o->since_s >= 0 ? o->since_s : parse_since(SINCE);
	int64_t from_ms = clock_wall_ns() / NS_PER_MS - since_s * 1000;
	struct redis_url url = {0};
	struct wire_tls *tls = NULL;
	int status = server_choose(COMMAND, o->config, o->redis, &url, &tls);

	if (!status)
		status = inventory_read_redis(v, &url, tls, from_ms > 0 ? from_ms : 0);
	if (!status && !v->read)
		fprintf(stderr,
		        "leaktap inventory: %s holds no flow records of that time; `leaktap run --flows' "
		        "delivers "
		        "them\n",
		        url.shown);
	wire_tls_destroy(tls);
	redis_url_wipe(&url);
	return status;
}

static int read_all(struct inventory *v, struct settings *s, const struct options *o, int argc, char **argv)
{
	int status = EXIT_DONE;

	signal(SIGPIPE, SIG_IGN);
	if (o->n_captures)
		return read_captures(v, s, o);
	for (size_t i = 0; i < o->n_records && !status; i++)
		status = inventory_read_file(v, o->records[i]);
	if (o->n_records && !status && !v->read && v->unread) {
		fputs("leaktap inventory: no line is a flow record; `leaktap run --flows' writes them\n",
		        stderr);
		status = EXIT_FAILED;
	}
	if (!o->n_records) {
		status = read_server(v, o);
		hide_passwords(argc, argv);
	}
	return status;
}

/* Columns of the terminal; 0: the output goes elsewhere, and $COLUMNS does not say. */
static unsigned terminal_width(void)
{
	const char *set = getenv("COLUMNS");
	struct winsize size;
	unsigned n = 0;

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	for (; set && *set >= '0' && *set <= '9' && n < 10000; set++)
		n = n * 10 + (unsigned)(*set - '0');
	return n;
}

static void show(const struct inventory *v, const struct settings *s, int how)
{
	if (how == CSV)
		inventory_show_csv(v, stdout);
	else if (how == JSON)
		inventory_show_json(v, stdout);
	else if (how == REGISTER)
		inventory_show_register(v, s, stdout);
	else
		inventory_show_table(v, terminal_width(), stdout);
}

int command_inventory(int argc, char **argv)
{
	static struct options o = {.since_s = -1};
	struct inventory v = {0};
	struct settings *s;
	int status = read_options(&o, argc, argv);

	if (status)
		return status - 1;
	s = load(o.config);
	if (!s)
		return EXIT_USAGE;
	if (inventory_init(&v) < 0) {
		fputs("leaktap inventory: no memory\n", stderr);
		status = EXIT_FAILED;
	} else {
		v.settings = s;
		status = read_all(&v, s, &o, argc, argv);
	}
	/* what was read before a capture broke off is shown, as `run' tells it */
	if (!status || (status == EXIT_FAILED && o.n_captures)) {
		inventory_sort(&v);
		show(&v, s, o.show);
	}
	inventory_clear(&v);
	settings_drop(s);
	return status;
}
