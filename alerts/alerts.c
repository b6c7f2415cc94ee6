/* alerts.c - see alerts.h: telling, start and stop.  The writer's thread is in writer.c.
 *
 *	worker 0  -> teller 0 -> queue 0 -+
 *	worker n  -> teller n -> queue n -+-> writer: numbers, repeats -> log -+-> Redis thread -> server
 *	control   -> teller   -> queue   -+                                    +-> thread -> stdout, file
 *
 * Numbers (index, ordinal, logged) are the writer's alone.  A record that a queue or the log refused has used
 * up its ordinal, so that whoever reads the records sees a hole of exactly that size; indexes are given only
 * to what is kept, so that they stay dense. */
#include "alerts/writer.h"

#include "alerts/redis.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_MIN       16u
#define QUEUE_RECORD    1024u /* bytes reserved for each record of limits.queue */
#define QUEUE_BYTES_MIN (512u << 10)
#define QUEUE_BYTES_MAX (64u << 20)
#define BATCH_ROOM      (WRITER_BYTES + RECORD_LINE_MAX + 1)
#define REPLAY_WAIT_US  200

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

/* The group of the event's source as the rules number it: by the order in which their settings name groups,
 * which need not be the order of the settings that the sensor began with. */
static uint16_t group_for_rules(const struct mouth *m, const struct event *ev)
{
	uint16_t group = ev->facts ? ev->facts->group : GROUP_NONE;

	if (group == GROUP_NONE || m->rules == m->a->settings)
		return group;
	return networks_group_by_name(
	        m->rules->networks, networks_group_name(m->a->settings->networks, group));
}

/* A reload costs each teller one look at a number for each event. */
static const struct suppress_rule *quiet_rule(struct mouth *m, const struct event *ev)
{
	struct alerts *a = m->a;

	if (atomic_load_explicit(&a->rules_version, memory_order_acquire) != m->rules_version) {
		pthread_mutex_lock(&a->rules_lock);
		settings_drop(m->rules);
		m->rules = settings_hold(a->rules);
		m->rules_version = atomic_load(&a->rules_version);
		pthread_mutex_unlock(&a->rules_lock);
	}
	return record_suppressed(ev, group_for_rules(m, ev), &m->rules->alerts.suppress);
}

void alerts_reload_rules(struct alerts *a, struct settings *s)
{
	pthread_mutex_lock(&a->rules_lock);
	settings_drop(a->rules);
	a->rules = settings_hold(s);
	atomic_fetch_add_explicit(&a->rules_version, 1, memory_order_release);
	pthread_mutex_unlock(&a->rules_lock);
}

