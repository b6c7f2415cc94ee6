/* alerts.c - see alerts.h.
 *
 *	worker 0  -> teller 0 -> queue 0 -+
 *	worker n  -> teller n -> queue n -+-> writer: numbers, repeats -> stdout, files
 *	control   -> teller   -> queue   -+                            -> pending -> Redis thread -> server
 *
 * Numbers (index, ordinal, logged) are the writer's alone.  A record that a queue refused has used up its
 * ordinal, so that whoever reads the records sees a hole of exactly that size. */
#include "alerts/alerts.h"

#include "alerts/output.h"
#include "alerts/queue.h"
#include "alerts/record.h"
#include "alerts/redis.h"
#include "alerts/repeat.h"
#include "alerts/volume.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MIN       16u
#define QUEUE_RECORD    1024u /* bytes reserved for each record of limits.queue */
#define QUEUE_BYTES_MIN (512u << 10)
#define QUEUE_BYTES_MAX (64u << 20)
#define BATCH_MAX       256u /* records handed to the outputs at once */
#define BATCH_ROOM      (512u << 10)
#define DRAIN_ROUND     64u /* records of one queue before the next one's turn */
#define TICK_MS         200 /* how often time passes when nothing else happens */
#define SWEEP_NS        NS_PER_S
#define LOSER_WAIT_NS   (10 * NS_PER_MS)
#define LOSS_REPORT_NS  NS_PER_S /* between two records about full queues */
#define REPLAY_WAIT_US  200
#define FIRST_TRY_NS    (3 * NS_PER_S)

/* What one thread needs to tell. */
struct mouth {
	struct alerts *a;
	unsigned number;
	struct queue *queue;
	char *scratch;
	bool losing;
	int64_t lost_ns; /* when the newest was lost */
	uint64_t lost_when_begun;
	_Atomic uint64_t told, muted, replaced, lost[EVENT_TYPES], volume_lost;
	uint32_t lost_seen[EVENT_TYPES]; /* the writer's */
};

struct alerts {
	const struct settings *settings;
	bool flows, replay;
	char sensor[80];
	unsigned n_mouths; /* workers, and one for the control side */
	struct mouth *mouth;
	struct output *output[ALERTS_OUTPUTS_MAX];
	size_t n_outputs;

	/* the writer's */
	pthread_t thread;
	bool running;
	int bell;
	atomic_bool sleeping, stopping, hurry;
	_Atomic int64_t give_up_ns;
	int64_t wait_ns, end_ns; /* from alerts_stop(); when outputs stop waiting */
	struct repeats *repeats;
	struct volumes *volumes;
	char *batch, *scratch;
	size_t batch_len, batch_n;
	struct record_ref ref[BATCH_MAX];
	struct record_head head[BATCH_MAX];
	uint64_t index;
	int64_t logged_ms, newest_ns, swept_ns, loss_told_ns;
	struct output_loss queue_loss;
	_Atomic uint64_t made[EVENT_TYPES], passed, folded, updates, own, by_kind[ALERT_KINDS];
};

/* ---- telling, on the worker's thread ---------------------------------------------------------------------
 */

static void wake_writer(struct alerts *a)
{
	uint64_t one = 1;

	/* the queue's tail was stored before this load, the writer's flag before its last look at the tail:
	 * sequential consistency lets at least one of the two see the other */
	if (atomic_load(&a->sleeping) && atomic_exchange(&a->sleeping, false))
		if (write(a->bell, &one, sizeof(one)) < 0)
			return; /* it is ringing already */
}

static uint64_t lost_sum(const struct mouth *m)
{
	return count_get(&m->lost[0]) + count_get(&m->lost[1]) + count_get(&m->lost[2]);
}

static void lose(struct mouth *m, unsigned type)
{
	if (!m->losing) {
		m->losing = true;
		m->lost_when_begun = lost_sum(m);
		log_warn("alerts: the queue of worker %u is full; records are being lost", m->number);
	}
	m->lost_ns = clock_mono_ns();
	count_add(&m->lost[type], 1);
}

