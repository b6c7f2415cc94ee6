/* redis.c - see redis.h: one thread for one server.
 *
 *	RESOLVE -> CONNECT -> PROBE -> RECONCILE -> STREAM
 *	   ^          |         |          ^           |
 *	   +----------+---------+----------+-----------+
 *
 * (resolve, resp_open, publish_begin, publish_batch; what an error leads to stands in `answers`)
 *
 * Says once when the server goes and once when it comes back. */
#include "alerts/redis.h"

#include "alerts/durable.h"
#include "alerts/publish.h"
#include "alerts/resolve.h"
#include "alerts/trim.h"
#include "base/clock.h"
#include "base/hash.h"
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

#define HURRY_MS  100u             /* between tries while the program waits to end */
#define AGAIN_MAX 5u               /* at once, before it waits: somebody may trim all the time */
#define LOOK_MS   1000u            /* without anything to send: is what we gave still there? */
#define LEAVE_NS  (2 * NS_PER_S)   /* for a thread stuck in a name look-up at the end */
#define STEP_NS   (20 * NS_PER_MS) /* between looks at how far it is, at the end */

/* What to do after each class of error (docs/redis.md, "When it fails"). */
static const struct {
	bool reconnect;
	unsigned least_ms, most_ms; /* waits: doubling from the first to the second, random below */
	bool person;                /* it does not end by itself: an alarm */
	const char *word;           /* in heartbeats */
} answers[] = {
        [RESP_WAIT] = {false, 100, 5000, false, "busy"},
        [RESP_MOVE] = {true, 100, 30000, false, "unreachable"},
        [RESP_PERSON] = {true, 1000, 30000, true, "refused"},
        [RESP_FORK] = {true, 1000, 30000, true, "other-log"},
        [RESP_ID] = {false, 100, 5000, false, "other-entries"},
        [RESP_AGAIN] = {false, 100, 5000, false, "changed"},
};

/* Of servers that have others to take their place: somebody else may be the master any moment. */
#define MOST_MS_OF_MANY 2000u

struct redis_output {
	struct output o;
	struct redis_url url;
	bool password_given; /* in the URL: not to be read again */
	struct wire_tls *tls;
	struct resolver *resolver;
	struct log *log;
	struct publisher pub;
	struct trim *trim;
	struct durable durable;
	char client[96];
	struct settings *settings; /* held */
	char sensor[80];
	bool replay;
	const atomic_bool *hurry;

	pthread_t thread;
	bool running, detached; /* detached: the thread did not end in time */
	int wake_fd, stop_fd;
	atomic_bool draining, said_rest; /* said_rest: it has nothing more to tell, but records to send */
	pthread_mutex_t ended_lock;
	pthread_cond_t changed;
	bool ended, orphan; /* orphan: destroyed before it ended, which then takes this memory away */

	/* the thread's */
	unsigned failures, agains; /* in a row */
	uint64_t jitter;
	bool away;
	int64_t away_since_ns;
	char said[256]; /* the last cause that was told, and its class */
	enum resp_class said_class;
};

/* ---- the thread ------------------------------------------------------------------------------------------
 */

static uint64_t redis_waiting(struct output *o)
{
	struct redis_output *r = (struct redis_output *)o;
	uint64_t last = log_last(r->log), cursor = atomic_load(&r->pub.cursor);

	cursor = cursor > r->pub.before ? cursor : r->pub.before;
	return last > cursor ? last - cursor : 0;
}

static uint64_t behind(struct redis_output *r)
{
	uint64_t last = log_last(r->log), cursor = atomic_load(&r->pub.cursor);

	return last > cursor ? last - cursor : 0;
}

/* Those of them that the log has dropped for want of room. */
static uint64_t gone(struct redis_output *r)
{
	uint64_t first = log_first(r->log), cursor = atomic_load(&r->pub.cursor);

	return first > cursor + 1 ? first - 1 - cursor : 0;
}

/* Those that it has. */
static uint64_t kept(struct redis_output *r)
{
	uint64_t lost = gone(r), all = behind(r);

	return all > lost ? all - lost : 0;
}