/* No record: what does not fit is missing in the sums, as the packets of a full ring are. */
static void tell_volume(struct mouth *m, const struct event *ev)
{
	struct record_head head;
	size_t n;
	char *to;

	if (m->a->settings->alerts.muted[ALERT_VOLUME_EXCEEDED])
		return;
	n = record_tail(ev, m->a->settings, quiet_rule(m, ev), &head, m->scratch, RECORD_TAIL_MAX);
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
	if (is_muted(m->a, ev) && !ev->test) {
		count_add(&m->muted, 1);
		return;
	}
	n = record_tail(ev, m->a->settings, quiet_rule(m, ev), &head, m->scratch, RECORD_TAIL_MAX);
	to = n ? reserve(m, sizeof(head) + n) : NULL;
	if (!to) {
		lose(m, ev->type);
		return;
	}
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		head.lost[t] = (uint32_t)count_get(&m->lost[t]);
	if (head.replaced)
		count_add(&m->replaced, head.replaced);
	if (head.suppressed)
		count_add(&m->suppressed, 1);
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

/* ---- the log ---------------------------------------------------------------------------------------------
 */

static bool goes_to_redis(const struct alerts_options *o)
{
	for (size_t i = 0; i < o->n_outputs; i++)
		if (output_is_redis(o->outputs[i]))
			return true;
	return false;
}

/* Makes the folders of a path below one that is there; whether it worked shows when it is used. */
static void make_path(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
}

/* Where the log is kept when no setting says it (systemd.exec(5), XDG base directories); -1: nowhere. */
static int state_folder(char *buf, size_t cap)
{
	const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"),
	           *home = getenv("HOME");

	if (systemd && *systemd == '/')
		snprintf(buf, cap, "%.*s", (int)strcspn(systemd, ":"), systemd);
	else if (xdg && *xdg == '/')
		snprintf(buf, cap, "%s/leaktap", xdg);
	else if (home && *home == '/')
		snprintf(buf, cap, "%s/.local/state/leaktap", home);
	else
		return -1;
	make_path(buf);
	return 0;
}

/* As the settings have it, "" when they do not say. */
static const char *log_folder(const struct settings *s)
{
	return s->evidence.directory[0] ? s->evidence.directory : s->alerts.spool_directory;
}

long alerts_holder(const struct settings *s, char *path, size_t cap)
{
	const char *set = log_folder(s);
	char state[512];

	path[0] = '\0';
	if (!*set && state_folder(state, sizeof(state)) < 0)
		return 0;
	snprintf(path, cap, "%s/%s", *set ? set : state, s->sensor.name);
	return log_holder(path);
}

/* A live sensor always keeps one, a replay when it is asked to or delivers into Redis. */
static int open_log(struct alerts *a, const struct alerts_options *o, struct err *e)
{
	const struct settings *s = a->settings;
	const char *set = log_folder(s);
	bool needed = goes_to_redis(o) || (*set && (!o->replay || o->log_asked));
	char state[512];
	struct log_options lo = {.directory = set,
	        .name = a->sensor,
	        .max_bytes = (uint64_t)s->alerts.spool_max_mb << 20,
	        .retention_days = s->evidence.retention_days,
	        .io = o->io};

	if (o->replay && !needed)
		return 0;
	if (!*set) {
		if (state_folder(state, sizeof(state)) < 0 && needed)
			return err_set(
			        e, "records for Redis are kept in a log: evidence.directory must say where");
		lo.directory = state;
	}
	a->log = log_open(&lo, &a->found, e);
	if (!a->log && !needed &&
	        !a->found.in_use) { /* alerts to a terminal must not fail for want of a folder */
		log_warn("%s; no log is kept", e->text);
		return 0;
	}
	if (!a->log)
		return -1;
	a->index = a->found.last;
	a->logged_ms = a->found.logged_ms;
	memcpy(a->ordinal_base, a->found.ordinal, sizeof(a->ordinal_base));
	return 0;
}

/* ---- start and stop --------------------------------------------------------------------------------------
 */

static int open_outputs(struct alerts *a, const struct alerts_options *o, struct err *e)
{
	struct output_how how = {.settings = a->settings,
	        .sensor = a->sensor,
	        .log = a->log,
	        .replay = a->replay,
	        .trim_ms = o->trim_ms,
	        .hurry = &a->hurry,
	        .give_up_ns = &a->give_up_ns};

	for (size_t i = 0; i < o->n_outputs; i++) {
		a->output[i] = output_open(o->outputs[i], &how, e);
		if (!a->output[i])
			return err_wrap(e, "output %zu", i + 1);
		a->n_outputs++;
	}
	return 0;
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
		m->rules = settings_hold(a->rules);
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
	const struct repeat_sink sink = {.arg = a, .tell = writer_number};

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

struct alerts *alerts_start(struct settings *s, const struct alerts_options *given, struct err *e)
{
	static const char *const to_stdout[] = {"-"};
	struct alerts_options o = *given;
	struct alerts *a = calloc(1, sizeof(*a));

	if (!a) {
		err_set(e, "alerts: no memory");
		return NULL;
	}
	if (!o.n_outputs) {
		o.outputs = to_stdout;
		o.n_outputs = 1;
	}
	a->settings = s;
	a->rules = settings_hold(s);
	pthread_mutex_init(&a->rules_lock, NULL);
	a->flows = o.flows;
	a->replay = o.replay;
	a->wall_ns = o.wall_ns ? o.wall_ns : clock_wall_ns;
	a->bell = -1;
	sem_init(&a->finished, 0, 0);
	a->n_mouths = o.workers + 1;
	snprintf(a->sensor, sizeof(a->sensor), "%.72s%s", s->sensor.name, o.replay ? "-replay" : "");
	if (o.n_outputs > ALERTS_OUTPUTS_MAX)
		err_set(e, "at most %d outputs", ALERTS_OUTPUTS_MAX);
	else if (!open_mouths(a, e) && !open_writer(a, e) && !open_log(a, &o, e) && !open_outputs(a, &o, e)) {
		a->index++; /* of the first record */
		a->running = !pthread_create(&a->thread, NULL, writer_run, a);
		if (a->running)
			return a;
		err_set(e, "alerts: no thread");
	}
	alerts_destroy(a);
	return NULL;
}

void alerts_hurry(struct alerts *a)
{
	if (!atomic_load(&a->hurry)) {
		atomic_store(&a->give_up_ns, INT64_MAX); /* until alerts_stop() says how long */
		atomic_store(&a->hurry, true);
	}
}

/* What the outputs have now is what the next start begins with. */
static void remember_outputs(struct alerts *a)
{
	if (!a->log)
		return;
	for (size_t i = 0; i < a->n_outputs; i++)
		if (a->output[i]->ops->taken)
			log_set_cursor(
			        a->log, a->output[i]->name, a->output[i]->ops->taken(a->output[i], false));
	log_save(a->log);
}

static void ring_writer(struct alerts *a, atomic_bool *why)
{
	uint64_t one = 1;

	atomic_store(why, true);
	if (write(a->bell, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("alerts: eventfd: %s", strerror(errno));
}

void alerts_stop(struct alerts *a, unsigned wait_ms)
{
	int64_t deadline = clock_mono_ns() + wait_ms * NS_PER_MS;

	if (!a->running)
		return;
	a->wait_ns = wait_ms * NS_PER_MS;
	if (!a->replay) { /* a replay that came to its end waits for its reader; one told to end does not */
		atomic_store(&a->give_up_ns, deadline);
		atomic_store(&a->hurry, true);
	} else if (atomic_load(&a->hurry)) {
		atomic_store(&a->give_up_ns, deadline);
	}
	ring_writer(a, &a->stopping);
	while (sem_wait(&a->finished) < 0)
		continue; /* EINTR */
	for (size_t i = 0; i < a->n_outputs; i++)
		if (a->output[i]->ops->drain)
			a->output[i]->ops->drain(a->output[i], a->end_ns);
	ring_writer(a, &a->closing);
	pthread_join(a->thread, NULL);
	a->running = false;
	for (size_t i = 0; i < a->n_outputs; i++)
		a->output[i]->ops->stop(a->output[i], a->end_ns);
	remember_outputs(a);
}

static void output_stats(struct output *o, struct alerts_output_stats *out)
{
	*out = (struct alerts_output_stats){.name = o->name,
	        .delivered = o->ops->delivered ? o->ops->delivered(o) : count_get(&o->delivered),
	        .waiting = o->ops->waiting ? o->ops->waiting(o) : 0,
	        .lost_output = count_get(&o->lost_output),
	        .lost_stop = count_get(&o->lost_stop),
	        .trimmed = count_get(&o->trimmed),
	        .trimmed_unread = count_get(&o->trimmed_unread),
	        .durable = count_get(&o->durable)};
}

void alerts_stats(struct alerts *a, struct alerts_stats *out)
{
	const struct alerts_output_stats *least;

	*out = (struct alerts_stats){.passed = count_get(&a->passed),
	        .folded = count_get(&a->folded),
	        .updates = count_get(&a->updates),
	        .own = count_get(&a->own),
	        .lost_log = count_get(&a->lost_log),
	        .log = a->log ? log_path(a->log) : NULL,
	        .n_outputs = a->n_outputs};
	for (unsigned i = 0; i < a->n_mouths; i++) {
		const struct mouth *m = &a->mouth[i];

		out->told += count_get(&m->told);
		out->muted += count_get(&m->muted);
		out->suppressed += count_get(&m->suppressed);
		out->replaced += count_get(&m->replaced);
		out->lost_queue += lost_sum(m);
	}
	for (unsigned t = 0; t < RECORD_TYPES; t++) {
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
	log_close(a->log);
	for (unsigned i = 0; a->mouth && i < a->n_mouths; i++) {
		settings_drop(a->mouth[i].rules);
		queue_destroy(a->mouth[i].queue);
		free(a->mouth[i].scratch);
	}
	free(a->mouth);
	settings_drop(a->rules);
	pthread_mutex_destroy(&a->rules_lock);
	repeats_destroy(a->repeats);
	volumes_destroy(a->volumes);
	if (a->bell >= 0)
		close(a->bell);
	sem_destroy(&a->finished);
	free(a->batch);
	free(a->scratch);
	free(a);
}
