/* redis.c - see redis.h: one thread for one server; connects, keeps at it, and says once when it goes and
 * once when it comes back.  What is said to the server stands in publish.c. */
#include "alerts/redis.h"

#include "alerts/publish.h"
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

#define BACKOFF_MIN_MS  100u
#define BACKOFF_MAX_MS  30000u
#define PERSON_MS       30000u         /* between tries when only a person can help */
#define HURRY_MS        100u           /* between tries while the program waits to end */
#define ID_REFUSALS_MAX 3u             /* at once, before it waits: another writer's clock may run ahead */
#define LEAVE_NS        (2 * NS_PER_S) /* for a thread stuck in a name look-up at the end */
#define RECORD_BYTES    2048u /* memory for each record of limits.pending; measured records are about 1 kB */
#define PENDING_MIN     16u
#define ROOM_WAIT_NS    (50 * NS_PER_MS)

struct redis_output {
	struct output o;
	struct redis_url url;
	struct wire_tls *tls;
	struct pending *pending;
	struct publisher pub;
	char client[96];
	size_t most; /* records of pending */
	bool replay;
	const atomic_bool *hurry;

	pthread_t thread;
	bool running, left; /* left: the thread did not end in time and keeps this memory */
	int wake_fd, stop_fd;
	atomic_bool draining, connected;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool tried, reached, ended;
	uint64_t head_index;

	/* the thread's */
	unsigned failures, id_refusals; /* in a row */
	uint64_t jitter;
	bool away;
	int64_t away_since_ns;
	char said[256]; /* the last cause that was told */
};