static void has_room_again(struct mouth *m)
{
	/* a second without loss: under steady overload that is one line, not one for each record that fits */
	if (!m->losing || !queue_relaxed(m->queue) || clock_mono_ns() - m->lost_ns < NS_PER_S)
		return;
	m->losing = false;
	log_info("alerts: the queue of worker %u has room again; %" PRIu64 " records were lost", m->number,
	        lost_sum(m) - m->lost_when_begun);
}

static void *reserve(struct mouth *m, size_t n)
{
	void *to = queue_reserve(m->queue, n);

	while (!to && m->a->replay && !atomic_load(&m->a->hurry)) {
		wake_writer(m->a);
		usleep(REPLAY_WAIT_US);
		to = queue_reserve(m->queue, n);
	}
	return to;
}

static bool is_muted(const struct alerts *a, const struct event *ev)
{
	return ev->type == EVENT_FLOW ? !a->flows : a->settings->alerts.muted[ev->kind];
}

/* No record: what does not fit is missing in the sums, as the packets of a full ring are. */
static void tell_volume(struct mouth *m, const struct event *ev)
{
	struct record_head head;
	size_t n;
	char *to;

	if (m->a->settings->alerts.muted[ALERT_VOLUME_EXCEEDED])
		return;
	n = record_tail(ev, m->a->settings, &head, m->scratch, RECORD_TAIL_MAX);
	to = n ? queue_reserve(m->queue, sizeof(head) + n) : NULL;
	if (!to) {
		count_add(&m->volume_lost, ev->bytes_out);
		return;
	}
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		head.lost[t] = (uint32_t)count_get(&m->lost[t]);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), m->scratch, n);
	queue_commit(m->queue, sizeof(head) + n);
	wake_writer(m->a);
}

static void tell(void *arg, const struct event *ev)
{
	struct mouth *m = arg;
	struct record_head head;
	size_t n;
	char *to;

	if (ev->type == EVENT_VOLUME) {
		tell_volume(m, ev);
		return;
	}
	count_add(&m->told, 1);
	if (is_muted(m->a, ev)) {
		count_add(&m->muted, 1);
		return;
	}
	n = record_tail(ev, m->a->settings, &head, m->scratch, RECORD_TAIL_MAX);
	to = n ? reserve(m, sizeof(head) + n) : NULL;
	if (!to) {
		lose(m, ev->type);
		return;
	}
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		head.lost[t] = (uint32_t)count_get(&m->lost[t]);
	if (head.replaced)
		count_add(&m->replaced, head.replaced);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), m->scratch, n);
	queue_commit(m->queue, sizeof(head) + n);
	has_room_again(m);
	wake_writer(m->a);
}

struct teller alerts_teller(struct alerts *a, unsigned worker)
{
	return (struct teller){.arg = &a->mouth[worker], .tell = tell};
}

void alerts_sensor(struct alerts *a, const struct event *ev)
{
	tell(&a->mouth[a->n_mouths - 1], ev);
}

/* ---- the writer ------------------------------------------------------------------------------------------
 */

static void hand_out(struct alerts *a)
{
	for (size_t i = 0; i < a->n_outputs && a->batch_n; i++)
		a->output[i]->ops->take(a->output[i], a->ref, a->batch_n);
	a->batch_n = a->batch_len = 0;
}

/* Numbers one record and puts it into the batch; repeats.c calls it for firsts and updates. */
static uint64_t number(
        void *arg, const struct record_head *h, const char *tail, size_t len, const struct repeat_update *u)
{
	struct alerts *a = arg;
	int64_t wall_ms = clock_wall_ns() / NS_PER_MS;
	char updates[RECORD_ID_MAX];
	struct record_numbers n = {.sensor = a->sensor,
	        .index = a->index++,
	        .first_use = u ? NULL : volumes_first_use(a->volumes, h)};
	struct record_ref *r;
	char *to;

	if (a->batch_n == BATCH_MAX || BATCH_ROOM - a->batch_len < RECORD_LINE_MAX + 1)
		hand_out(a);
	a->logged_ms = wall_ms > a->logged_ms ? wall_ms : a->logged_ms;
	count_add(&a->made[h->type], 1);
	n.ordinal = count_get(&a->made[h->type]);
	n.logged_ms = a->logged_ms;
	if (u) {
		n.updates = record_id(a->sensor, u->first, updates);
		n.count = u->count;
		n.total = u->total;
		count_add(&a->updates, 1);
	}
	if (h->type != EVENT_FLOW)
		count_add(&a->by_kind[h->kind], 1);

	to = a->batch + a->batch_len;
	r = &a->ref[a->batch_n];
	a->head[a->batch_n] = *h;
	*r = (struct record_ref){.line = to,
	        .head = &a->head[a->batch_n],
	        .index = n.index,
	        .ordinal = n.ordinal,
	        .logged_ms = n.logged_ms};
	r->len = record_line(h, tail, len, &n, to);
	to[r->len] = '\n';
	a->batch_len += r->len + 1;
	a->batch_n++;
	return n.index;
}

