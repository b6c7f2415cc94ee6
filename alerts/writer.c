/* writer.c - the writer's thread: queues -> grouping, volumes, numbers -> log (or outputs, where none is
 * kept).
 *
 * A batch is made durable as soon as the one before is: whatever came meanwhile goes together.  So a lone
 * alert does not wait, and under load one sync serves up to WRITER_BATCH records.
 *
 * While the log cannot be written, one batch waits in memory and is tried again; what comes then is lost,
 * counted by type, and told by a gap record once writing works again. */
#include "alerts/writer.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_ROUND    64u /* records of one queue before the next one's turn */
#define TICK_MS        200 /* how often time passes when nothing else happens */
#define SWEEP_NS       NS_PER_S
#define LOSS_REPORT_NS NS_PER_S          /* between two records about full queues */
#define SAVE_NS        NS_PER_S          /* between two looks at how far the outputs are */
#define RETRY_NS       (100 * NS_PER_MS) /* between tries while the log cannot be written */

/* ---- the batch -------------------------------------------------------------------------------------------
 */

/* The log may forget what every server has, or is being sent. */
static uint64_t taken_by_all(void *alerts)
{
	const struct alerts *a = alerts;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < a->n_outputs; i++) {
		struct output *o = a->output[i];
		uint64_t taken = o->ops->taken ? o->ops->taken(o, true) : UINT64_MAX;

		least = taken < least ? taken : least;
	}
	return least;
}

static bool batch_full(const struct alerts *a)
{
	return a->batch_n == WRITER_BATCH || a->batch_len >= WRITER_BYTES;
}

static void batch_empty(struct alerts *a)
{
	a->batch_n = a->batch_len = 0;
}

/* Makes the batch durable, or hands it out where no log is kept.  What failed stays in the batch. */
static void commit(struct alerts *a)
{
	int64_t now;

	if (!a->batch_n)
		return;
	if (!a->log) {
		for (size_t i = 0; i < a->n_outputs; i++)
			a->output[i]->ops->take(a->output[i], a->ref, a->batch_n);
		batch_empty(a);
		return;
	}
	now = clock_mono_ns();
	if (log_failing(a->log) && now < a->retry_ns)
		return;
	if (!log_commit(a->log, a->ref, a->batch_n))
		batch_empty(a);
	else
		a->retry_ns = now + RETRY_NS;
}

static uint64_t take_ordinal(struct alerts *a, unsigned type)
{
	count_add(&a->made[type], 1);
	return count_get(&a->made[type]) + a->ordinal_base[type];
}

static uint64_t lose_at_log(struct alerts *a, unsigned type)
{
	count_add(&a->lost_log, 1);
	record_lose(&a->log_loss, type, take_ordinal(a, type));
	return 0;
}

uint64_t writer_number(
        void *arg, const struct record_head *h, const char *tail, size_t len, const struct repeat_update *u)
{
	struct alerts *a = arg;
	int64_t wall_ms = a->wall_ns() / NS_PER_MS;
	char updates[RECORD_ID_MAX];
	struct record_numbers n = {.sensor = a->sensor};
	struct record_ref *r = &a->ref[a->batch_n];
	char *to = a->batch + a->batch_len;

	if (batch_full(a)) {
		commit(a);
		r = &a->ref[a->batch_n];
		to = a->batch + a->batch_len;
	}
	if (u)
		count_add(&a->updates, 1);
	if (h->type == EVENT_ALERT || h->type == EVENT_SENSOR)
		count_add(&a->by_kind[h->kind], 1);
	if (batch_full(a))
		return lose_at_log(a, h->type);
	a->logged_ms = wall_ms > a->logged_ms ? wall_ms : a->logged_ms;
	n.index = a->index++;
	n.ordinal = take_ordinal(a, h->type);
	n.logged_ms = a->logged_ms;
	if (u) {
		n.updates = record_id(a->sensor, u->first, updates);
		n.count = u->count;
		n.total = u->total;
	} else {
		n.first_use = volumes_first_use(a->volumes, h);
	}
	*r = (struct record_ref){.line = to,
	        .type = h->type,
	        .index = n.index,
	        .ordinal = n.ordinal,
	        .logged_ms = n.logged_ms};
	r->len = record_line(h, tail, len, &n, to);
	to[r->len] = '\n';
	a->batch_len += r->len + 1;
	a->batch_n++;
	return n.index;
}

