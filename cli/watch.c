/* watch.c - leaktap watch: follows the alerts of all sensors in Redis, and what they say of themselves, and
 * shows them to a person. */
#include "alerts/client.h"
#include "alerts/output.h"
#include "alerts/record_read.h"
#include "alerts/resp.h"
#include "alerts/show.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/mark.h"
#include "cli/server.h"
#include "cli/silence.h"
#include "config/kinds.h"
#include "config/settings.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX   3072 /* of all sensors */
#define STREAMS_EACH  3    /* of one: they follow each other in watch.stream */
#define CLUSTER_MS    200  /* between rounds over the sensors of a Cluster that had nothing new */
#define SENSOR_NAME   80
#define ID_MAX        48
#define BLOCK_MS      1000 /* how long the server holds a read without news */
#define PAGE          256u /* entries of all streams that one read asks for: a reply has its limit */
#define REPLY_NS      (5 * NS_PER_S)
#define HISTORY_COUNT "20" /* entries of :health among which the newest heartbeat is looked for */
#define HEALTH_MS     86400000ll
#define REFRESH_NS    (5 * NS_PER_S)   /* between looks for new sensors */
#define HANG_NS       (2 * NS_PER_S)   /* a step takes BLOCK_MS; longer, and nobody could be heard */
#define FOREIGN_NS    (600 * NS_PER_S) /* between lines about foreign entries of one stream */
#define RETRY_MIN_MS  200u
#define RETRY_MAX_MS  5000u

struct followed {
	char key[SENSOR_NAME + 32]; /* leaktap:{name}:alerts, what people say of them (:marks), and :health */
	char last[ID_MAX];          /* the ID behind which to go on */
	char sensor[SENSOR_NAME + 1];
	bool health;
	uint64_t history_ms;            /* :health: entries up to there are older than our looking at it */
	uint64_t foreign, foreign_told; /* entries that are no records of leaktap */
	char foreign_first[ID_MAX];
	int64_t foreign_ns, untold_ns; /* when they were told of, and when the first came since */
};

struct watch {
	struct redis_url url;
	struct wire_tls *tls;
	struct client *client;
	struct resp *conn; /* of the last question */
	enum resp_class class;
	struct followed *stream;
	size_t n_streams;
	int64_t refreshed_ns;
	bool all;             /* from the beginning of each stream */
	uint64_t since_ms;    /* else from there; 0: only what is new */
	bool first_look_done; /* sensors found later are followed from their beginning */
	bool json, follow, suppressed, health;
	int min_severity;
	uint64_t count, shown; /* count 0: no end */
	struct show show;
	struct silence *silence;
};

static const char usage[] =
        "usage: leaktap watch [-c FILE] [--redis URL] [--since 15m] [--min-severity high] [--json]\n\n"
        "Follows the alerts of all sensors in Redis, one block each, and what the sensors say of "
        "themselves.\n"
        "One that gives no sign for three heartbeats, is back, or was stopped, is told on standard error.\n\n"
        "  -c, --config FILE    settings, for the Redis URL, its password and certificates\n"
        "      --redis URL      redis://[user@]host[:port][/db], rediss://... (TLS), unix:///path,\n"
        "                       redis+sentinel://host[,host...]/master, redis+cluster://host[,host...];\n"
        "                       the password is better in the settings' file or $LEAKTAP_REDIS_PASSWORD\n"
        "      --since TIME     begin so long ago: 90s, 15m, 2h, 1d (else: only what is new)\n"
        "      --min-severity S info, low, medium, high or critical\n"
        "      --json           the records as JSON lines\n"
        "      --count N        end after N alerts\n"
        "      --no-follow      show what is there (all of it without --since), then end\n"
        "      --suppressed     also alerts that a rule of alerts.suppress keeps quiet\n"
        "      --health         also heartbeats, a line each\n\n"
        "       leaktap watch [-c FILE] [--redis URL] --ack ID | --false-positive ID [--note TEXT] [--by "
        "NAME]\n\n"
        "Says to all who watch that the alert is taken, or that it was none; the first one to take it has "
        "it.\n\n"
        "      --ack ID         the alert with this id (fra1/17) is being looked after\n"
        "      --false-positive ID  it was none: shows the rule that would have suppressed it, if one is\n"
        "                       narrow enough\n"
        "      --note TEXT      why, for the others\n"
        "      --by NAME        who says so (else user@host)\n\n"
        "exit status: 0 done, 1 Redis cannot be reached (only with --no-follow) or refuses, 2 wrong usage\n";

