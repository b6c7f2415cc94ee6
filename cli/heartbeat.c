/* heartbeat.c - see heartbeat.h. */
#include "cli/heartbeat.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/health.h"
#include "cli/pulse.h"
#include "cli/summary.h"
#include "cli/version.h"
#include "config/settings.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEALTH_JSON_MAX (32u << 10) /* 65 queues and 32 interfaces take less than half of it */
#define LOOK_S          10          /* between two looks when there is no heartbeat */
#define SAMPLE_NS       NS_PER_S
#define TOTALS_MAX      40

struct heartbeat {
	const struct settings *settings;
	struct alerts *alerts;
	const struct worker *workers;
	unsigned n_workers;
	const char *const *names;
	unsigned n_names;
	int64_t began_ns, began_wall_ns, next_ns, sampled_ns;
	bool told; /* the first */
	int statm; /* /proc/self/statm, held open: later there may be no /proc */
	struct health health;
	uint64_t totals_before[TOTALS_MAX];
	char json[HEALTH_JSON_MAX];
};

/* ---- what there is to count ------------------------------------------------------------------------------
 */

static uint64_t not_understood(const struct worker_stats *s)
{
	uint64_t sum = 0;

	for (int i = DECODE_OK + 1; i < DECODE_RESULTS; i++)
		sum += i == DECODE_FRAGMENT ? 0 : s->understood_not[i];
	return sum;
}

static uint64_t flows_ended(const struct worker_stats *s)
{
	uint64_t sum = 0;

	for (int i = 0; i <= FLOW_STOP; i++)
		sum += s->flows.ended[i];
	return sum;
}

/* Counters since the start, in the order in which they are told. */
static size_t totals(const struct health_view *v, const char *names[TOTALS_MAX], uint64_t values[TOTALS_MAX])
{
	const struct worker_stats *s = &v->total;
	const struct alerts_stats *a = &v->alerts.stats;
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {{"packets", s->source.received}, {"bytes", s->source.bytes},
	        {"dropped_ring", s->source.dropped_ring}, {"dropped_interface", s->source.dropped_interface},
	        {"not_understood", not_understood(s)}, {"copies", s->copies},
	        {"flows_made", s->flows.created}, {"flows_ended", flows_ended(s)},
	        {"flows_evicted", s->flows.ended[FLOW_EVICTED]}, {"flows_ai", s->classify.ai_flows},
	        {"flows_refused", s->classify.refused_flows + s->classify.tcp.refused_streams},
	        {"bodies_refused", s->classify.refused_bodies},
	        {"decoders_refused", s->classify.refused_decoders},
	        {"segments_refused", s->classify.tcp.refused_segments},
	        {"fragments_evicted", s->fragments.evicted}, {"tcp_gap_bytes", s->classify.tcp.gap_bytes},
	        {"requests", s->classify.requests}, {"findings", s->classify.findings},
	        {"alerts", a->made[EVENT_ALERT]}, {"records", a->made_all}, {"repeats", a->folded},
	        {"lost_queue", a->lost_queue}, {"lost_log", a->lost_log}};
	size_t n = sizeof(all) / sizeof(*all);

	static_assert(sizeof(all) / sizeof(*all) <= TOTALS_MAX, "TOTALS_MAX");
	for (size_t i = 0; i < n; i++) {
		names[i] = all[i].name;
		values[i] = all[i].value;
	}
	return n;
}

static void add_source(struct health_interface *t, const struct source_stats *o)
{
	t->received += o->received;
	t->bytes += o->bytes;
	t->dropped_ring += o->dropped_ring;
	t->dropped_interface += o->dropped_interface;
}

static void look(struct heartbeat *hb)
{
	struct health_view *v = &hb->health.now;
	struct worker_pulse p;

	memset(v, 0, sizeof(*v));
	v->n_workers = hb->n_workers < HEALTH_WORKERS_MAX ? hb->n_workers : HEALTH_WORKERS_MAX;
	v->n_interfaces = hb->n_names < WORKER_SOURCES_MAX ? hb->n_names : WORKER_SOURCES_MAX;
	for (unsigned i = 0; i < v->n_interfaces; i++)
		v->interface[i].name = hb->names[i];
	for (unsigned i = 0; i < v->n_workers; i++) {
		pulse_read(&hb->workers[i], &p);
		v->worker[i].seen_ns = p.at_ns ? (int64_t)p.at_ns : hb->began_ns;
		v->worker[i].done = atomic_load(&hb->workers[i].done);
		summary_add(&v->total, &p.stats, false);
		for (unsigned k = 0; k < v->n_interfaces; k++) {
			add_source(&v->interface[k], &p.source[k]);
			v->interface[k].failed |= p.failed >> k & 1;
		}
	}
	alerts_state(hb->alerts, &v->alerts);
	v->now_ns = clock_mono_ns();
}

