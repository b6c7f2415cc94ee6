/* health.c - see health.h. */
#include "alerts/health.h"

#include "alerts/writer.h"
#include "base/clock.h"

/* Up to which index the output has everything; what an earlier run left counts too. */
static uint64_t taken_by(struct alerts *a, struct output *o)
{
	uint64_t last = log_last(a->log), waiting = o->ops->waiting ? o->ops->waiting(o) : 0;

	if (o->ops->taken)
		return o->ops->taken(o, false);
	return last > waiting ? last - waiting : 0;
}

static uint64_t taken_by_all(struct alerts *a)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < a->n_outputs; i++) {
		uint64_t taken = taken_by(a, a->output[i]);

		least = taken < least ? taken : least;
	}
	return least;
}

/* What waits from earlier runs: when the oldest of it was made, the log knows. */
static void look_back(struct alerts *a, int64_t now_ns)
{
	struct log_reader *reader = log_reader_create(a->log);

	a->looked_back = true;
	if (!reader)
		return;
	for (size_t i = 0; i < a->n_outputs; i++) {
		uint64_t taken = taken_by(a, a->output[i]);
		struct log_line line;
		struct err e;

		if (taken >= a->found.last)
			continue;
		log_seek(reader, taken + 1);
		if (log_read(reader, &line, 1, 1, &e) == 1)
			lag_note(&a->lags, line.index,
			        now_ns - (clock_wall_ns() - line.logged_ms * NS_PER_MS));
	}
	log_reader_destroy(reader);
	if (a->found.last)
		lag_note(
		        &a->lags, a->found.last, now_ns - (clock_wall_ns() - a->found.logged_ms * NS_PER_MS));
}

void alerts_look(struct alerts *a)
{
	int64_t now_ns = clock_mono_ns();

	if (!a->log)
		return;
	if (!a->looked_back)
		look_back(a, now_ns);
	lag_forget(&a->lags, taken_by_all(a));
	if (log_last(a->log))
		lag_note(&a->lags, log_last(a->log), now_ns);
}

static void queue_state(struct mouth *m, struct queue_state *out)
{
	struct queue_use use;
	uint64_t most = atomic_exchange_explicit(&m->most, 0, memory_order_relaxed);
	unsigned full = (unsigned)atomic_exchange_explicit(&m->fullness, 0, memory_order_relaxed), now;

	queue_use(m->queue, &use);
	now = queue_fullness(&use);
	*out = (struct queue_state){.waiting = use.entries,
	        .limit = use.entries_max,
	        .most = most > use.entries ? most : use.entries,
	        .fullness = full > now ? full : now,
	        .taken = use.taken};
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		out->lost += count_get(&m->lost[t]);
}

static void output_state(struct alerts *a, struct output *o, struct output_state *out)
{
	const char *trouble = atomic_load_explicit(&o->trouble, memory_order_relaxed);

	*out = (struct output_state){.name = o->name,
	        .connected = atomic_load_explicit(&o->up, memory_order_relaxed),
	        .trouble = trouble ? trouble : "",
	        .delivered = o->ops->delivered ? o->ops->delivered(o) : count_get(&o->delivered),
	        .lost = count_get(&o->lost_output) + count_get(&o->lost_stop)};
	if (a->log) {
		uint64_t taken = taken_by(a, o), last = log_last(a->log), before = log_first(a->log) - 1;

		out->gone = before > taken && o->ops->taken ? before - taken : 0;
		taken += out->gone;
		out->waiting = last > taken ? last - taken : 0;
		out->lag_ms = lag_ns(&a->lags, taken, clock_mono_ns()) / NS_PER_MS;
	}
}

void alerts_log_state(struct alerts *a, struct alerts_state *out)
{
	uint64_t taken;

	if (!a->log)
		return;
	taken = taken_by_all(a);
	out->keeps_log = true;
	out->log_failing = log_failing(a->log);
	out->log_failing_ms = log_failing_ns(a->log) / NS_PER_MS;
	out->log_bytes = log_bytes(a->log);
	out->log_limit = (uint64_t)a->settings->alerts.spool_max_mb << 20;
	out->log_first = log_first(a->log);
	out->log_last = log_last(a->log);
	out->log_gone = taken + 1 < out->log_first ? out->log_first - 1 - taken : 0;
	taken += out->log_gone;
	out->log_untaken = taken < out->log_last ? out->log_last - taken : 0;
}

void alerts_state(struct alerts *a, struct alerts_state *out)
{
	*out = (struct alerts_state){.n_outputs = a->n_outputs};
	for (unsigned i = 0; i < a->n_mouths && i < ALERTS_QUEUES_MAX; i++)
		queue_state(&a->mouth[i], &out->queue[out->n_queues++]);
	alerts_look(a);
	alerts_log_state(a, out);
	for (size_t i = 0; i < a->n_outputs; i++)
		output_state(a, a->output[i], &out->output[i]);
	alerts_stats(a, &out->stats);
}