/* ---- showing ---------------------------------------------------------------------------------------------
 */

/* That something is over is as important as that it began. */
static int severity_of(struct record_value r)
{
	char text[32];
	int kind;

	record_string(record_get(r, "state"), text, sizeof(text));
	if (!strcmp(text, "ended")) {
		record_string(record_get(r, "kind"), text, sizeof(text));
		kind = alert_kind_by_name(text);
		if (kind >= 0)
			return (int)alert_kind_severity((enum alert_kind)kind);
	}
	record_string(record_get(r, "severity"), text, sizeof(text));
	return *text ? severity_by_name(text) : SEVERITY_CRITICAL; /* marks have none */
}

static bool wanted(const struct watch *w, const char *json, size_t n)
{
	struct record_value r;

	if (w->min_severity <= 0 && w->suppressed)
		return true;
	r = record_parse(json, n);
	if (!w->suppressed && record_get(r, "suppressed").type != RECORD_NONE)
		return false;
	return w->min_severity <= 0 || severity_of(r) >= w->min_severity;
}

/* One line that does nothing to a terminal: JSON writes control characters as escapes (RFC 8259 7). */
static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return true;
}

/* A line of our own, with the time (UTC): it may be read in the morning. */
static void say(const char *fmt, ...)
{
	char now[TIME_TEXT_MAX];
	va_list ap;

	fprintf(stderr, "leaktap watch: %.19sZ: ", time_format(clock_wall_ns(), now));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void count_foreign(struct followed *f)
{
	if (f->foreign == f->foreign_told)
		f->untold_ns = clock_mono_ns();
	if (!f->foreign++)
		snprintf(f->foreign_first, sizeof(f->foreign_first), "%s", f->last);
}

/* One line for a stream, when no more come for now, and again with the new count only now and then. */
static void tell_foreign(struct watch *w, bool more, bool last)
{
	int64_t now_ns = clock_mono_ns();

	for (size_t i = 0; i < w->n_streams; i++) {
		struct followed *f = &w->stream[i];
		char key[sizeof(f->key)];

		if (f->foreign == f->foreign_told)
			continue;
		if (!last && (!w->follow || (more && now_ns - f->untold_ns < HANG_NS) ||
		                     (f->foreign_told && now_ns - f->foreign_ns < FOREIGN_NS)))
			continue;
		snprintf(key, sizeof(key), "%s", f->key);
		for (char *p = key; *p; p++)
			if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
				*p = '?';
		say("%s: %" PRIu64 " %s no record of leaktap: passed over; the first is %s", key, f->foreign,
		        f->foreign == 1 ? "entry is" : "entries are", f->foreign_first);
		f->foreign_told = f->foreign;
		f->foreign_ns = now_ns;
	}
}

/* Returns false when the last alert asked for was shown, or nobody reads any more. */
static bool show_one(struct watch *w, struct followed *f, const char *json, size_t n)
{
	char type[8];

	if (!wanted(w, json, n))
		return true;
	record_string(record_get(record_parse(json, n), "type"), type, sizeof(type));
	if (w->json && record_parse(json, n).type == RECORD_OBJECT && is_plain(json, n)) {
		fwrite(json, 1, n, stdout);
		putchar('\n');
	} else if (w->json || !show_record(&w->show, json, n)) {
		count_foreign(f);
	}
	w->shown += !strcmp(type, "alert");
	return (!w->count || w->shown != w->count) && !ferror(stdout);
}

static bool is_heartbeat(const redisReply *json)
{
	char kind[16];

	record_string(record_get(record_parse(json->str, json->len), "kind"), kind, sizeof(kind));
	return !strcmp(kind, "sensor.health");
}

/* The record of a stream's entry [id, [name, value, ...]]; NULL when there is none, or it was trimmed away.
 */
static const redisReply *record_of(const redisReply *entry)
{
	const redisReply *words = entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
	                                          entry->element[0]->type == REDIS_REPLY_STRING
	                                  ? entry->element[1]
	                                  : NULL;

	if (!words || words->type != REDIS_REPLY_ARRAY)
		return NULL;
	for (size_t i = 0; i + 1 < (size_t)words->elements; i += 2)
		if (words->element[i]->type == REDIS_REPLY_STRING &&
		        !strcmp(words->element[i]->str, "json") &&
		        words->element[i + 1]->type == REDIS_REPLY_STRING)
			return words->element[i + 1];
	return NULL;
}

static uint64_t id_ms(const redisReply *entry)
{
	return strtoull(entry->element[0]->str, NULL, 10);
}

static bool take_entry(struct watch *w, struct followed *f, const redisReply *entry)
{
	const redisReply *json = record_of(entry);

	if (entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
	        entry->element[0]->type == REDIS_REPLY_STRING)
		snprintf(f->last, sizeof(f->last), "%s", entry->element[0]->str);
	if (!json) {
		count_foreign(f);
		return true;
	}
	if (f->health && is_heartbeat(json)) {
		if (w->follow && id_ms(entry) > f->history_ms)
			silence_heard(w->silence, f->sensor, json->str, json->len, 0, clock_mono_ns());
		if (!w->health)
			return true;
	}
	return show_one(w, f, json->str, json->len);
}

/* ---- asking ----------------------------------------------------------------------------------------------
 */

static bool connect_for(struct watch *w, const char *key, struct err *e)
{
	w->conn = client_for(w->client, key, &w->class, e);
	if (!w->conn)
		return false;
	w->class = RESP_MOVE;
	return true;
}

/* The reply, or NULL and e; an error reply is an error.  The second word is the key. */
static redisReply *ask(struct watch *w, const char *const *words, struct err *e)
{
	redisReply *r =
	        connect_for(w, words[1], e) ? resp_ask(w->conn, words, clock_mono_ns() + REPLY_NS, e) : NULL;

	if (r && r->type == REDIS_REPLY_ERROR) {
		w->class = resp_class_of(r->str);
		err_set(e, "%.200s", r->str);
		freeReplyObject(r);
		return NULL;
	}
	return r;
}

/* When the sensor was last heard of before we came. */
static int look_back(struct watch *w, struct followed *f, struct err *e)
{
	int64_t wall_ms = clock_wall_ns() / NS_PER_MS;
	redisReply *r =
	        ask(w, (const char *[]){"XREVRANGE", f->key, "+", "-", "COUNT", HISTORY_COUNT, NULL}, e);

	if (!r)
		return -1;
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < (size_t)r->elements; i++) {
		const redisReply *json = record_of(r->element[i]);

		if (!json)
			continue;
		if (!f->history_ms)
			f->history_ms = id_ms(r->element[i]);
		if (!is_heartbeat(json))
			continue;
		silence_heard(w->silence, f->sensor, json->str, json->len,
		        (wall_ms - (int64_t)id_ms(r->element[i])) * NS_PER_MS, clock_mono_ns());
		break;
	}
	freeReplyObject(r);
	return 0;
}