/* ---- the thread ------------------------------------------------------------------------------------------
 */

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static void first_try_over(struct redis_output *r, bool reached)
{
	pthread_mutex_lock(&r->lock);
	if (!r->tried) {
		r->tried = true;
		r->reached = reached;
		r->head_index = r->pub.base.index;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
}

/* Said once for each new cause, so that an outage of hours is two lines. */
static void went_away(struct redis_output *r, enum resp_class class, const char *why)
{
	atomic_store(&r->connected, false);
	first_try_over(r, false);
	if (!r->away) {
		r->away = true;
		r->away_since_ns = clock_mono_ns();
	} else if (!strcmp(r->said, why)) {
		return;
	}
	snprintf(r->said, sizeof(r->said), "%s", why);
	if (readable(r->stop_fd))
		return;
	if (class == RESP_PERSON)
		log_error("%s: %s; somebody must change that, records wait in memory (at most %zu)",
		        r->o.name, why, r->most);
	else
		log_warn("%s: %s; records wait in memory (at most %zu)", r->o.name, why, r->most);
}

static void is_back(struct redis_output *r)
{
	atomic_store(&r->connected, true);
	first_try_over(r, true);
	r->failures = 0;
	if (r->away)
		log_info("%s: connected after %" PRId64 " s, %" PRIu64 " records wait", r->o.name,
		        (int64_t)((clock_mono_ns() - r->away_since_ns) / NS_PER_S),
		        pending_waiting(r->pending));
	r->away = false;
}

static void back_off(struct redis_output *r, enum resp_class class)
{
	uint64_t most = BACKOFF_MIN_MS, waited_ms = 0, wait_ms;

	for (unsigned i = 0; i < r->failures && most < BACKOFF_MAX_MS; i++)
		most *= 2;
	r->failures++;
	r->jitter = hash64(&r->jitter, sizeof(r->jitter), r->failures);
	wait_ms = 1 + r->jitter % (most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS); /* full jitter */
	if (class == RESP_PERSON)
		wait_ms = PERSON_MS;
	while (waited_ms < wait_ms) {
		struct pollfd p = {.fd = r->stop_fd, .events = POLLIN};
		uint64_t part = wait_ms - waited_ms < HURRY_MS ? wait_ms - waited_ms : HURRY_MS;

		if (poll(&p, 1, (int)part) > 0)
			return;
		waited_ms += part;
		if (atomic_load(&r->draining))
			return; /* parts of HURRY_MS are the back-off then */
	}
}

/* Until there is something to do: records, the end, or the server hanging up. */
static bool wait_for_work(struct redis_output *r)
{
	struct pollfd p[3] = {{.fd = r->wake_fd, .events = POLLIN}, {.fd = r->stop_fd, .events = POLLIN},
	        {.fd = wire_fd(r->pub.conn.wire), .events = POLLIN}};
	uint64_t rung;

	if (poll(p, 3, -1) < 0)
		return errno == EINTR;
	if (p[0].revents && read(r->wake_fd, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		return false;
	return !p[2].revents; /* nobody speaks unasked: it can only be the end */
}

static enum resp_class connect_and_begin(struct redis_output *r, struct err *e)
{
	enum resp_class class;

	if (resp_open(&r->pub.conn, &r->url, r->tls, r->client, r->stop_fd, &class, e) < 0)
		return class == RESP_OK ? RESP_MOVE : class;
	return publish_begin(&r->pub, e);
}

/* One step: connect, settle or send.  Returns what the result means. */
static enum resp_class step(struct redis_output *r, bool *settled, struct err *e)
{
	enum resp_class class;
	size_t sent;

	if (!r->pub.conn.wire || !*settled) {
		class = r->pub.conn.wire ? publish_reconcile(&r->pub, e) : connect_and_begin(r, e);
		*settled = class == RESP_OK;
		first_try_over(r, *settled);
		/* a server that answers may still refuse records (OOM, permissions): it is back when it takes
		 * one */
		if (*settled && (!r->away || !pending_waiting(r->pending)))
			is_back(r);
		return class;
	}
	if (!pending_waiting(r->pending) && !r->pub.publishes) {
		if (wait_for_work(r))
			return RESP_OK;
		err_set(e, "the server closed the connection");
		return RESP_MOVE;
	}
	class = publish_batch(&r->pub, &sent, e);
	if (class == RESP_OK && r->away)
		is_back(r);
	if (sent)
		r->id_refusals = 0;
	return class;
}

static void *publish_thread(void *arg)
{
	struct redis_output *r = arg;
	bool settled = false;

	pthread_setname_np(pthread_self(), "leaktap-redis");
	while (!readable(r->stop_fd)) {
		struct err e = {.text = ""};
		enum resp_class class = step(r, &settled, &e);

		if (class == RESP_OK)
			continue;
		settled = false;
		if (class == RESP_MOVE || class == RESP_PERSON)
			resp_close(&r->pub.conn);
		if (class == RESP_ID && r->id_refusals++ < ID_REFUSALS_MAX)
			continue; /* asks at once, gives new IDs */
		went_away(r, class, e.text);
		back_off(r, class);
	}
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
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

/* A replay can wait for a server that works; one that is away costs records there too. */
static bool push(struct redis_output *r, const struct record_ref *ref)
{
	while (!pending_push(r->pending, ref)) {
		if (!r->replay || !atomic_load(&r->connected) || atomic_load(r->hurry))
			return false;
		ring(r->wake_fd);
		pending_wait_room(r->pending, ROOM_WAIT_NS);
	}
	return true;
}

static void redis_take(struct output *o, const struct record_ref *ref, size_t n)
{
	struct redis_output *r = (struct redis_output *)o;

	for (size_t i = 0; i < n; i++) {
		if (push(r, &ref[i]))
			continue;
		count_add(&o->lost_pending, 1);
		if (output_lose(o, &ref[i]))
			log_warn("%s: %" PRIu64
			         " records wait, which is all that limits.pending allows; records are "
			         "being lost",
			        o->name, pending_waiting(r->pending));
	}
	if (n)
		ring(r->wake_fd);
}

static bool redis_recovered(struct output *o)
{
	return pending_relaxed(((struct redis_output *)o)->pending);
}

static uint64_t redis_waiting(struct output *o)
{
	return pending_waiting(((struct redis_output *)o)->pending);
}

static void redis_hasten(struct output *o)
{
	struct redis_output *r = (struct redis_output *)o;

	atomic_store(&r->draining, true);
	ring(r->wake_fd);
}

static bool wait_ended(struct redis_output *r, int64_t deadline_ns)
{
	struct timespec until = {.tv_sec = deadline_ns / NS_PER_S, .tv_nsec = deadline_ns % NS_PER_S};
	bool ended;

	pthread_mutex_lock(&r->lock);
	while (!r->ended && clock_mono_ns() < deadline_ns)
		pthread_cond_timedwait(&r->changed, &r->lock, &until);
	ended = r->ended;
	pthread_mutex_unlock(&r->lock);
	return ended;
}

static void redis_stop(struct output *o, int64_t deadline_ns)
{
	struct redis_output *r = (struct redis_output *)o;
	uint64_t left;

	if (!r->running)
		return;
	redis_hasten(o);
	pending_wait_empty(r->pending, deadline_ns);
	ring(r->stop_fd);
	r->left = !wait_ended(r, clock_mono_ns() + LEAVE_NS);
	if (r->left)
		pthread_detach(r->thread);
	else
		pthread_join(r->thread, NULL);
	r->running = false;
	left = pending_waiting(r->pending);
	count_add(&o->lost_stop, left);
	if (left)
		log_warn("%s: %" PRIu64 " records could not be delivered before the end", o->name, left);
}

static void redis_destroy(struct output *o)
{
	struct redis_output *r = (struct redis_output *)o;

	if (r->running)
		redis_stop(o, 0);
	if (r->left)
		return; /* its thread may still wake up */
	publish_clear(&r->pub);
	pending_destroy(r->pending);
	wire_tls_destroy(r->tls);
	redis_url_wipe(&r->url);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static const struct output_ops redis_ops = {
        .take = redis_take,
        .recovered = redis_recovered,
        .waiting = redis_waiting,
        .hasten = redis_hasten,
        .stop = redis_stop,
        .destroy = redis_destroy,
};

static int redis_init(struct redis_output *r, const char *url, const struct output_how *how, struct err *e)
{
	const struct settings *s = how->settings;

	if (redis_url_parse(url, &r->url, e) < 0 ||
	        redis_url_password(&r->url, s->alerts.password_file, e) < 0)
		return -1;
	snprintf(r->o.name, sizeof(r->o.name), "%s", r->url.shown);
	if (r->url.scheme == REDIS_TLS) {
		r->tls = wire_tls_create(s->alerts.tls_ca, s->alerts.tls_cert, s->alerts.tls_key, e);
		if (!r->tls)
			return err_wrap(e, "%s", r->url.shown);
	}
	r->most = s->limits.pending > PENDING_MIN ? s->limits.pending : PENDING_MIN;
	r->pending = pending_create(r->most, r->most * RECORD_BYTES);
	r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!r->pending || r->wake_fd < 0 || r->stop_fd < 0 ||
	        publish_init(&r->pub, r->pending, &r->o, how->sensor) < 0)
		return err_set(e, "%s: no memory or descriptors", r->url.shown);
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
	r->o.ops = &redis_ops;
	r->wake_fd = r->stop_fd = -1;
	r->replay = how->replay;
	r->hurry = how->hurry;
	pthread_mutex_init(&r->lock, NULL);
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

bool redis_output_first(struct output *o, int64_t deadline_ns, uint64_t *index)
{
	struct redis_output *r = (struct redis_output *)o;
	struct timespec until = {.tv_sec = deadline_ns / NS_PER_S, .tv_nsec = deadline_ns % NS_PER_S};
	bool reached;

	pthread_mutex_lock(&r->lock);
	while (!r->tried && clock_mono_ns() < deadline_ns)
		pthread_cond_timedwait(&r->changed, &r->lock, &until);
	reached = r->tried && r->reached;
	*index = r->head_index;
	pthread_mutex_unlock(&r->lock);
	return reached;
}