static void alarm_person(struct redis_output *r, const char *why)
{
	enum severity severity = r->settings->alerts.severity[ALERT_SENSOR_DELIVERY];
	struct record_note n = {.type = EVENT_SENSOR, .severity = severity};
	char lost[96] = "Nothing is lost yet: they wait in the log";

	log_error("%s: %s; somebody must change that, records wait in the log", r->o.name, why);
	if (gone(r))
		snprintf(lost, sizeof(lost),
		        "%" PRIu64 " are lost, for the log was full; the others wait in it", gone(r));
	snprintf(n.summary, sizeof(n.summary), "Records are not delivered to %.100s: %.300s. %s.", r->o.name,
	        why, lost);
	record_note_count(&n, "waiting", kept(r));
	if (gone(r))
		record_note_count(&n, "gone", gone(r));
	output_note(&r->o, &n);
}

/* Said once for each new cause, so that an outage of hours is two lines. */
static void went_away(struct redis_output *r, enum resp_class class, const char *why)
{
	output_fails(&r->o, answers[class].word);
	if (!r->away) {
		r->away = true;
		r->away_since_ns = clock_mono_ns();
	} else if (class == r->said_class && (class == RESP_FORK || !strcmp(r->said, why))) {
		/* another log's end, which the text names, moves on all the time */
		return;
	}
	snprintf(r->said, sizeof(r->said), "%s", why);
	r->said_class = class;
	if (wire_readable(r->stop_fd))
		return;
	if (answers[class].person)
		alarm_person(r, why);
	else
		log_warn("%s: %s; records wait in the log", r->o.name, why);
}

/* waited: records, when it began to take them. */
static void is_back(struct redis_output *r, uint64_t waited)
{
	int64_t s = (clock_mono_ns() - r->away_since_ns) / NS_PER_S;
	char after[48] = "less than a second";

	r->failures = r->agains = 0;
	output_works(&r->o);
	if (s)
		snprintf(after, sizeof(after), "%" PRId64 " s", s);
	if (r->away)
		log_info(
		        "%s: connected again after %s, %" PRIu64 " records waited", r->o.name, after, waited);
	r->away = false;
}

static void back_off(struct redis_output *r, enum resp_class class)
{
	uint64_t most = answers[class].least_ms, limit = answers[class].most_ms, waited_ms = 0, wait_ms;

	if (r->url.kind != REDIS_SERVER && !answers[class].person && limit > MOST_MS_OF_MANY)
		limit = MOST_MS_OF_MANY;
	for (unsigned i = 0; i < r->failures && most < limit; i++)
		most *= 2;
	r->failures++;
	r->jitter = hash64(&r->jitter, sizeof(r->jitter), r->failures);
	wait_ms = 1 + r->jitter % (most < limit ? most : limit);
	while (waited_ms < wait_ms) {
		struct pollfd p = {.fd = resolver_fd(r->resolver), .events = POLLIN};
		uint64_t part = wait_ms - waited_ms < HURRY_MS ? wait_ms - waited_ms : HURRY_MS;

		if (poll(&p, 1, (int)part) > 0)
			return;
		waited_ms += part;
		if (atomic_load(&r->draining))
			return; /* parts of HURRY_MS are the back-off then */
	}
}

/* Until there is something to do: records, the end, the server hanging up, or time for a look. */
static enum resp_class wait_for_work(struct redis_output *r, struct err *e)
{
	struct pollfd p[3] = {{.fd = r->wake_fd, .events = POLLIN},
	        {.fd = resolver_fd(r->resolver), .events = POLLIN},
	        {.fd = wire_fd(r->pub.conn.wire), .events = POLLIN}};
	unsigned trim_ms = trim_wait_ms(r->trim);
	unsigned most_ms = atomic_load(&r->draining) ? HURRY_MS : trim_ms < LOOK_MS ? trim_ms : LOOK_MS;
	int n = poll(p, 3, (int)most_ms);
	uint64_t rung;

