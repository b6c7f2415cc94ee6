/* resolve.c - see resolve.h. */
#include "alerts/resolve.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000u /* with one Sentinel or node, each step */
#define PATIENCE_NS (PATIENCE_MS * NS_PER_MS)
#define RESOLVE_NS  (10 * NS_PER_S) /* with all of them; the next call goes on where this one ended */
#define LOOK_MS     1000            /* between questions to the Sentinels */
#define PASS_OVER   5u              /* looks, after a Sentinel did not answer */
#define LEAVE_NS    (2 * NS_PER_S)  /* for a thread that is stuck in a name look-up at the end */

struct resolver {
	const struct redis_url *url;
	struct redis_url sentinel; /* a Sentinel's: its password, its place is filled in */
	atomic_uint refs;          /* the owner and the second thread */

	pthread_mutex_t lock; /* of what stands below */
	pthread_cond_t changed;
	struct wire_tls *tls;
	struct redis_place current;    /* what resolve() named last; host "": nothing yet */
	struct redis_place other;      /* what the Sentinels name instead */
	unsigned first;                /* the seed to ask first */
	bool ended;                    /* the second thread */
	int stop_fd, end_fd, moved_fd; /* of the owner; our own, of the second thread; both interrupt */
	int fd;                        /* epoll over stop_fd and moved_fd */
	bool following;

	/* the owner's */
	struct slot_map *map, *answer; /* Cluster: what is known, and what is being read */
	bool map_known, hinted;
	unsigned hint_slot, next;
	struct redis_place hint;

	/* the second thread's: a connection to each Sentinel */
	struct resp conn[REDIS_SEEDS_MAX];
	unsigned pass_over[REDIS_SEEDS_MAX];
};

/* ---- questions -------------------------------------------------------------------------------------------
 */

static int64_t patience(void)
{
	return clock_mono_ns() + PATIENCE_NS;
}

static struct wire_tls *tls_of(struct resolver *r)
{
	struct wire_tls *t;

	pthread_mutex_lock(&r->lock);
	t = wire_tls_ref(r->tls);
	pthread_mutex_unlock(&r->lock);
	return t;
}

static int open_at(struct resolver *r, struct resp *conn, const struct redis_url *base,
        const struct redis_place *at, int stop_fd, enum resp_class *class, struct err *e)
{
	struct redis_url u = *base;
	struct wire_tls *tls = tls_of(r);
	int ret;

	u.at = *at;
	u.kind = REDIS_SERVER;
	u.patience_ms = PATIENCE_MS;
	ret = resp_open(conn, &u, tls, "leaktap-resolve", stop_fd, class, e);
	wire_tls_destroy(tls);
	redis_url_wipe(&u);
	return ret;
}

/* Two questions on one connection; the second answer, the epoch, is only a help.  As sentinel_read_master().
 */
static int ask_sentinel(struct resolver *r, struct resp *conn, struct redis_place *master, uint64_t *epoch,
        enum resp_class *class, struct err *e)
{
	const char *name = r->sentinel.master;
	redisReply *reply;
	int ret;