/* ---- the record ------------------------------------------------------------------------------------------
 */

static uint64_t resident_kb(const struct heartbeat *hb)
{
	char text[128];
	ssize_t n = hb->statm < 0 ? -1 : pread(hb->statm, text, sizeof(text) - 1, 0);
	const char *resident; /* proc(5): the second of its numbers, in pages */

	if (n <= 0)
		return 0;
	text[n] = '\0';
	resident = strchr(text, ' ');
	return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024 : 0;
}

/* What changed since the last one; what did not is left out. */
static void write_interval(
        struct heartbeat *hb, struct json *j, const char *const *names, const uint64_t *values, size_t n)
{
	json_object(j, "interval");
	for (size_t i = 0; i < n; i++) {
		if (values[i] > hb->totals_before[i])
			json_u64(j, names[i], values[i] - hb->totals_before[i]);
		hb->totals_before[i] = values[i];
	}
	json_end_object(j);
}

static void write_interfaces(struct json *j, const struct health_view *v)
{
	json_array(j, "interfaces");
	for (unsigned i = 0; i < v->n_interfaces; i++) {
		json_object(j, NULL);
		json_string(j, "name", v->interface[i].name);
		json_u64(j, "packets", v->interface[i].received);
		json_u64(j, "bytes", v->interface[i].bytes);
		json_u64(j, "dropped_ring", v->interface[i].dropped_ring);
		json_u64(j, "dropped_interface", v->interface[i].dropped_interface);
		json_end_object(j);
	}
	json_end_array(j);
}

/* How much is in use, and of how much. */
static void write_memory(const struct heartbeat *hb, struct json *j)
{
	const struct health_view *v = &hb->health.now;
	const struct settings *s = hb->settings;

	json_object(j, "memory");
	json_u64(j, "resident_kb", resident_kb(hb));
	json_u64(j, "flows", v->total.flows.live);
	json_u64(j, "flows_limit", (uint64_t)s->limits.flows * v->n_workers);
	json_u64(j, "inspected", v->total.classify.readings);
	json_u64(j, "inspected_limit", (uint64_t)s->limits.inspected * v->n_workers);
	json_u64(j, "bodies", v->total.classify.bodies);
	json_u64(j, "bodies_limit", (uint64_t)s->limits.bodies * v->n_workers);
	json_u64(j, "fragments", v->total.fragments.waiting);
	json_end_object(j);
}

/* A queue for each worker, the control side's last. */
static void write_queues(struct json *j, const struct alerts_state *a)
{
	json_object(j, "queues");
	json_u64(j, "limit", a->n_queues ? a->queue[0].limit : 0);
	json_array(j, "waiting");
	for (unsigned i = 0; i < a->n_queues; i++)
		json_u64(j, NULL, a->queue[i].waiting);
	json_end_array(j);
	json_array(j, "most");
	for (unsigned i = 0; i < a->n_queues; i++)
		json_u64(j, NULL, a->queue[i].most);
	json_end_array(j);
	json_array(j, "lost");
	for (unsigned i = 0; i < a->n_queues; i++)
		json_u64(j, NULL, a->queue[i].lost);
	json_end_array(j);
	json_end_object(j);
}

static void write_log(struct json *j, const struct alerts_state *a)
{
	if (!a->keeps_log)
		return;
	json_object(j, "log");
	json_u64(j, "bytes", a->log_bytes);
	json_u64(j, "limit", a->log_limit);
	json_u64(j, "oldest", a->log_first);
	json_u64(j, "last", a->log_last);
	json_u64(j, "undelivered", a->log_untaken);
	if (a->log_failing)
		json_u64(j, "failing_ms", (uint64_t)a->log_failing_ms);
	json_end_object(j);
}