/* Where to begin with a stream. */
static int begin_at(struct watch *w, struct followed *f, struct err *e)
{
	redisReply *r;

	if (f->health && w->follow && look_back(w, f, e) < 0)
		return -1;
	if (w->all && f->health && !w->health) { /* a year of heartbeats is not read to be passed over */
		snprintf(f->last, sizeof(f->last), "%" PRId64 "-0",
		        (int64_t)(clock_wall_ns() / NS_PER_MS - HEALTH_MS));
		return 0;
	}
	if (w->all || w->first_look_done) {
		strcpy(f->last, "0-0");
		return 0;
	}
	if (w->since_ms) {
		snprintf(f->last, sizeof(f->last), "%" PRIu64 "-0", w->since_ms);
		return 0;
	}
	r = ask(w, (const char *[]){"XREVRANGE", f->key, "+", "-", "COUNT", "1", NULL}, e);
	if (!r)
		return -1;
	strcpy(f->last, "0-0");
	if (r->type == REDIS_REPLY_ARRAY && r->elements == 1 && r->element[0]->type == REDIS_REPLY_ARRAY &&
	        r->element[0]->elements >= 1 && r->element[0]->element[0]->type == REDIS_REPLY_STRING)
		snprintf(f->last, sizeof(f->last), "%s", r->element[0]->element[0]->str);
	freeReplyObject(r);
	return 0;
}

