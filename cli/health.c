/* health.c - see health.h: one row a condition, each with a function that looks at one subject of it. */
#include "cli/health.h"

#include "config/kinds.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MILLION         1000000u
#define DROPS_LEAST     10  /* a few on a quiet line are no rate yet; with a bound of 0 they are */
#define QUEUE_FULL      800 /* thousandths */
#define QUEUE_RELAXED   500
#define LOG_FULL        80 /* per cent of the log in use, and of what is in it not delivered */
#define LOG_RELAXED     60
#define SEVERAL_LOOKS   3
#define A_MINUTE_OF_10S 6

enum look { FINE, NEITHER, WRONG };

uint64_t health_refused(const struct worker_stats *s)
{
	return s->flows.ended[FLOW_EVICTED] + s->fragments.evicted + s->classify.refused_flows +
	       s->classify.refused_bodies + s->classify.refused_decoders + s->classify.tcp.refused_streams;
}

uint64_t health_dropped(const struct health_view *v)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < v->n_interfaces; i++)
		sum += v->interface[i].dropped_ring + v->interface[i].dropped_interface;
	return sum;
}

static void count(struct health_change *c, const char *name, uint64_t value)
{
	if (c->n == HEALTH_COUNTERS)
		return;
	c->names[c->n] = name;
	c->values[c->n++] = value;
}

static void say(struct health_change *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct health_change *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->summary, sizeof(c->summary), fmt, ap);
	va_end(ap);
}

static uint64_t seconds(int64_t ns)
{
	return ns > 0 ? (uint64_t)(ns / NS_PER_S) : 0;
}

/* ---- the conditions: what is found at one subject, and in *c how to say that it is wrong -----------------
 */

static unsigned one(const struct health *h)
{
	(void)h;
	return 1;
}

static enum look look_drops(struct health *h, unsigned i, struct health_change *c)
{
	uint64_t dropped = health_dropped(&h->now) - health_dropped(&h->was);
	uint64_t received = h->now.total.source.received - h->was.total.source.received;
	uint64_t all = dropped + received, bound = h->settings->health.drops_per_million;

	(void)i;
	count(c, "dropped", dropped);
	count(c, "received", received);
	say(c,
	        "%" PRIu64 " of %" PRIu64 " packets (%.3f %%) were lost in %" PRIu64
	        " s before the sensor could read them; raise capture.ring_mb or capture.workers, or narrow "
	        "capture.filter",
	        dropped, all, all ? 100.0 * (double)dropped / (double)all : 0.0,
	        seconds(h->now.now_ns - h->was.now_ns + NS_PER_S / 2));
	if (dropped >= (bound ? DROPS_LEAST : 1) && dropped * MILLION > bound * all)
		return WRONG;
	return dropped * 2 * MILLION <= bound * all ? FINE : NEITHER;
}

static unsigned interfaces(const struct health *h)
{
	return h->now.n_interfaces;
}

static enum look look_silence(struct health *h, unsigned i, struct health_change *c)
{
	const struct health_interface *now = &h->now.interface[i], *was = &h->was.interface[i];
	int64_t quiet_ns;

	snprintf(c->about, sizeof(c->about), "%s", now->name);
	if (now->received != was->received || now->dropped_ring != was->dropped_ring)
		h->packet_ns[i] = h->now.now_ns;
	quiet_ns = h->now.now_ns - h->packet_ns[i];
	count(c, "silent_s", seconds(quiet_ns));
	say(c,
	        "%s has delivered no packet for %" PRIu64
	        " s; see whether the link is up and the switch still mirrors to it (ip -s link show %s)",
	        now->name, seconds(quiet_ns), now->name);
	if (now->failed) {
		say(c, "%s went down or away and is no longer read; bring it back, then restart the sensor",
		        now->name);
		return WRONG;
	}
	if (h->settings->health.silence_s && quiet_ns >= h->settings->health.silence_s * NS_PER_S)
		return WRONG;
	return FINE;
}

static unsigned workers(const struct health *h)
{
	return h->now.n_workers;
}