/* What a queue refused has used up its ordinals. */
static void skip_lost(struct alerts *a, struct mouth *m, unsigned type, uint32_t lost)
{
	uint32_t more = lost - m->lost_seen[type];
	struct output_loss *l = &a->queue_loss;

	if (!more)
		return;
	m->lost_seen[type] = lost;
	if (!l->n[type])
		l->first[type] = count_get(&a->made[type]) + 1;
	l->losing = true;
	l->n[type] += more;
	count_add(&a->made[type], more);
	l->last[type] = count_get(&a->made[type]);
}

/* Bytes for the sums; each bound that they cross is an alert. */
static void take_volume(struct alerts *a, struct record_head *h, const char *entry, size_t n)
{
	struct volume_crossed crossed[VOLUME_BOUNDS];
	unsigned count = volumes_add(a->volumes, h, crossed);

	h->type = EVENT_ALERT;
	h->kind = ALERT_VOLUME_EXCEEDED;
	h->severity = (uint8_t)a->settings->alerts.severity[ALERT_VOLUME_EXCEEDED];
	for (unsigned i = 0; i < count; i++) {
		size_t len = volume_tail(h, &crossed[i], a->settings, entry, n, a->scratch, RECORD_TAIL_MAX);

		if (len)
			number(a, h, a->scratch, len, NULL);
	}
}

static void take_record(struct alerts *a, struct mouth *m, const char *entry, size_t n)
{
	struct record_head h;

	memcpy(&h, entry, sizeof(h));
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		skip_lost(a, m, t, h.lost[t]);
	if (h.when_ns > a->newest_ns)
		a->newest_ns = h.when_ns;
	if (h.type == EVENT_VOLUME) {
		take_volume(a, &h, entry + sizeof(h), n - sizeof(h));
		return;
	}
	switch (repeats_offer(a->repeats, &h, entry + sizeof(h), n - sizeof(h))) {
	case REPEAT_TOLD:
		break;
	case REPEAT_FOLDED:
		count_add(&a->folded, 1);
		break;
	case REPEAT_PASSED:
		count_add(&a->passed, 1);
		break;
	}
}

static bool drain_queues(struct alerts *a)
{
	bool any = false;

	for (unsigned i = 0; i < a->n_mouths; i++) {
		struct mouth *m = &a->mouth[i];
		const char *entry;
		size_t n;

		for (unsigned k = 0; k < DRAIN_ROUND && (entry = queue_peek(m->queue, &n)); k++) {
			take_record(a, m, entry, n);
			queue_pop(m->queue);
			any = true;
		}
	}
	hand_out(a);
	return any;
}

/* ---- losses are told too ---------------------------------------------------------------------------------
 */

static const char *const loss_names[EVENT_TYPES][3] = {
        {"lost_alerts", "first_alert", "last_alert"},
        {"lost_flows", "first_flow", "last_flow"},
        {"lost_sensor", "first_sensor", "last_sensor"},
};