	if (!n)
		return publish_look(&r->pub, e);
	if (n > 0 && p[0].revents && read(r->wake_fd, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		return RESP_MOVE;
	if (n > 0 && p[1].revents && resolver_changed(r->resolver, e))
		return RESP_MOVE;
	if (n > 0 && p[2].revents) { /* nobody speaks unasked: it can only be the end */
		err_set(e, "the server closed the connection");
		return RESP_MOVE;
	}
	return RESP_OK;
}

/* A password or a certificate that was put right needs no restart.  What cannot be read leaves what was. */
static void read_files_again(struct redis_output *r)
{
	const struct settings *s = r->settings;
	struct redis_url fresh = {.db = 0};
	struct wire_tls *tls = NULL;

	if (!r->password_given && redis_url_password(&fresh, s->alerts.password_file, NULL) == 0)
		memcpy(r->url.password, fresh.password, sizeof(fresh.password));
	redis_url_wipe(&fresh);
	if (r->url.scheme == REDIS_TLS)
		tls = wire_tls_create(s->alerts.tls_ca, s->alerts.tls_cert, s->alerts.tls_key, NULL);
	if (!tls)
		return;
	wire_tls_destroy(r->tls);
	r->tls = tls;
	resolver_use_tls(r->resolver, tls);
}

/* What is done between two batches, now and then.  At the end nothing of it: records are waited for. */
static bool beside(struct redis_output *r, enum resp_class *class, struct err *e)
{
	if (atomic_load(&r->draining))
		return false;
	if (!trim_wait_ms(r->trim))
		*class = trim_run(r->trim, e);
	else if (durable_due(&r->durable))
		*class = durable_run(&r->durable, e);
	else
		return false;
	return true;
}

static enum resp_class connect_and_begin(struct redis_output *r, struct err *e)
{
	char place[REDIS_PLACE_TEXT];
	enum resp_class class;
	struct redis_url to;
	int opened;

	read_files_again(r);
	if (resolve(r->resolver, r->pub.key_head, true, &to, &class, e) < 0)
		return class == RESP_OK ? RESP_MOVE : class;
	opened = resp_open(&r->pub.conn, &to, r->tls, r->client, resolver_fd(r->resolver), &class, e);
	redis_url_wipe(&to);
	if (opened < 0 && r->url.kind != REDIS_SERVER)
		err_wrap(e, "%s", redis_place_text(&to.at, place));
	if (opened < 0)
		return class == RESP_OK ? RESP_MOVE : class;
	class = publish_begin(&r->pub, e);
	if (class == RESP_OK)
		resolver_add_member(r->resolver, KEY_SENSORS, r->pub.sensor);
	return class;
}

/* One step: connect, settle or send.  Returns what the result means. */
static enum resp_class step(struct redis_output *r, bool *settled, struct err *e)
{
	enum resp_class class;
	uint64_t waited;

	if (!r->pub.conn.wire || !*settled) {
		class = r->pub.conn.wire ? publish_reconcile(&r->pub, e) : connect_and_begin(r, e);
		*settled = class == RESP_OK;
		trim_anew(r->trim);
		durable_anew(&r->durable);
		/* a server that answers may still refuse records (OOM, permissions): it is back when it takes
		 * one */
		if (*settled && !behind(r))
			is_back(r, 0);
		return class;
	}
	if (beside(r, &class, e))
		return class;
	if (publish_idle(&r->pub))
		return wait_for_work(r, e);
	waited = kept(r);
	class = publish_batch(&r->pub, e);
	if (class == RESP_OK)
		is_back(r, waited);
	return class;
}

/* The redirections of a Cluster lead nowhere from a URL of one server: that must be changed. */
static enum resp_class explain(const struct redis_output *r, enum resp_class class, struct err *e)
{
	if (r->url.kind != REDIS_SERVER || strncmp(e->text, "MOVED ", 6))
		return class;
	err_wrap(e, "the server is a node of a Cluster, whose URL is redis+cluster://...");
	return RESP_PERSON;
}

/* A node that was cut off from the others says so for ever, and they have another master by now. */
static bool is_down(const struct redis_output *r, const char *why)
{
	return r->url.kind == REDIS_CLUSTER && !strncmp(why, "CLUSTERDOWN", 11);
}

static void redis_free(struct redis_output *r)
{
	trim_destroy(r->trim);
	publish_clear(&r->pub);
	resolver_destroy(r->resolver);
	wire_tls_destroy(r->tls);
	redis_url_wipe(&r->url);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->ended_lock);
	output_clear(&r->o);
	settings_drop(r->settings);
	log_drop(r->log);
	free(r);
}

static void *publish_thread(void *arg)
{
	struct redis_output *r = arg;
	bool settled = false, orphan;

	pthread_setname_np(pthread_self(), "leaktap-redis");
	while (!wire_readable(r->stop_fd)) {
		struct err e = {.text = ""};
		enum resp_class class;

		if (atomic_load(&r->draining) && trim_tell_rest(r->trim))
			atomic_store(&r->said_rest, true);
		class = step(r, &settled, &e);
		if (class == RESP_OK)
			continue;
		settled = false;
		if (!wire_readable(r->stop_fd) && resolver_changed(r->resolver, &e)) {
			class = RESP_MOVE;
			r->failures = 0;
		}
		if (class == RESP_AGAIN && r->agains++ < AGAIN_MAX)
			continue;
		resolver_heed(r->resolver, e.text);
		class = explain(r, class, &e);
		if (answers[class].reconnect || is_down(r, e.text))
			resp_close(&r->pub.conn);
		went_away(r, class, e.text);
		back_off(r, class);
	}
	pthread_mutex_lock(&r->ended_lock);
	r->ended = true;
	orphan = r->orphan;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->ended_lock);
	if (orphan)
		redis_free(r);
	return NULL;
}