static enum look look_worker(struct health *h, unsigned i, struct health_change *c)
{
	int64_t quiet_ns = h->now.now_ns - h->now.worker[i].seen_ns;

	snprintf(c->about, sizeof(c->about), "worker %u", i);
	count(c, "silent_s", seconds(quiet_ns));
	say(c,
	        "worker %u has read no packets for %" PRIu64
	        " s: it hangs or gets no processor time, and what it should read is being lost; see the load "
	        "of the machine, else restart the sensor and report it",
	        i, seconds(quiet_ns));
	return !h->now.worker[i].done && quiet_ns > HEALTH_STALL_NS ? WRONG : FINE;
}

static enum look look_memory(struct health *h, unsigned i, struct health_change *c)
{
	const struct worker_stats *now = &h->now.total, *was = &h->was.total;
	uint64_t all = health_refused(now) - health_refused(was);

	(void)i;
	count(c, "flows_evicted", now->flows.ended[FLOW_EVICTED] - was->flows.ended[FLOW_EVICTED]);
	count(c, "flows_refused",
	        now->classify.refused_flows + now->classify.tcp.refused_streams -
	                was->classify.refused_flows - was->classify.tcp.refused_streams);
	count(c, "bodies_refused", now->classify.refused_bodies - was->classify.refused_bodies);
	count(c, "decoders_refused", now->classify.refused_decoders - was->classify.refused_decoders);
	count(c, "fragments_evicted", now->fragments.evicted - was->fragments.evicted);
	say(c,
	        "Limits of memory were reached: %" PRIu64 " flows ended early, %" PRIu64
	        " connections, %" PRIu64 " bodies and %" PRIu64
	        " codings were not read; raise limits.flows, .inspected, .bodies, .decode_mb or "
	        ".fragments_mb, or give the sensor less to read",
	        c->values[0], c->values[1], c->values[2], c->values[3]);
	return all ? WRONG : FINE;
}

static unsigned queues(const struct health *h)
{
	return h->now.alerts.n_queues;
}

static enum look look_queue(struct health *h, unsigned i, struct health_change *c)
{
	const struct queue_state *now = &h->now.alerts.queue[i];
	uint64_t lost = now->lost - h->was.alerts.queue[i].lost;

	if (i + 1 < h->now.alerts.n_queues)
		snprintf(c->about, sizeof(c->about), "worker %u", i);
	else
		snprintf(c->about, sizeof(c->about), "sensor");
	count(c, "waiting", now->most);
	count(c, "limit", now->limit);
	count(c, "lost", lost);
	say(c,
	        "The queue of records of %s was %u %% full, %" PRIu64
	        " were lost; the log's disk is too slow for so many, or too many are told: see "
	        "evidence.directory, alerts.suppress and limits.queue",
	        c->about, now->fullness / 10, lost);
	if (lost || now->fullness >= QUEUE_FULL)
		return WRONG;
	return now->fullness < QUEUE_RELAXED ? FINE : NEITHER;
}

/* The writer takes from every queue in turn, also when the log cannot be written. */
static enum look look_writer(struct health *h, unsigned i, struct health_change *c)
{
	uint64_t waiting = 0, taken = 0, before = 0;

	(void)i;
	for (unsigned k = 0; k < h->now.alerts.n_queues; k++) {
		waiting += h->now.alerts.queue[k].waiting;
		taken += h->now.alerts.queue[k].taken;
		before += h->was.alerts.queue[k].taken;
	}
	if (!waiting || taken != before)
		h->writer_ns = h->now.now_ns;
	count(c, "waiting", waiting);
	count(c, "silent_s", seconds(h->now.now_ns - h->writer_ns));
	say(c,
	        "Nothing was written into the log for %" PRIu64
	        " s although records wait: its disk hangs; see dmesg, and the disk of evidence.directory",
	        seconds(h->now.now_ns - h->writer_ns));
	return h->now.now_ns - h->writer_ns >= HEALTH_STALL_NS ? WRONG : FINE;
}

static enum look look_log(struct health *h, unsigned i, struct health_change *c)
{
	const struct alerts_state *a = &h->now.alerts;