static int add_stream(struct watch *w, const char *name, const char *what, struct err *e)
{
	struct followed *f = &w->stream[w->n_streams];

	if (w->n_streams == STREAMS_MAX)
		return 0;
	*f = (struct followed){.health = !strcmp(what, "health")};
	snprintf(f->sensor, sizeof(f->sensor), "%s", name);
	snprintf(f->key, sizeof(f->key), "leaktap:{%s}:%s", name, what);
	for (size_t i = 0; i < w->n_streams; i++)
		if (!strcmp(w->stream[i].key, f->key))
			return 0;
	if (begin_at(w, f, e) < 0)
		return -1;
	w->n_streams++;
	return 0;
}

static int add_sensor(struct watch *w, const char *name, size_t n, struct err *e)
{
	size_t before;

	if (!n || n > SENSOR_NAME || strlen(name) != n || w->n_streams + STREAMS_EACH > STREAMS_MAX)
		return 0;
	before = w->n_streams;
	if (add_stream(w, name, "alerts", e) < 0 || add_stream(w, name, "marks", e) < 0 ||
	        add_stream(w, name, "health", e) < 0) {
		w->n_streams = before; /* all or none */
		return -1;
	}
	return 0;
}

static int refresh_sensors(struct watch *w, struct err *e)
{
	redisReply *r;
	int ret = 0;

	if (w->refreshed_ns && clock_mono_ns() - w->refreshed_ns < REFRESH_NS && w->n_streams)
		return 0;
	r = ask(w, (const char *[]){"SMEMBERS", "leaktap:sensors", NULL}, e);
	if (!r)
		return -1;
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < (size_t)r->elements && !ret; i++)
		if (r->element[i]->type == REDIS_REPLY_STRING)
			ret = add_sensor(w, r->element[i]->str, (size_t)r->element[i]->len, e);
	freeReplyObject(r);
	if (!ret) {
		w->refreshed_ns = clock_mono_ns();
		w->first_look_done = true;
	}
	return ret;
}

/* What XREAD answered; *n: entries. */
static int take_streams(struct watch *w, const redisReply *r, size_t *n)
{
	int ret = 1;

	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < (size_t)r->elements && ret == 1; i++) {
		const redisReply *stream = r->element[i];

		if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
		        stream->element[0]->type != REDIS_REPLY_STRING ||
		        stream->element[1]->type != REDIS_REPLY_ARRAY)
			continue;
		for (size_t s = 0; s < w->n_streams; s++) {
			if (strcmp(w->stream[s].key, stream->element[0]->str))
				continue;
			for (size_t k = 0; k < (size_t)stream->element[1]->elements && ret == 1; k++, (*n)++)
				ret = take_entry(w, &w->stream[s], stream->element[1]->element[k]);
		}
	}
	return ret;
}

/* XREAD over `many` streams from the first on; *n: entries that came.  1: go on, 0: enough was shown, -1: e.
 */
static int read_some(struct watch *w, size_t first, size_t many, bool wait, size_t *n, struct err *e)
{
	static const char *argv[6 + 2 * STREAMS_MAX];
	static size_t len[6 + 2 * STREAMS_MAX];
	char block[8], page[8];
	const char *head[] = {"XREAD", "COUNT", page, "BLOCK", block, "STREAMS"};
	size_t a = 0;
	redisReply *r;
	int ret;

	snprintf(block, sizeof(block), "%d", BLOCK_MS);
	snprintf(page, sizeof(page), "%zu", many < PAGE ? PAGE / many : 1);
	for (size_t i = 0; i < 6; i++)
		if (wait || i < 3 || i > 4)
			argv[a++] = head[i];
	for (size_t i = 0; i < many; i++) {
		argv[a + i] = w->stream[first + i].key;
		argv[a + many + i] = w->stream[first + i].last;
	}
	a += 2 * many;
	for (size_t i = 0; i < a; i++)
		len[i] = strlen(argv[i]);
	if (!connect_for(w, w->stream[first].key, e))
		return -1;
	if (resp_add(w->conn, (int)a, argv, len) < 0)
		return err_set(e, "no memory");
	if (resp_send(w->conn, clock_mono_ns() + REPLY_NS, e) < 0)
		return -1;
	r = resp_read(w->conn, clock_mono_ns() + BLOCK_MS * NS_PER_MS + REPLY_NS, e);
	if (!r)
		return -1;
	if (r->type == REDIS_REPLY_ERROR) {
		w->class = resp_class_of(r->str);
		ret = err_set(e, "%.200s", r->str);
	} else {
		ret = take_streams(w, r, n);
	}
	freeReplyObject(r);
	return ret;
}