/* ---- the queues ------------------------------------------------------------------------------------------
 */

/* What a queue refused has used up its ordinals. */
static void skip_lost(struct alerts *a, struct mouth *m, unsigned type, uint32_t lost)
{
	uint32_t more = lost - m->lost_seen[type];
	struct record_loss *l = &a->queue_loss;

	if (!more)
		return;
	m->lost_seen[type] = lost;
	if (!l->n[type])
		l->first[type] = count_get(&a->made[type]) + a->ordinal_base[type] + 1;
	l->losing = true;
	l->n[type] += more;
	count_add(&a->made[type], more);
	l->last[type] = count_get(&a->made[type]) + a->ordinal_base[type];
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

		if (len && !writer_number(a, h, a->scratch, len, NULL))
			volumes_untell(a->volumes, &crossed[i]);
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

/* A queue is fullest when the writer comes to it. */
static void note_depth(struct mouth *m)
{
	struct queue_use use;
	unsigned full;

	queue_use(m->queue, &use);
	full = queue_fullness(&use);
	if (use.entries > count_get(&m->most))
		atomic_store_explicit(&m->most, use.entries, memory_order_relaxed);
	if (full > count_get(&m->fullness))
		atomic_store_explicit(&m->fullness, full, memory_order_relaxed);
}

/* One turn for every queue; false: there was nothing. */
static bool take_turns(struct alerts *a)
{
	bool any = false;

	for (unsigned i = 0; i < a->n_mouths; i++) {
		struct mouth *m = &a->mouth[i];
		const char *entry;
		size_t n;

		note_depth(m);
		for (unsigned k = 0; k < DRAIN_ROUND && (entry = queue_peek(m->queue, &n)); k++) {
			take_record(a, m, entry, n);
			queue_pop(m->queue);
			any = true;
		}
	}
	return any;
}

static bool drain_queues(struct alerts *a)
{
	bool any = false;

	while (!batch_full(a) && take_turns(a))
		any = true;
	if (!any &&
	        batch_full(
	                a)) /* the log fails: the queues are emptied all the same, and what comes is lost */
		any = take_turns(a);
	commit(a);
	return any;
}

/* ---- losses are told too ---------------------------------------------------------------------------------
 */

static void tell_note(struct alerts *a, struct record_note *note)
{
	struct record_head h;
	size_t n;

	if (note->type == EVENT_SENSOR && a->settings->alerts.muted[ALERT_SENSOR_DELIVERY])
		return;
	note->when_ns = a->replay && a->newest_ns ? a->newest_ns : a->wall_ns();
	n = record_note_tail(note, &h, a->scratch, RECORD_TAIL_MAX);
	count_add(&a->own, 1);
	writer_number(a, &h, a->scratch, n, NULL);
}

/* A gap record with how many records of each type are missing and between which ordinals. */
static void tell_loss(struct alerts *a, struct record_loss *l, const char *reason, const char *where)
{
	struct record_note note = {.type = RECORD_GAP, .reason = reason, .severity = SEVERITY_HIGH};
	uint64_t sum = 0;

	for (unsigned t = 0; t < RECORD_TYPES; t++) {
		if (!l->n[t])
			continue;
		record_note_count(&note, record_loss_name(t, 0), l->n[t]);
		record_note_count(&note, record_loss_name(t, 1), l->first[t]);
		record_note_count(&note, record_loss_name(t, 2), l->last[t]);
		sum += l->n[t];
	}
	*l = (struct record_loss){.losing = false};
	snprintf(note.summary, sizeof(note.summary),
	        "%" PRIu64
	        " records were lost at %s; raise the limit or remove what held them up, the ordinals name "
	        "the missing ones",
	        sum, where);
	log_info("alerts: %" PRIu64 " records were lost at %s", sum, where);
	tell_note(a, &note);
}

static void tell_losses(struct alerts *a, bool at_end)
{
	int64_t now = clock_mono_ns();
	struct record_note note;
	struct record_loss loss;

	if (a->log && (log_failing(a->log) || batch_full(a)))
		return; /* it would be lost itself */
	if (a->log_loss.losing)
		tell_loss(a, &a->log_loss, "log", "the log, which could not be written");
	if (a->queue_loss.losing && (at_end || now - a->loss_told_ns >= LOSS_REPORT_NS)) {
		a->loss_told_ns = now;
		tell_loss(a, &a->queue_loss, "queue", "a full queue (limits.queue)");
	}
	for (size_t i = 0; i < a->n_outputs; i++) {
		struct output *o = a->output[i];

		if (output_take_loss(o, at_end, &loss))
			tell_loss(a, &loss, "output", o->name);
		while (output_take_note(o, &note))
			tell_note(a, &note);
	}
	commit(a);
}

/* ---- keeping the log -------------------------------------------------------------------------------------
 */

/* The log had to forget what a server had not taken.  Told once the servers are past it, so that a long
 * outage is one record, which does not go itself before anybody read it. */
static void tell_dropped(struct alerts *a)
{
	const struct log_dropped *d = &a->dropped;
	struct record_note note = {.type = RECORD_GAP, .reason = "retention", .severity = SEVERITY_HIGH};
	uint64_t n = d->records;

	record_note_dropped(&note, d);
	snprintf(note.summary, sizeof(note.summary),
	        "The log was full (alerts.spool.max_mb): its oldest %" PRIu64
	        " records went before Redis had taken them; give the log more room",
	        n);
	log_error("log %s: %" PRIu64 " records went before Redis had taken them", log_path(a->log), n);
	a->dropped = (struct log_dropped){.first = 0};
	tell_note(a, &note);
}

static void add_dropped(struct alerts *a, const struct log_dropped *d)
{
	struct log_dropped *sum = &a->dropped;

	if (!sum->last)
		log_error("log %s: it is full (alerts.spool.max_mb); its oldest records go before Redis has "
		          "taken them",
		        log_path(a->log));
	sum->first = !sum->last || d->first < sum->first ? d->first : sum->first;
	sum->last = d->last;
	sum->records += d->records;
	for (unsigned t = 0; t < RECORD_TYPES; t++) {
		if (!d->n[t])
			continue;
		if (!sum->n[t] || d->first_ordinal[t] < sum->first_ordinal[t])
			sum->first_ordinal[t] = d->first_ordinal[t];
		sum->n[t] += d->n[t];
		sum->last_ordinal[t] = d->last_ordinal[t];
	}
}

static void keep_log(struct alerts *a)
{
	int64_t now = clock_mono_ns();
	struct log_dropped d;

	if (!a->log)
		return;
	if (log_keep_bounds(a->log, a->logged_ms, WRITER_BYTES, taken_by_all, a, &d))
		add_dropped(a, &d);
	else if (a->dropped.last && taken_by_all(a) > a->dropped.last)
		tell_dropped(a);
	if (now - a->saved_ns < SAVE_NS)
		return;
	a->saved_ns = now;
	for (size_t i = 0; i < a->n_outputs; i++)
		if (a->output[i]->ops->taken)
			log_set_cursor(
			        a->log, a->output[i]->name, a->output[i]->ops->taken(a->output[i], false));
	log_save(a->log);
}

/* What the last run left behind. */
static void tell_beginning(struct alerts *a)
{
	const struct log_found *f = &a->found;
	struct record_note note = {.type = RECORD_GAP, .reason = "restart", .severity = SEVERITY_MEDIUM};

	if (a->log && f->last && taken_by_all(a) + 1 < f->first &&
	        taken_by_all(a) < f->last) /* ... and could not tell it */
		a->dropped = (struct log_dropped){.first = taken_by_all(a) + 1,
		        .last = f->first - 1,
		        .records = f->first - 1 - taken_by_all(a)};
	if (!a->log || !(f->unclean || f->cut || f->missing || f->shorter))
		return;
	snprintf(note.summary, sizeof(note.summary), "%s%s%s",
	        "The sensor ended without a stop: what it had in memory then is missing",
	        f->missing ? "; the log was damaged" : "",
	        f->shorter
	                ? "; the log is shorter than it was, its end was taken away or an old copy put back"
	                : "");
	record_note_count(&note, "cut_bytes", f->cut);
	record_note_count(&note, "missing_records", f->missing);
	tell_note(a, &note);
	commit(a);
}

/* ---- the loop --------------------------------------------------------------------------------------------
 */

static void sweep(struct alerts *a)
{
	int64_t now = clock_mono_ns();

	if (a->replay || now - a->swept_ns < SWEEP_NS)
		return;
	a->swept_ns = now;
	repeats_sweep(a->repeats, a->wall_ns());
	commit(a);
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
	if (queues_empty(a) && (!atomic_load(&a->stopping) || a->end_ns) && !atomic_load(&a->closing))
		poll(&p, 1, a->batch_n ? (int)(RETRY_NS / NS_PER_MS) : TICK_MS);
	atomic_store(&a->sleeping, false);
	if (p.revents && read(a->bell, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		log_error("alerts: eventfd: %s", strerror(errno));
}

/* A log that cannot be written gets the time that is left. */
static void wait_for_log(struct alerts *a)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS / 4};

	while (a->batch_n && clock_mono_ns() < a->end_ns) {
		nanosleep(&pause, NULL);
		commit(a);
	}
	tell_losses(a, true);
	if (!a->batch_n)
		return;
	count_add(&a->lost_log, a->batch_n);
	a->index = a->ref[0].index; /* what may still be written has no hole before it */
	batch_empty(a);
}

/* After the last event: open counts, losses nobody was told of. */
static void finish(struct alerts *a)
{
	repeats_flush(a->repeats);
	commit(a);
	for (unsigned i = 0; i < a->n_mouths; i++)
		for (unsigned t = 0; t < EVENT_TYPES; t++)
			skip_lost(a, &a->mouth[i], t, (uint32_t)count_get(&a->mouth[i].lost[t]));
	a->end_ns = clock_mono_ns() + a->wait_ns;
	tell_losses(a, true);
	if (a->log)
		wait_for_log(a);
}

/* The outputs have not ended yet: what they have to say still goes into the log. */
static void serve_outputs(struct alerts *a)
{
	bool last;

	do {
		last = atomic_load(&a->closing);
		/* not each time as if it were the end: an output that fails loses what tells of it, too */
		tell_losses(a, last);
		keep_log(a);
		if (last && a->dropped.last)
			tell_dropped(a);
		commit(a);
		if (!last)
			sleep_until_rung(a);
	} while (!last);
}

void *writer_run(void *arg)
{
	struct alerts *a = arg;

	pthread_setname_np(pthread_self(), "leaktap-alerts");
	tell_beginning(a);
	for (;;) {
		/* read before the queues: what was told before the stop is then drained below */
		bool last = atomic_load(&a->stopping), any = drain_queues(a);

		sweep(a);
		tell_losses(a, false);
		keep_log(a);
		if (any)
			continue;
		if (last)
			break;
		sleep_until_rung(a);
	}
	finish(a);
	sem_post(&a->finished);
	serve_outputs(a);
	return NULL;
}