/* ---- the output's face, writer thread --------------------------------------------------------------------
 */

static void ring(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is ringing already */
}

/* Of this run: what was there before is not in its account. */
static uint64_t redis_delivered(struct output *o)
{
	struct redis_output *r = (struct redis_output *)o;
	uint64_t cursor = atomic_load(&r->pub.cursor), lost = count_get(&o->lost_output);

	return cursor > r->pub.before + lost ? cursor - r->pub.before - lost : 0;
}

static uint64_t redis_taken(struct output *o, bool perhaps)
{
	struct publisher *p = &((struct redis_output *)o)->pub;
	uint64_t cursor = atomic_load(&p->cursor), claimed = atomic_load(&p->claimed);

	return perhaps && claimed > cursor ? claimed : cursor;
}

static bool wait_ended(struct redis_output *r, int64_t deadline_ns)
{
	struct timespec until = {.tv_sec = deadline_ns / NS_PER_S, .tv_nsec = deadline_ns % NS_PER_S};
	bool ended;

	pthread_mutex_lock(&r->ended_lock);
	while (!r->ended && clock_mono_ns() < deadline_ns)
		pthread_cond_timedwait(&r->changed, &r->ended_lock, &until);
	ended = r->ended;
	pthread_mutex_unlock(&r->ended_lock);
	return ended;
}

/* Until the server has everything, or the deadline.  A replay that was not told to hurry waits as long as
 * it goes on. */
static void wait_delivered(struct redis_output *r, int64_t deadline_ns)
{
	const struct timespec pause = {.tv_nsec = STEP_NS};
	int64_t grace_ns = deadline_ns - clock_mono_ns();
	uint64_t left, now;

	while (!atomic_load(&r->said_rest) && clock_mono_ns() < deadline_ns)
		nanosleep(&pause, NULL);
	left = behind(r);
	while ((now = behind(r)) && clock_mono_ns() < deadline_ns) {
		if (now < left && r->replay && !atomic_load(r->hurry))
			deadline_ns = clock_mono_ns() + grace_ns;
		left = now;
		nanosleep(&pause, NULL);
	}
}

static void redis_drain(struct output *o, int64_t deadline_ns)
{
	struct redis_output *r = (struct redis_output *)o;

	if (!r->running)
		return;
	atomic_store(&r->draining, true);
	ring(r->wake_fd);
	wait_delivered(r, deadline_ns);
}

static void redis_stop(struct output *o, int64_t deadline_ns)
{
	struct redis_output *r = (struct redis_output *)o;
	uint64_t left;

	if (!r->running)
		return;
	redis_drain(o, deadline_ns); /* of what the writer had to say at last */
	ring(r->stop_fd);
	r->detached = !wait_ended(r, clock_mono_ns() + LEAVE_NS);
	if (r->detached)
		pthread_detach(r->thread);
	else
		pthread_join(r->thread, NULL);
	r->running = false;
	log_unwatch(r->log, r->wake_fd);
	left = behind(r);
	if (left)
		log_warn("%s: %" PRIu64 " records wait in the log %s and are delivered the next time",
		        o->name, left, log_path(r->log));
}