	(void)i;
	count(c, "failing_s", (uint64_t)a->log_failing_ms / 1000);
	count(c, "lost", a->stats.lost_log);
	say(c,
	        "The log cannot be written (for %" PRIu64 " s, %" PRIu64
	        " records lost); make room on its disk or repair it: the sensor goes on by itself",
	        (uint64_t)a->log_failing_ms / 1000, a->stats.lost_log);
	return a->log_failing ? WRONG : FINE;
}

static enum look look_full(struct health *h, unsigned i, struct health_change *c)
{
	const struct alerts_state *a = &h->now.alerts;
	uint64_t kept = a->log_last + 1 > a->log_first ? a->log_last + 1 - a->log_first : 0;
	uint64_t used = a->log_limit ? a->log_bytes * 100 / a->log_limit : 0;
	uint64_t untaken = kept ? a->log_untaken * 100 / kept : 0;
	char gone[64] = "";

	(void)i;
	count(c, "used_percent", used);
	count(c, "undelivered", a->log_untaken);
	count(c, "oldest_index", a->log_first);
	count(c, "gone", a->log_gone);
	if (a->log_gone)
		snprintf(gone, sizeof(gone), "%" PRIu64 " older ones are lost already, and ", a->log_gone);
	say(c,
	        "The log is %" PRIu64 " %% full and %" PRIu64
	        " of its records are not delivered: %sthe oldest of them go next; bring the outputs back or "
	        "raise alerts.spool.max_mb",
	        used, a->log_untaken, gone);
	if (a->log_gone > h->was.alerts.log_gone || (used >= LOG_FULL && untaken >= LOG_FULL))
		return WRONG;
	return used < LOG_RELAXED || untaken < LOG_RELAXED ? FINE : NEITHER;
}

static unsigned outputs(const struct health *h)
{
	return (unsigned)h->now.alerts.n_outputs;
}

static enum look look_delivery(struct health *h, unsigned i, struct health_change *c)
{
	const struct output_state *o = &h->now.alerts.output[i];
	uint64_t lost = o->lost - h->was.alerts.output[i].lost,
	         bound_ms = h->settings->health.lag_s * 1000ull;
	/* what an earlier run left is not late before this one had the time to deliver it */
	uint64_t run_ms = (uint64_t)((h->now.now_ns - h->begun_ns) / NS_PER_MS), lag_ms = (uint64_t)o->lag_ms;
	uint64_t late_ms = lag_ms < run_ms ? lag_ms : run_ms;
	char gone[128] = "nothing is lost yet, the log has them";

	snprintf(c->about, sizeof(c->about), "%s", o->name);
	count(c, "lag_ms", lag_ms);
	count(c, "waiting", o->waiting);
	count(c, "lost", lost);
	count(c, "gone", o->gone);
	if (o->gone)
		snprintf(gone, sizeof(gone),
		        "%" PRIu64 " older ones are lost, for the log was full (alerts.spool.max_mb)",
		        o->gone);
	if (lost)
		say(c, "%s loses records (%" PRIu64 " since the last look%s%s); repair it: the log has them",
		        o->name, lost, *o->trouble ? ", " : "", o->trouble);
	else
		say(c,
		        "%" PRIu64 " records wait for %s, the oldest for %" PRIu64
		        " s (%s%s%s); see that it is up and fast enough: %s",
		        o->waiting, o->name, lag_ms / 1000, o->connected ? "connected" : "not connected",
		        *o->trouble && !o->connected ? ": " : "", o->connected ? "" : o->trouble, gone);
	if (lost || (bound_ms && late_ms > bound_ms))
		return WRONG;
	return !bound_ms || late_ms <= bound_ms / 2 ? FINE : NEITHER;
}