/* One XREAD for all; in a Cluster, where keys live apart, one for the streams of each sensor. */
static int read_streams(struct watch *w, size_t *n, struct err *e)
{
	const struct timespec pause = {.tv_nsec = CLUSTER_MS * NS_PER_MS};
	int ret = 1;

	*n = 0;
	if (w->url.kind != REDIS_CLUSTER)
		return read_some(w, 0, w->n_streams, w->follow, n, e);
	for (size_t i = 0; i < w->n_streams && ret == 1; i += STREAMS_EACH)
		ret = read_some(w, i, STREAMS_EACH, w->follow && w->n_streams == STREAMS_EACH, n, e);
	if (ret == 1 && !*n && w->follow && w->n_streams > STREAMS_EACH)
		nanosleep(&pause, NULL);
	return ret;
}

/* ---- the loop --------------------------------------------------------------------------------------------
 */

/* 1: there may be more, 0: done, -1: e. */
static int step(struct watch *w, struct err *e)
{
	int64_t begun_ns = clock_mono_ns();
	size_t n = 0;
	int ret;

	w->class = RESP_MOVE;
	if (client_moved(w->client, e) || refresh_sensors(w, e) < 0)
		return -1;
	if (!w->n_streams && w->follow) {
		const struct timespec pause = {.tv_nsec = BLOCK_MS / 2 * NS_PER_MS};

		nanosleep(&pause, NULL);
		return 1;
	}
	if (!w->n_streams)
		return 0;
	ret = read_streams(w, &n, e);
	tell_foreign(w, n > 0, false);
	if (ret == 1 && w->follow) {
		int64_t now_ns = clock_mono_ns();

		if (now_ns - begun_ns > BLOCK_MS * NS_PER_MS + HANG_NS)
			silence_deaf(w->silence, now_ns);
		silence_look(w->silence, now_ns);
	}
	if (fflush(stdout))
		return 0;
	return ret == 1 && !n && !w->follow ? 0 : ret;
}

static void pause_ms(unsigned ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * NS_PER_MS};

	nanosleep(&t, NULL);
}

static int watch_loop(struct watch *w)
{
	unsigned retry_ms = RETRY_MIN_MS;
	bool away = false;

	for (;;) {
		struct err e = {.text = ""};
		int ret = step(w, &e);

		if (!ret) {
			tell_foreign(w, false, true);
			return EXIT_DONE;
		}
		if (ret > 0) {
			if (away)
				say("%s is back", w->url.shown);
			away = false;
			retry_ms = RETRY_MIN_MS;
			continue;
		}
		client_reset(w->client, e.text);
		if (!w->follow || w->class == RESP_PERSON) {
			fprintf(stderr, "leaktap watch: %s: %s\n", w->url.shown, e.text);
			return EXIT_FAILED;
		}
		if (!away)
			say("%s: %s; trying again until it is back", w->url.shown, e.text);
		silence_deaf(w->silence, clock_mono_ns()); /* what is read next counts as heard after it */
		away = true;
		pause_ms(retry_ms);
		retry_ms = retry_ms * 2 < RETRY_MAX_MS ? retry_ms * 2 : RETRY_MAX_MS;
	}
}

/* ---- options ---------------------------------------------------------------------------------------------
 */

struct options {
	const char *config, *redis, *ack, *false_positive, *note, *by;
	int64_t since_s; /* -1: not given */
};