static void redis_destroy(struct output *o)
{
	struct redis_output *r = (struct redis_output *)o;
	bool orphan;

	if (r->running)
		redis_stop(o, 0);
	pthread_mutex_lock(&r->ended_lock);
	orphan = r->orphan = r->detached && !r->ended;
	pthread_mutex_unlock(&r->ended_lock);
	if (!orphan)
		redis_free(r);
}

static const struct output_ops redis_ops = {
        .delivered = redis_delivered,
        .waiting = redis_waiting,
        .taken = redis_taken,
        .drain = redis_drain,
        .stop = redis_stop,
        .destroy = redis_destroy,
};

/* Where to go on.  A server that was never met gets what is young in the log, and all that comes. */
static void take_cursor(struct redis_output *r)
{
	uint64_t cursor, last = log_last(r->log), old;
	bool known = log_cursor(r->log, r->o.name, &cursor);

	r->pub.contacted = known && log_met(r->log, r->o.name);
	if (!known) {
		old = log_index_before(r->log, clock_wall_ns() / NS_PER_MS - REWIND_MS, 0);
		cursor = last > REWIND_RECORDS ? last - REWIND_RECORDS : 0;
		cursor = cursor > old ? cursor : old;
	}
	if (cursor > last)
		cursor = last; /* the log is shorter than it was; the server will tell */
	atomic_store(&r->pub.cursor, cursor);
	atomic_store(&r->pub.claimed, cursor);
	log_set_cursor(r->log, r->o.name, cursor);
	log_set_met(r->log, r->o.name, r->pub.contacted);
}

static int redis_init(struct redis_output *r, const char *url, const struct output_how *how, struct err *e)
{
	const struct settings *s = how->settings;

	if (redis_url_parse(url, &r->url, e) < 0)
		return -1;
	r->password_given = r->url.password[0] != '\0';
	if (redis_url_password(&r->url, s->alerts.password_file, e) < 0)
		return -1;
	snprintf(r->o.name, sizeof(r->o.name), "%s", r->url.shown);
	if (r->url.scheme == REDIS_TLS) {
		r->tls = wire_tls_create(s->alerts.tls_ca, s->alerts.tls_cert, s->alerts.tls_key, e);
		if (!r->tls)
			return err_wrap(e, "%s", r->url.shown);
	}
	r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->wake_fd < 0 || r->stop_fd < 0 || publish_init(&r->pub, r->log, &r->o, r->sensor) < 0 ||
	        log_watch(r->log, r->wake_fd) < 0)
		return err_set(e, "%s: no memory or descriptors", r->url.shown);
	r->resolver = resolver_create(&r->url, r->tls, r->stop_fd, e);
	if (!r->resolver || resolver_follow(r->resolver, e) < 0)
		return -1;
	take_cursor(r);
	r->trim = trim_create(&r->pub, s, how->trim_ms);
	if (!r->trim)
		return err_set(e, "%s: no memory", r->url.shown);
	durable_init(&r->durable, &r->pub, s->alerts.streams_replicas);
	snprintf(r->client, sizeof(r->client), "leaktap-%.80s", how->sensor);
	r->jitter = hash_seed();
	if (pthread_create(&r->thread, NULL, publish_thread, r))
		return err_set(e, "%s: no thread", r->url.shown);
	r->running = true;
	return 0;
}

struct output *redis_output_open(const char *url, const struct output_how *how, struct err *e)
{
	struct redis_output *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r) {
		err_set(e, "no memory");
		return NULL;
	}
	output_init(&r->o, &redis_ops, "");
	r->log = log_hold(how->log);
	r->wake_fd = r->stop_fd = -1;
	r->settings = settings_hold((struct settings *)how->settings);
	snprintf(r->sensor, sizeof(r->sensor), "%s", how->sensor);
	r->replay = how->replay;
	r->hurry = how->hurry;
	pthread_mutex_init(&r->ended_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (redis_init(r, url, how, e) < 0) {
		redis_destroy(&r->o);
		return NULL;
	}
	return &r->o;
}