	*class = RESP_MOVE;
	if (resp_add_words(conn, (const char *[]){"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name, NULL}) < 0 ||
	        resp_add_words(conn, (const char *[]){"SENTINEL", "MASTER", name, NULL}) < 0)
		return err_set(e, "no memory");
	if (resp_send(conn, patience(), e) < 0 || !(reply = resp_read(conn, patience(), e)))
		return -1;
	if (reply->type == REDIS_REPLY_ERROR)
		*class = resp_class_of(reply->str);
	ret = sentinel_read_master(reply, master, e);
	freeReplyObject(reply);
	if (!(reply = resp_read(conn, patience(), e)))
		return -1;
	*epoch = sentinel_read_epoch(reply);
	freeReplyObject(reply);
	return ret;
}

static int say_where(const struct redis_place *p, const char *what, struct err *e)
{
	char text[REDIS_PLACE_TEXT];

	return err_wrap(e, "%s %s", what, redis_place_text(p, text));
}

/* Of what several said, what the first of them said: whoever was asked first, the text is the same, and told
 * once. */
struct complaint {
	unsigned of; /* UINT_MAX: none yet */
	enum resp_class class;
	struct err text;
};

static void complain(struct complaint *c, unsigned of, enum resp_class class, const struct err *e)
{
	if (of < c->of)
		*c = (struct complaint){.of = of, .class = class, .text = *e};
}

static int settle_on(const struct complaint *c, enum resp_class *class, struct err *e)
{
	if (c->of == UINT_MAX)
		return err_set(e, "interrupted");
	*class = c->class;
	*e = c->text;
	return -1;
}

/* ---- Sentinel --------------------------------------------------------------------------------------------
 */

/* One Sentinel, asked once.  As sentinel_read_master(). */
static int ask_once(
        struct resolver *r, unsigned k, struct redis_place *master, enum resp_class *class, struct err *e)
{
	const struct redis_place *at = &r->url->seed[k];
	uint64_t epoch = 0;
	struct resp conn;
	int got;

	if (open_at(r, &conn, &r->sentinel, at, r->stop_fd, class, e) < 0)
		return say_where(at, "Sentinel", e);
	got = ask_sentinel(r, &conn, master, &epoch, class, e);
	resp_close(&conn);
	return got < 0 ? say_where(at, "Sentinel", e) : got;
}

/* The first Sentinel that answers, beginning with the one that did so last. */
static int find_master(struct resolver *r, struct redis_place *master, enum resp_class *class, struct err *e)
{
	int64_t end = clock_mono_ns() + RESOLVE_NS;
	unsigned first, unknown = 0, n = r->url->n_seeds;
	struct complaint c = {.of = UINT_MAX};

	pthread_mutex_lock(&r->lock);
	first = r->first;
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < n && clock_mono_ns() < end && !wire_readable(r->stop_fd); i++) {
		unsigned k = (first + i) % n;
		int got = ask_once(r, k, master, class, e);

		pthread_mutex_lock(&r->lock);
		r->first = got == 1 ? k : (k + 1) % n;
		pthread_mutex_unlock(&r->lock);
		if (got == 1)
			return 0;
		unknown += !got;
		if (got < 0)
			complain(&c, k, *class, e);
	}
	if (!unknown)
		return settle_on(&c, class, e);
	*class = RESP_PERSON;
	return err_set(e, "the Sentinels know no master `%s'", r->url->master);
}

/* ---- Cluster ---------------------------------------------------------------------------------------------
 */

static int ask_slots(
        struct resolver *r, const struct redis_place *node, enum resp_class *class, struct err *e)
{
	struct resp conn;
	redisReply *reply;
	int ret = -1;

	if (open_at(r, &conn, r->url, node, r->stop_fd, class, e) < 0)
		return -1;
	*class = RESP_MOVE;
	reply = resp_ask(&conn, (const char *[]){"CLUSTER", "SLOTS", NULL}, patience(), e);
	if (reply) {
		if (reply->type == REDIS_REPLY_ERROR)
			*class = resp_class_of(reply->str);
		ret = cluster_read_slots(reply, node, r->answer, e);
		freeReplyObject(reply);
	}
	resp_close(&conn);
	/* one that was never let in, or was taken out: what was known is not its answer */
	if (!ret && !r->answer->n)
		ret = err_set(e, "it knows no master of a Cluster");
	if (!ret) {
		struct slot_map *known = r->map;

		r->map = r->answer;
		r->answer = known;
	}
	return ret;
}

/* The nodes in turn, each time another one first: a node that was cut off from the others would name the old
 * masters for ever.  Those of the URL, and those that were learned from them. */
static int find_owner(
        struct resolver *r, unsigned slot, struct redis_place *owner, enum resp_class *class, struct err *e)
{
	int64_t end = clock_mono_ns() + RESOLVE_NS;
	unsigned seeds = r->url->n_seeds, tries = seeds + r->map->n;
	struct complaint c = {.of = UINT_MAX};

	for (unsigned i = 0; i < tries && clock_mono_ns() < end && !wire_readable(r->stop_fd); i++) {
		unsigned k = r->next++ % (seeds + r->map->n);
		struct redis_place node = k < seeds ? r->url->seed[k] : r->map->node[k - seeds];
		int got = ask_slots(r, &node, class, e);

		if (!got && r->map->owner[slot] != SLOT_OF_NOBODY) {
			r->map_known = true;
			*owner = r->map->node[r->map->owner[slot]];
			return 0;
		}
		if (!got) {
			*class = RESP_WAIT;
			err_set(e, "no master of the Cluster holds the slot %u", slot);
		}
		say_where(&node, "node", e);
		complain(&c, k, *class, e);
	}
	return settle_on(&c, class, e);
}

static int find_in_cluster(struct resolver *r, const char *key, bool anew, struct redis_place *owner,
        enum resp_class *class, struct err *e)
{
	unsigned slot = cluster_slot(key);