static void write_outputs(struct json *j, const struct alerts_state *a)
{
	json_array(j, "outputs");
	for (size_t i = 0; i < a->n_outputs; i++) {
		const struct output_state *o = &a->output[i];
		const struct alerts_output_stats *s = &a->stats.outputs[i];

		json_object(j, NULL);
		json_string(j, "name", o->name);
		json_bool(j, "connected", o->connected);
		json_u64(j, "delivered", o->delivered);
		json_u64(j, "waiting", o->waiting);
		json_u64(j, "lag_ms", (uint64_t)o->lag_ms);
		json_u64(j, "lost", o->lost);
		if (*o->trouble)
			json_string(j, "trouble", o->trouble);
		if (s->trimmed)
			json_u64(j, "trimmed", s->trimmed);
		if (s->trimmed_unread)
			json_u64(j, "trimmed_unread", s->trimmed_unread);
		if (s->durable)
			json_u64(j, "durable", s->durable);
		json_end_object(j);
	}
	json_end_array(j);
}

static void write_visible(struct json *j, const char *key, const uint64_t n[VISIBILITIES])
{
	json_object(j, key);
	json_u64(j, "clear", n[VISIBLE_CLEAR]);
	json_u64(j, "decrypted", n[VISIBLE_DECRYPTED]);
	json_u64(j, "metadata", n[VISIBLE_METADATA]);
	json_u64(j, "none", n[VISIBLE_NONE]);
	json_end_object(j);
}

/* Of the flows that have ended: what could be read of them, and why the rest could not. */
static void write_coverage(struct json *j, const struct classify_stats *c)
{
	json_object(j, "coverage");
	write_visible(j, "flows", c->visible);
	write_visible(j, "ai", c->ai_visible);
	json_u64(j, "sent_bytes", c->sent_bytes);
	json_u64(j, "read_bytes", c->read_bytes);
	json_object(j, "why_not");
	for (unsigned i = 0; i < WHY_NOTS; i++)
		if (c->not_inspected[i])
			json_u64(j, why_not_name(i), c->not_inspected[i]);
	json_end_object(j);
	json_end_object(j);
}

static size_t write_health(struct heartbeat *hb, const char *const *names, const uint64_t *values, size_t n)
{
	const struct health *h = &hb->health;
	char t[TIME_TEXT_MAX];
	struct json j;

	json_init(&j, hb->json, sizeof(hb->json));
	json_object(&j, NULL);
	json_string(&j, "version", LEAKTAP_VERSION);
	json_string(&j, "started", time_format(hb->began_wall_ns, t));
	json_u64(&j, "uptime_s", (uint64_t)((h->now.now_ns - hb->began_ns) / NS_PER_S));
	json_u64(&j, "heartbeat_s", hb->settings->health.heartbeat_s);
	json_u64(&j, "interval_ms", (uint64_t)((h->now.now_ns - h->was.now_ns) / NS_PER_MS));
	json_array(&j, "conditions");
	for (unsigned i = 0; i < HEALTH_CONDITIONS; i++)
		if (health_is(h, (enum health_condition)i))
			json_string(&j, NULL, health_condition_name((enum health_condition)i));
	json_end_array(&j);
	write_interval(hb, &j, names, values, n);
	write_interfaces(&j, &h->now);
	json_u64(&j, "workers", h->now.n_workers);
	write_memory(hb, &j);
	write_queues(&j, &h->now.alerts);
	write_log(&j, &h->now.alerts);
	write_outputs(&j, &h->now.alerts);
	write_coverage(&j, &h->now.total.classify);
	json_end_object(&j);
	return j.full ? 0 : j.len;
}

static void say_how(const struct heartbeat *hb, const char *state, const char *why, char *out, size_t cap)
{
	const struct health *h = &hb->health;
	uint64_t packets = h->now.total.source.received - h->was.total.source.received;
	uint64_t dropped = health_dropped(&h->now) - health_dropped(&h->was);
	size_t used;

	used = (size_t)snprintf(out, cap, "%s", state);
	for (unsigned i = 0, k = 0; i < HEALTH_CONDITIONS; i++)
		if (health_is(h, (enum health_condition)i))
			used += (size_t)snprintf(out + used, cap - used, "%s%s", k++ ? ", " : ": ",
			        health_condition_name((enum health_condition)i));
	if (*why)
		used += (size_t)snprintf(out + used, cap - used, "; %.200s", why);
	snprintf(out + used, cap - used,
	        "; %" PRIu64 " packets in %.1f s, %" PRIu64 " lost before they were read", packets,
	        (double)(h->now.now_ns - h->was.now_ns) / (double)NS_PER_S, dropped);
}