static const struct {
	const char *name;
	int kind;
	unsigned clean; /* looks in a row that must find nothing before it is over */
	const char *over;
	unsigned (*subjects)(const struct health *h);
	enum look (*look)(struct health *h, unsigned subject, struct health_change *c);
} conditions[HEALTH_CONDITIONS] = {
        [HEALTH_DROPS] = {"drops", ALERT_SENSOR_DROPS, SEVERAL_LOOKS, "No packets are lost any more", one,
                look_drops},
        [HEALTH_SILENCE] = {"silence", ALERT_SENSOR_SILENCE, 1, "Packets come again", interfaces,
                look_silence},
        [HEALTH_WORKER] = {"worker", ALERT_SENSOR_STALL, 1, "It reads packets again", workers, look_worker},
        [HEALTH_MEMORY] = {"memory", ALERT_SENSOR_MEMORY, A_MINUTE_OF_10S, "Everything finds room again", one,
                look_memory},
        [HEALTH_QUEUE] = {"queue", ALERT_SENSOR_GAP, SEVERAL_LOOKS, "The queue has room again", queues,
                look_queue},
        [HEALTH_WRITER] = {"writer", ALERT_SENSOR_STALL, 1, "Records are written again", one, look_writer},
        [HEALTH_LOG] = {"log", ALERT_SENSOR_GAP, 1, "The log is written again", one, look_log},
        [HEALTH_FULL] = {"full", ALERT_SENSOR_GAP, 1, "The log has room again", one, look_full},
        [HEALTH_DELIVERY] = {"delivery", ALERT_SENSOR_DELIVERY, 2, "Records are delivered in time again",
                outputs, look_delivery},
};

const char *health_condition_name(enum health_condition c)
{
	return (unsigned)c < HEALTH_CONDITIONS ? conditions[c].name : "";
}

/* ---- from look to look -----------------------------------------------------------------------------------
 */

void health_init(struct health *h, const struct settings *s)
{
	memset(h, 0, sizeof(*h));
	h->settings = s;
}

static void begin(struct health *h)
{
	h->begun = true;
	h->begun_ns = h->now.now_ns;
	h->was = h->now;
	h->writer_ns = h->now.now_ns;
	for (unsigned i = 0; i < WORKER_SOURCES_MAX; i++)
		h->packet_ns[i] = h->now.now_ns;
}

/* True when that is to be told. */
static bool take(struct health *h, unsigned what, unsigned i, enum look f, struct health_change *c)
{
	bool on = h->subject[what][i].on;
	int64_t since_ns = h->subject[what][i].since_ns;

	h->subject[what][i].clean = f == FINE ? h->subject[what][i].clean + 1 : 0;
	c->began = !on && f == WRONG;
	if (!c->began && !(on && h->subject[what][i].clean >= conditions[what].clean))
		return false;
	h->subject[what][i].on = c->began;
	h->subject[what][i].since_ns = h->now.now_ns;
	if (c->began)
		return true;
	c->n = 0;
	count(c, "lasted_s", seconds(h->now.now_ns - since_ns));
	say(c, "%s%s%s%s, after %" PRIu64 " s", conditions[what].over, *c->about ? " (" : "", c->about,
	        *c->about ? ")" : "", c->values[0]);
	return true;
}

void health_step(struct health *h, void (*tell)(void *arg, const struct health_change *c), void *arg)
{
	if (!h->begun)
		begin(h);
	for (unsigned what = 0; what < HEALTH_CONDITIONS; what++)
		for (unsigned i = 0; i < conditions[what].subjects(h) && i < HEALTH_SUBJECTS_MAX; i++) {
			struct health_change c = {
			        .condition = (enum health_condition)what, .kind = conditions[what].kind};
			enum look f = conditions[what].look(h, i, &c);

			if (take(h, what, i, f, &c))
				tell(arg, &c);
		}
}

void health_watch(struct health *h, void (*tell)(void *arg, const struct health_change *c), void *arg)
{
	struct health_change c = {.condition = HEALTH_FULL, .kind = conditions[HEALTH_FULL].kind};

	if (!h->begun || h->subject[HEALTH_FULL][0].on || look_full(h, 0, &c) != WRONG)
		return;
	take(h, HEALTH_FULL, 0, WRONG, &c);
	tell(arg, &c);
}

void health_keep(struct health *h)
{
	h->was = h->now;
}

bool health_is(const struct health *h, enum health_condition c)
{
	for (unsigned i = 0; i < HEALTH_SUBJECTS_MAX; i++)
		if (h->subject[c][i].on)
			return true;
	return false;
}