/* A sensor.delivery record with how many records of each type are missing and between which ordinals. */
static void tell_loss(struct alerts *a, struct output_loss *l, const char *where)
{
	const char *names[EVENT_TYPES * 3];
	uint64_t values[EVENT_TYPES * 3], sum = 0;
	struct event ev = {.type = EVENT_SENSOR,
	        .kind = ALERT_SENSOR_DELIVERY,
	        .counter_names = names,
	        .counters = values,
	        .severity = a->settings->alerts.severity[ALERT_SENSOR_DELIVERY]};
	struct record_head h;
	char summary[OUTPUT_NAME_MAX + 160];
	size_t n;

	for (unsigned t = 0; t < EVENT_TYPES; t++) {
		const uint64_t v[3] = {l->n[t], l->first[t], l->last[t]};

		for (unsigned k = 0; k < 3 && l->n[t]; k++) {
			names[ev.n_counters] = loss_names[t][k];
			values[ev.n_counters++] = v[k];
		}
		sum += l->n[t];
	}
	*l = (struct output_loss){.losing = false};
	snprintf(summary, sizeof(summary),
	        "%" PRIu64
	        " records were lost at %s; raise the limit or remove what held them up, the ordinals name "
	        "the missing ones",
	        sum, where);
	log_info("alerts: %" PRIu64 " records were lost at %s", sum, where);
	if (a->settings->alerts.muted[ev.kind])
		return;
	ev.summary = summary;
	ev.when_ns = a->replay && a->newest_ns ? a->newest_ns : clock_wall_ns();
	n = record_tail(&ev, a->settings, &h, a->scratch, RECORD_TAIL_MAX);
	count_add(&a->own, 1);
	number(a, &h, a->scratch, n, NULL);
}

static void tell_losses(struct alerts *a, bool at_end)
{
	int64_t now = clock_mono_ns();

	if (a->queue_loss.losing && (at_end || now - a->loss_told_ns >= LOSS_REPORT_NS)) {
		a->loss_told_ns = now;
		tell_loss(a, &a->queue_loss, "a full queue (limits.queue)");
	}
	for (size_t i = 0; i < a->n_outputs; i++) {
		struct output *o = a->output[i];

		if (o->loss.losing && (at_end || o->ops->recovered(o)))
			tell_loss(a, &o->loss, o->name);
	}
	hand_out(a);
}

/* ---- the loop --------------------------------------------------------------------------------------------
 */

static void sweep(struct alerts *a)
{
	int64_t now = clock_mono_ns();

	if (a->replay || now - a->swept_ns < SWEEP_NS)
		return;
	a->swept_ns = now;
	repeats_sweep(a->repeats, clock_wall_ns());
	hand_out(a);
}

static bool queues_empty(struct alerts *a)
{
	for (unsigned i = 0; i < a->n_mouths; i++)
		if (!queue_empty(a->mouth[i].queue))
			return false;
	return true;
}