	if (r->hinted && r->hint_slot == slot) {
		*owner = r->hint;
		r->hinted = false;
		return 0;
	}
	if (!anew && r->map_known && r->map->owner[slot] != SLOT_OF_NOBODY) {
		*owner = r->map->node[r->map->owner[slot]];
		return 0;
	}
	r->map_known = false;
	return find_owner(r, slot, owner, class, e);
}

void resolver_heed(struct resolver *r, const char *error)
{
	if (r->url->kind == REDIS_CLUSTER && cluster_read_moved(error, &r->current, &r->hint_slot, &r->hint))
		r->hinted = true;
}

void resolver_add_member(struct resolver *r, const char *key, const char *member)
{
	unsigned slot = cluster_slot(key);
	struct redis_place at, other;

	if (r->url->kind != REDIS_CLUSTER || !r->map_known || r->map->owner[slot] == SLOT_OF_NOBODY)
		return;
	at = r->map->node[r->map->owner[slot]];
	for (unsigned moved = 0; moved < 2; moved++) {
		enum resp_class class;
		struct resp conn;
		struct err e;
		redisReply *reply;
		bool again = false;

		if (open_at(r, &conn, r->url, &at, r->fd, &class, &e) < 0)
			return;
		reply = resp_ask(&conn, (const char *[]){"SADD", key, member, NULL}, patience(), &e);
		if (reply && reply->type == REDIS_REPLY_ERROR)
			again = cluster_read_moved(reply->str, &at, &slot, &other);
		if (reply)
			freeReplyObject(reply);
		resp_close(&conn);
		if (!again)
			return;
		at = other;
	}
}

/* ---- resolving -------------------------------------------------------------------------------------------
 */

int resolve(struct resolver *r, const char *key, bool anew, struct redis_url *to, enum resp_class *class,
        struct err *e)
{
	struct redis_place at = r->url->at;
	uint64_t rung;

	if (wire_readable(r->moved_fd) && read(r->moved_fd, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
		return err_set(e, "eventfd: %s", strerror(errno));
	*class = RESP_MOVE;
	if ((r->url->kind == REDIS_SENTINEL && find_master(r, &at, class, e) < 0) ||
	        (r->url->kind == REDIS_CLUSTER && find_in_cluster(r, key, anew, &at, class, e) < 0))
		return -1;
	pthread_mutex_lock(&r->lock);
	r->current = at;
	pthread_mutex_unlock(&r->lock);
	*to = *r->url;
	to->kind = REDIS_SERVER;
	to->at = at;
	return 0;
}

static int say_changed(const struct redis_place *other, struct err *e)
{
	char text[REDIS_PLACE_TEXT];

	return err_set(e, "the Sentinels name another master, %s", redis_place_text(other, text));
}

bool resolver_changed(struct resolver *r, struct err *e)
{
	struct redis_place master;
	enum resp_class class;
	struct err no_answer;

	if (r->url->kind != REDIS_SENTINEL)
		return false;
	if (r->following) {
		if (!wire_readable(r->moved_fd))
			return false;
		pthread_mutex_lock(&r->lock);
		say_changed(&r->other, e);
		pthread_mutex_unlock(&r->lock);
		return true;
	}
	return find_master(r, &master, &class, &no_answer) == 0 && !redis_place_same(&master, &r->current) &&
	       say_changed(&master, e) < 0;
}

/* ---- the second thread -----------------------------------------------------------------------------------
 */

/* One Sentinel over the connection that is kept; 1: it named the master. */
static int look_at(struct resolver *r, unsigned i, struct redis_place *master, uint64_t *epoch)
{
	enum resp_class class;
	struct err e;
	int got = -1;

	if (r->pass_over[i]) {
		r->pass_over[i]--;
		return -1;
	}
	if (r->conn[i].wire ||
	        open_at(r, &r->conn[i], &r->sentinel, &r->sentinel.seed[i], r->end_fd, &class, &e) == 0)
		got = ask_sentinel(r, &r->conn[i], master, epoch, &class, &e);
	if (got < 0) {
		resp_close(&r->conn[i]);
		r->pass_over[i] = PASS_OVER;
	}
	return got;
}

/* A Sentinel that was cut off with the old master still names it: the greatest epoch counts.  Of those with
 * the same epoch none is better than the one that names who we speak to. */
static void look(struct resolver *r)
{
	struct redis_place best = {.host = ""}, one, current;
	uint64_t best_epoch = 0, epoch = 0, one_more = 1;
	unsigned from = 0;

	pthread_mutex_lock(&r->lock);
	current = r->current;
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->sentinel.n_seeds && !wire_readable(r->end_fd); i++) {
		if (look_at(r, i, &one, &epoch) != 1)
			continue;
		if (best.host[0] &&
		        (epoch < best_epoch || (epoch == best_epoch && !redis_place_same(&one, &current))))
			continue;
		best = one;
		best_epoch = epoch;
		from = i;
	}
	pthread_mutex_lock(&r->lock);
	if (best.host[0] && r->current.host[0] && redis_place_same(&r->current, &current) &&
	        !redis_place_same(&best, &current)) {
		r->first = from;
		r->other = best;
		if (write(r->moved_fd, &one_more, sizeof(one_more)) < 0)
			r->first = from; /* EAGAIN: it is ringing already */
	}
	pthread_mutex_unlock(&r->lock);
}

static void unref(struct resolver *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	for (unsigned i = 0; i < REDIS_SEEDS_MAX; i++)
		resp_close(&r->conn[i]);
	for (unsigned i = 0; i < 3; i++) {
		int fd = (const int[]){r->fd, r->moved_fd, r->end_fd}[i];

		if (fd >= 0)
			close(fd);
	}
	wire_tls_destroy(r->tls);
	redis_url_wipe(&r->sentinel);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r->map);
	free(r->answer);
	free(r);
}

static void *follow(void *arg)
{
	struct resolver *r = arg;
	struct pollfd p = {.fd = r->end_fd, .events = POLLIN};

	pthread_setname_np(pthread_self(), "leaktap-sentinel");
	while (poll(&p, 1, LOOK_MS) <= 0)
		look(r);
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	unref(r);
	return NULL;
}

int resolver_follow(struct resolver *r, struct err *e)
{
	pthread_t thread;

	if (r->url->kind != REDIS_SENTINEL)
		return 0;
	atomic_fetch_add(&r->refs, 1);
	if (pthread_create(&thread, NULL, follow, r)) {
		atomic_fetch_sub(&r->refs, 1);
		return err_set(e, "%s: no thread", r->url->shown);
	}
	pthread_detach(thread);
	r->following = true;
	return 0;
}

/* ---- the object ------------------------------------------------------------------------------------------
 */

int resolver_fd(const struct resolver *r)
{
	return r->fd;
}

void resolver_use_tls(struct resolver *r, const struct wire_tls *tls)
{
	pthread_mutex_lock(&r->lock);
	wire_tls_destroy(r->tls);
	r->tls = wire_tls_ref(tls);
	pthread_mutex_unlock(&r->lock);
}

static int take_sentinel(struct resolver *r, struct err *e)
{
	const char *password = getenv("LEAKTAP_SENTINEL_PASSWORD");

	r->sentinel = *r->url;
	r->sentinel.user[0] = '\0';
	r->sentinel.db = 0;
	redis_url_wipe(&r->sentinel);
	if (password && strlen(password) >= sizeof(r->sentinel.password))
		return err_set(e, "$LEAKTAP_SENTINEL_PASSWORD is longer than %zu bytes",
		        sizeof(r->sentinel.password) - 1);
	snprintf(r->sentinel.password, sizeof(r->sentinel.password), "%s", password ? password : "");
	return 0;
}

static int watch_fd(struct resolver *r, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 ? 0 : epoll_ctl(r->fd, EPOLL_CTL_ADD, fd, &ev);
}

static void init_lock(struct resolver *r)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
}