static int parse_options(int argc, char **argv, struct watch *w, struct options *o)
{
	enum {
		REDIS = 256,
		SINCE,
		SEVERITY,
		JSON,
		COUNT,
		NO_FOLLOW,
		SUPPRESSED,
		HEALTH,
		ACK,
		FALSE_POSITIVE,
		NOTE,
		BY
	};
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	        {"redis", required_argument, NULL, REDIS}, {"since", required_argument, NULL, SINCE},
	        {"min-severity", required_argument, NULL, SEVERITY}, {"json", no_argument, NULL, JSON},
	        {"count", required_argument, NULL, COUNT}, {"no-follow", no_argument, NULL, NO_FOLLOW},
	        {"suppressed", no_argument, NULL, SUPPRESSED}, {"health", no_argument, NULL, HEALTH},
	        {"ack", required_argument, NULL, ACK},
	        {"false-positive", required_argument, NULL, FALSE_POSITIVE},
	        {"note", required_argument, NULL, NOTE}, {"by", required_argument, NULL, BY},
	        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char *end;
	int c;

	optind = 0; /* getopt starts anew */
	while ((c = getopt_long(argc, argv, ":c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case REDIS:
			o->redis = optarg;
			break;
		case SINCE:
			o->since_s = parse_since(optarg);
			if (o->since_s < 0)
				return usage_error("watch", "--since is a number and s, m, h or d: 15m");
			break;
		case SEVERITY:
			w->min_severity = severity_by_name(optarg);
			if (w->min_severity < 0)
				return usage_error(
				        "watch", "--min-severity is info, low, medium, high or critical");
			break;
		case JSON:
			w->json = true;
			break;
		case COUNT:
			errno = 0;
			w->count = strtoull(optarg, &end, 10);
			if (errno || *end || !w->count || *optarg == '-')
				return usage_error("watch", "--count is a number from 1 on");
			break;
		case NO_FOLLOW:
			w->follow = false;
			break;
		case SUPPRESSED:
			w->suppressed = true;
			break;
		case HEALTH:
			w->health = true;
			break;
		case ACK:
			o->ack = optarg;
			break;
		case FALSE_POSITIVE:
			o->false_positive = optarg;
			break;
		case NOTE:
			o->note = optarg;
			break;
		case BY:
			o->by = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return option_error("watch", c, argv);
		}
	}
	if (optind < argc)
		return usage_error("watch", "what is `%s'?", argv[optind]);
	if (o->ack && o->false_positive)
		return usage_error("watch", "--ack and --false-positive exclude each other");
	if ((o->note || o->by) && !o->ack && !o->false_positive)
		return usage_error("watch", "--note and --by belong to --ack ID or --false-positive ID");
	if (o->by && !*o->by)
		return usage_error("watch", "--by needs a name");
	return EXIT_DONE;
}

static int mark(struct watch *w, const struct options *o)
{
	char host[HOST_NAME_MAX + 1] = "", by[HOST_NAME_MAX + 80];
	const struct passwd *user = getpwuid(getuid());
	struct mark m = {.alert = o->ack ? o->ack : o->false_positive,
	        .state = o->ack ? MARK_TAKEN : MARK_FALSE_POSITIVE,
	        .by = by,
	        .note = o->note ? o->note : ""};

	(void)gethostname(host, sizeof(host) - 1);
	if (o->by)
		snprintf(by, sizeof(by), "%s", o->by);
	else
		snprintf(by, sizeof(by), "%.64s@%s", user ? user->pw_name : "somebody", host);
	return mark_set(w->client, &m, w->url.shown);
}

static void prepare_terminal(struct watch *w)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO);
	struct winsize size;

	setlocale(LC_CTYPE, "");
	w->show.out = stdout;
	w->show.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	/* https://no-color.org: present and not empty */
	w->show.colour = terminal && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb"));
	if (terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		w->show.width = size.ws_col;
}

int command_watch(int argc, char **argv)
{
	static struct followed streams[STREAMS_MAX];
	struct watch w = {.stream = streams, .follow = true};
	struct options o = {.since_s = -1};
	struct err e = {.text = ""};
	int ret = parse_options(argc, argv, &w, &o);

	if (ret)
		return ret < 0 ? EXIT_DONE : ret;
	if (o.since_s >= 0) {
		int64_t from = clock_wall_ns() / NS_PER_MS - o.since_s * 1000;

		w.since_ms = from > 0 ? (uint64_t)from : 1;
	}
	w.all = !w.follow && o.since_s < 0;
	ret = server_choose("watch", o.config, o.redis, &w.url, &w.tls);
	if (ret)
		return ret;
	hide_passwords(argc, argv);
	signal(SIGPIPE, SIG_IGN); /* a server or a reader that is gone is an error of the write */
	prepare_terminal(&w);
	w.client = client_create(&w.url, w.tls, "leaktap-watch", &e);
	w.silence = silence_create(stderr);
	if (!w.client || !w.silence)
		fprintf(stderr, "leaktap watch: %s\n", w.client ? "no memory" : e.text);
	ret = !w.client || !w.silence     ? EXIT_FAILED
	      : o.ack || o.false_positive ? mark(&w, &o)
	                                  : watch_loop(&w);
	client_destroy(w.client);
	silence_destroy(w.silence);
	wire_tls_destroy(w.tls);
	redis_url_wipe(&w.url);
	return ret;
}