static void sleep_until_rung(struct alerts *a)
{
	struct pollfd p = {.fd = a->bell, .events = POLLIN};
	uint64_t rung;

	atomic_store(&a->sleeping, true);
	if (queues_empty(a) && !atomic_load(&a->stopping))
		poll(&p, 1, TICK_MS);
	atomic_store(&a->sleeping, false);
	if (p.revents && read(a->bell, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		log_error("alerts: eventfd: %s", strerror(errno));
}

/* An output that was losing gets the time it has left to come back, so that the loss can be told there. */
static void wait_for_losers(struct alerts *a)
{
	const struct timespec pause = {.tv_nsec = LOSER_WAIT_NS};

	for (size_t i = 0; i < a->n_outputs; i++) {
		struct output *o = a->output[i];

		if (o->ops->hasten)
			o->ops->hasten(o);
		while (o->loss.losing && o->ops->waiting && !o->ops->recovered(o) &&
		        clock_mono_ns() < a->end_ns)
			nanosleep(&pause, NULL);
	}
}

/* After the last event: open counts, losses nobody was told of. */
static void finish(struct alerts *a)
{
	repeats_flush(a->repeats);
	hand_out(a);
	for (unsigned i = 0; i < a->n_mouths; i++)
		for (unsigned t = 0; t < EVENT_TYPES; t++)
			skip_lost(a, &a->mouth[i], t, (uint32_t)count_get(&a->mouth[i].lost[t]));
	a->end_ns = clock_mono_ns() + a->wait_ns;
	wait_for_losers(a);
	tell_losses(a, true);
}

static void *writer(void *arg)
{
	struct alerts *a = arg;

	pthread_setname_np(pthread_self(), "leaktap-alerts");
	for (;;) {
		/* read before the queues: what was told before the stop is then drained below */
		bool last = atomic_load(&a->stopping), any = drain_queues(a);

		sweep(a);
		tell_losses(a, false);
		if (any)
			continue;
		if (last)
			break;
		sleep_until_rung(a);
	}
	finish(a);
	return NULL;
}

/* ---- start and stop --------------------------------------------------------------------------------------
 */

static int open_outputs(struct alerts *a, const struct alerts_options *o, struct err *e)
{
	static const char *const to_stdout[] = {"-"};
	const char *const *spec = o->n_outputs ? o->outputs : to_stdout;
	size_t n = o->n_outputs ? o->n_outputs : 1;
	struct output_how how = {.settings = a->settings,
	        .sensor = a->sensor,
	        .replay = a->replay,
	        .hurry = &a->hurry,
	        .give_up_ns = &a->give_up_ns};

	if (n > ALERTS_OUTPUTS_MAX)
		return err_set(e, "at most %d outputs", ALERTS_OUTPUTS_MAX);
	for (size_t i = 0; i < n; i++) {
		a->output[i] = output_open(spec[i], &how, e);
		if (!a->output[i])
			return err_wrap(e, "output %zu", i + 1);
		a->n_outputs++;
	}
	return 0;
}

/* The index goes on where the server stands, so that an id is never given twice.  When a server cannot be
 * asked, the microseconds since 1970 serve: above every index that was ever counted up from there. */
static void choose_index(struct alerts *a, const struct alerts_options *o)
{
	int64_t deadline = clock_mono_ns() + FIRST_TRY_NS;

	a->index = 1;
	for (size_t i = 0; i < o->n_outputs; i++) {
		uint64_t at = 0;

		if (!output_is_redis(o->outputs[i]))
			continue;
		if (!redis_output_first(a->output[i], deadline, &at))
			at = (uint64_t)(clock_wall_ns() / NS_PER_US);
		a->index = at + 1 > a->index ? at + 1 : a->index;
	}
}

static int open_mouths(struct alerts *a, struct err *e)
{
	unsigned limit = a->settings->limits.queue;
	size_t records = limit > QUEUE_MIN ? limit : QUEUE_MIN, bytes = records * QUEUE_RECORD;

	bytes = bytes < QUEUE_BYTES_MIN ? QUEUE_BYTES_MIN : bytes > QUEUE_BYTES_MAX ? QUEUE_BYTES_MAX : bytes;
	a->mouth = calloc(a->n_mouths, sizeof(*a->mouth));
	for (unsigned i = 0; a->mouth && i < a->n_mouths; i++) {
		struct mouth *m = &a->mouth[i];

		m->a = a;
		m->number = i;
		m->queue = queue_create(bytes, records);
		m->scratch = malloc(RECORD_TAIL_MAX);
		if (!m->queue || !m->scratch)
			return err_set(e, "alerts: no memory for the queues");
	}
	return a->mouth ? 0 : err_set(e, "alerts: no memory for the queues");
}

static int open_writer(struct alerts *a, struct err *e)
{
	const struct repeat_limits l = {.entries = REPEATS_MAX,
	        .bytes = REPEATS_BYTES_MAX,
	        .first_uses = FIRST_USES_MAX,
	        .repeat_s = a->settings->alerts.repeat_s,
	        .group_window_s = a->settings->alerts.group_window_s};
	const struct repeat_sink sink = {.arg = a, .tell = number};

	a->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	a->batch = malloc(BATCH_ROOM);
	a->scratch = malloc(RECORD_TAIL_MAX);
	if (!(a->volumes = volumes_create(a->settings, e)))
		return -1;
	a->repeats = repeats_create(&l, &sink);
	if (a->bell < 0 || !a->batch || !a->scratch || !a->repeats)
		return err_set(e, "alerts: no memory or descriptors");
	return 0;
}

struct alerts *alerts_start(const struct settings *s, const struct alerts_options *o, struct err *e)
{
	struct alerts *a = calloc(1, sizeof(*a));

	if (!a) {
		err_set(e, "alerts: no memory");
		return NULL;
	}
	a->settings = s;
	a->flows = o->flows;
	a->replay = o->replay;
	a->bell = -1;
	a->n_mouths = o->workers + 1;
	snprintf(a->sensor, sizeof(a->sensor), "%.72s%s", s->sensor.name, o->replay ? "-replay" : "");
	if (open_mouths(a, e) < 0 || open_writer(a, e) < 0 || open_outputs(a, o, e) < 0) {
		alerts_destroy(a);
		return NULL;
	}
	choose_index(a, o);
	if (pthread_create(&a->thread, NULL, writer, a)) {
		err_set(e, "alerts: no thread");
		alerts_destroy(a);
		return NULL;
	}
	a->running = true;
	return a;
}

void alerts_hurry(struct alerts *a)
{
	if (!atomic_load(&a->hurry)) {
		atomic_store(&a->give_up_ns, INT64_MAX); /* until alerts_stop() says how long */
		atomic_store(&a->hurry, true);
	}
}

void alerts_stop(struct alerts *a, unsigned wait_ms)
{
	int64_t deadline = clock_mono_ns() + wait_ms * NS_PER_MS;
	uint64_t one = 1;

	if (!a->running)
		return;
	a->wait_ns = wait_ms * NS_PER_MS;
	if (!a->replay) { /* a replay that came to its end waits for its reader; one told to end does not */
		atomic_store(&a->give_up_ns, deadline);
		atomic_store(&a->hurry, true);
	} else if (atomic_load(&a->hurry)) {
		atomic_store(&a->give_up_ns, deadline);
	}
	atomic_store(&a->stopping, true);
	if (write(a->bell, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("alerts: eventfd: %s", strerror(errno));
	pthread_join(a->thread, NULL);
	a->running = false;
	for (size_t i = 0; i < a->n_outputs; i++)
		a->output[i]->ops->stop(a->output[i], a->end_ns);
}

static void output_stats(struct output *o, struct alerts_output_stats *out)
{
	*out = (struct alerts_output_stats){.name = o->name,
	        .delivered = count_get(&o->delivered),
	        .lost_pending = count_get(&o->lost_pending),
	        .lost_output = count_get(&o->lost_output),
	        .lost_stop = count_get(&o->lost_stop)};
	if (o->ops->waiting && !out->lost_stop) /* after the stop nothing waits any more */
		out->waiting = o->ops->waiting(o);
}

void alerts_stats(struct alerts *a, struct alerts_stats *out)
{
	const struct alerts_output_stats *least;

	*out = (struct alerts_stats){.passed = count_get(&a->passed),
	        .folded = count_get(&a->folded),
	        .updates = count_get(&a->updates),
	        .own = count_get(&a->own),
	        .n_outputs = a->n_outputs};
	for (unsigned i = 0; i < a->n_mouths; i++) {
		const struct mouth *m = &a->mouth[i];

		out->told += count_get(&m->told);
		out->muted += count_get(&m->muted);
		out->replaced += count_get(&m->replaced);
		out->lost_queue += lost_sum(m);
	}
	for (unsigned t = 0; t < EVENT_TYPES; t++) {
		out->made[t] = count_get(&a->made[t]);
		out->made_all += out->made[t];
	}
	for (unsigned k = 0; k < ALERT_KINDS; k++)
		out->by_kind[k] = count_get(&a->by_kind[k]);
	for (size_t i = 0; i < a->n_outputs; i++)
		output_stats(a->output[i], &out->outputs[i]);
	least = &out->outputs[0];
	for (size_t i = 1; i < a->n_outputs; i++)
		if (out->outputs[i].delivered < least->delivered)
			least = &out->outputs[i];
	out->delivered = least->delivered;
	out->waiting = least->waiting;
	out->lost_pending = least->lost_pending;
	out->lost_output = least->lost_output;
	out->lost_stop = least->lost_stop;
}

void alerts_destroy(struct alerts *a)
{
	if (!a)
		return;
	alerts_stop(a, 0);
	for (size_t i = 0; i < a->n_outputs; i++)
		a->output[i]->ops->destroy(a->output[i]);
	for (unsigned i = 0; a->mouth && i < a->n_mouths; i++) {
		queue_destroy(a->mouth[i].queue);
		free(a->mouth[i].scratch);
	}
	free(a->mouth);
	repeats_destroy(a->repeats);
	volumes_destroy(a->volumes);
	if (a->bell >= 0)
		close(a->bell);
	free(a->batch);
	free(a->scratch);
	free(a);
}