static void tell_health(struct heartbeat *hb, const char *state, const char *why)
{
	const char *names[TOTALS_MAX];
	uint64_t values[TOTALS_MAX];
	char summary[512];
	struct event ev = {.type = EVENT_SENSOR,
	        .kind = ALERT_SENSOR_HEALTH,
	        .severity = hb->settings->alerts.severity[ALERT_SENSOR_HEALTH],
	        .confidence = 100,
	        .when_ns = clock_wall_ns(),
	        .summary = summary,
	        .state = state,
	        .counter_names = names,
	        .counters = values,
	        .health = hb->json};

	if (!hb->settings->health.heartbeat_s)
		return;
	say_how(hb, state, why, summary, sizeof(summary));
	ev.n_counters = totals(&hb->health.now, names, values);
	ev.n_health = write_health(hb, names, values, ev.n_counters);
	alerts_sensor(hb->alerts, &ev);
}

/* ---- conditions ------------------------------------------------------------------------------------------
 */

static void tell_change(void *arg, const struct health_change *c)
{
	struct heartbeat *hb = arg;
	struct event ev = {.type = EVENT_SENSOR,
	        .kind = c->kind,
	        .severity = c->began ? hb->settings->alerts.severity[c->kind] : SEVERITY_INFO,
	        .confidence = 100,
	        .when_ns = clock_wall_ns(),
	        .summary = c->summary,
	        .condition = health_condition_name(c->condition),
	        .state = c->began ? "began" : "ended",
	        .about = c->about,
	        .counter_names = c->names,
	        .counters = c->values,
	        .n_counters = c->n};

	if (c->began)
		log_warn("%s: %s", ev.condition, c->summary);
	else
		log_info("%s: %s", ev.condition, c->summary);
	alerts_sensor(hb->alerts, &ev);
}

static void take_pulse(struct heartbeat *hb, const char *state, const char *why)
{
	bool degraded = false;

	look(hb);
	health_step(&hb->health, tell_change, hb);
	for (unsigned i = 0; i < HEALTH_CONDITIONS; i++)
		degraded |= health_is(&hb->health, (enum health_condition)i);
	tell_health(hb, state ? state : degraded ? "degraded" : "running", why);
	health_keep(&hb->health);
}

struct heartbeat *heartbeat_create(const struct settings *s, struct alerts *a, const struct worker *workers,
        unsigned n_workers, const char *const *names, unsigned n_names)
{
	struct heartbeat *hb = calloc(1, sizeof(*hb));

	if (!hb)
		return NULL;
	hb->settings = s;
	hb->alerts = a;
	hb->workers = workers;
	hb->n_workers = n_workers;
	hb->names = names;
	hb->n_names = n_names;
	hb->began_ns = clock_mono_ns();
	hb->began_wall_ns = clock_wall_ns();
	hb->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	health_init(&hb->health, s);
	return hb;
}

void heartbeat_destroy(struct heartbeat *hb)
{
	if (!hb)
		return;
	if (hb->statm >= 0)
		close(hb->statm);
	free(hb);
}

void heartbeat_tick(struct heartbeat *hb)
{
	int64_t now_ns = clock_mono_ns();
	unsigned every_s = hb->settings->health.heartbeat_s ? hb->settings->health.heartbeat_s : LOOK_S;

	if (now_ns - hb->sampled_ns >= SAMPLE_NS) {
		hb->sampled_ns = now_ns;
		alerts_look(hb->alerts);
		alerts_log_state(hb->alerts, &hb->health.now.alerts);
		health_watch(&hb->health, tell_change, hb);
	}
	if (hb->told && now_ns < hb->next_ns)
		return;
	take_pulse(hb, hb->told ? NULL : "starting", "");
	/* a control thread that was held up makes one, not all that it missed */
	hb->next_ns = hb->told && now_ns - hb->next_ns < every_s * NS_PER_S ? hb->next_ns + every_s * NS_PER_S
	                                                                    : now_ns + every_s * NS_PER_S;
	hb->told = true;
}

void heartbeat_end(struct heartbeat *hb, const char *why)
{
	take_pulse(hb, "stopping", why);
}