struct resolver *resolver_create(
        const struct redis_url *u, const struct wire_tls *tls, int stop_fd, struct err *e)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(e, "no memory");
		return NULL;
	}
	r->url = u;
	r->refs = 1;
	r->stop_fd = stop_fd;
	init_lock(r);
	r->tls = wire_tls_ref(tls);
	r->moved_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->end_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->fd = epoll_create1(EPOLL_CLOEXEC);
	r->map = u->kind == REDIS_CLUSTER ? calloc(1, sizeof(*r->map)) : NULL;
	r->answer = u->kind == REDIS_CLUSTER ? calloc(1, sizeof(*r->map)) : NULL;
	if (take_sentinel(r, e) < 0)
		goto failed;
	if (r->moved_fd < 0 || r->end_fd < 0 || r->fd < 0 || watch_fd(r, stop_fd) < 0 ||
	        watch_fd(r, r->moved_fd) < 0 || (u->kind == REDIS_CLUSTER && (!r->map || !r->answer))) {
		err_set(e, "%s: no memory or descriptors", u->shown);
		goto failed;
	}
	return r;
failed:
	unref(r);
	return NULL;
}

void resolver_destroy(struct resolver *r)
{
	int64_t end = clock_mono_ns() + LEAVE_NS;
	struct timespec until = {.tv_sec = end / NS_PER_S, .tv_nsec = end % NS_PER_S};
	uint64_t one = 1;

	if (!r)
		return;
	if (r->following && write(r->end_fd, &one, sizeof(one)) == sizeof(one)) {
		pthread_mutex_lock(&r->lock);
		while (!r->ended && pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0)
			;
		pthread_mutex_unlock(&r->lock);
	}
	unref(r);
}
