/* output.c - stdout and files.  A batch is one write(2).  A full disk or a closed pipe costs records, which
 * are counted; it never stops the sensor.  With a log, a thread of its own reads it: only what is durable
 * there is written, and a slow reader holds up nobody else. */
#include "alerts/output.h"

#include "alerts/log.h"
#include "alerts/redis.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/redis_url.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE     0600 /* records name people */
#define POLL_MS       100
#define READ_LINES    256
#define READ_BYTES    (256u << 10)
#define ERROR_WAIT_MS 1000
#define DRAIN_STEP_NS (5 * NS_PER_MS)

struct stream {
	struct output o;
	int fd;
	bool own;     /* we opened it */
	bool regular; /* a file: its writes do not wait */
	bool closed;  /* the reader is gone */
	bool said;    /* that records are being lost */
	const atomic_bool *hurry;
	const _Atomic int64_t *give_up_ns;

	struct log *log; /* NULL: the writer hands over */
	struct log_reader *reader;
	pthread_t thread;
	bool running;
	int wake_fd;
	atomic_bool ending;
	_Atomic uint64_t at; /* index of the last record read */
};

/* ---- all outputs -----------------------------------------------------------------------------------------
 */

void output_init(struct output *o, const struct output_ops *ops, const char *name)
{
	o->ops = ops;
	snprintf(o->name, sizeof(o->name), "%s", name);
	pthread_mutex_init(&o->lock, NULL);
}

void output_clear(struct output *o)
{
	pthread_mutex_destroy(&o->lock);
}

bool record_lose(struct record_loss *l, unsigned type, uint64_t ordinal)
{
	bool begins = !l->losing;

	l->losing = true;
	if (!l->n[type]++)
		l->first[type] = ordinal;
	l->last[type] = ordinal;
	return begins;
}

void output_works(struct output *o)
{
	atomic_store_explicit(&o->up, true, memory_order_relaxed);
}

void output_fails(struct output *o, const char *trouble)
{
	atomic_store_explicit(&o->trouble, trouble, memory_order_relaxed);
	atomic_store_explicit(&o->up, false, memory_order_relaxed);
}

/* The place of a counter in a note; a new one when it has none.  NULL: there is no room. */
static uint64_t *counter(struct record_note *n, const char *name, uint64_t first_value)
{
	for (size_t i = 0; i < n->n; i++)
		if (!strcmp(n->names[i], name))
			return &n->values[i];
	if (n->n == RECORD_NOTE_COUNTERS)
		return NULL;
	record_note_count(n, name, first_value);
	return &n->values[n->n - 1];
}

static bool same_reader(const struct record_note *a, const struct record_note *b)
{
	return a->stream == b->stream && !strcmp(a->group, b->group);
}

/* Two gaps of one reason as one; the newer one's words. */
static bool merge(struct record_note *into, const struct record_note *n, bool of_any_reader)
{
	if (into->type != RECORD_GAP || n->type != RECORD_GAP || strcmp(into->reason, n->reason) ||
	        (!of_any_reader && !same_reader(into, n)))
		return false;
	if (!same_reader(into, n))
		strcpy(into->group, "*");
	for (size_t i = 0; i < n->n; i++) {
		uint64_t v = n->values[i];
		bool first = !strncmp(n->names[i], "first_", 6), last = !strncmp(n->names[i], "last_", 5);
		uint64_t *sum = counter(into, n->names[i], first ? v : 0);

		if (!sum)
			continue; /* cannot be: three of indexes and three of each type are all there are */
		if (first)
			*sum = v < *sum ? v : *sum;
		else if (last)
			*sum = v > *sum ? v : *sum;
		else
			*sum += v;
	}
	into->more += n->more + 1;
	into->when_ns = n->when_ns;
	memcpy(into->summary, n->summary, sizeof(into->summary));
	return true;
}

static void take_out(struct output *o, size_t i)
{
	o->n_notes--;
	memmove(o->note + i, o->note + i + 1, (o->n_notes - i) * sizeof(*o->note));
}

static bool merge_two(struct output *o, bool of_any_reader)
{
	for (size_t i = 0; i < o->n_notes; i++)
		for (size_t k = i + 1; k < o->n_notes; k++)
			if (merge(&o->note[i], &o->note[k], of_any_reader)) {
				take_out(o, k);
				return true;
			}
	return false;
}

/* One fewer, and no gap untold: two that become one, or the oldest that is none. */
static void make_room(struct output *o)
{
	if (merge_two(o, false))
		return;
	for (size_t i = 0; i < o->n_notes; i++)
		if (o->note[i].type != RECORD_GAP) {
			take_out(o, i);
			return;
		}
	merge_two(o, true);
}

void output_note(struct output *o, const struct record_note *n)
{
	pthread_mutex_lock(&o->lock);
	if (o->n_notes == OUTPUT_NOTES)
		make_room(o);
	if (o->n_notes < OUTPUT_NOTES)
		o->note[o->n_notes++] = *n;
	pthread_mutex_unlock(&o->lock);
}

size_t output_note_room(struct output *o)
{
	size_t room;

	pthread_mutex_lock(&o->lock);
	room = OUTPUT_NOTES - o->n_notes;
	pthread_mutex_unlock(&o->lock);
	return room;
}

bool output_take_note(struct output *o, struct record_note *n)
{
	bool any;

	pthread_mutex_lock(&o->lock);
	any = o->n_notes > 0;
	if (any) {
		*n = o->note[0];
		take_out(o, 0);
	}
	pthread_mutex_unlock(&o->lock);
	if (any && n->more) {
		size_t len = strlen(n->summary);

		snprintf(n->summary + len, sizeof(n->summary) - len,
		        " (the last of %u such notes; the counters are those of all)", n->more + 1);
	}
	return any;
}

bool output_take_loss(struct output *o, bool at_end, struct record_loss *l)
{
	bool any;

	pthread_mutex_lock(&o->lock);
	any = o->loss.losing && (at_end || o->recovered);
	if (any) {
		*l = o->loss;
		o->loss = (struct record_loss){.losing = false};
	}
	pthread_mutex_unlock(&o->lock);
	return any;
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */
/* A pipe's reader may be slow: POLLOUT promises PIPE_BUF bytes, so no write blocks and the end of the program
 * is seen.  Returns false when it is time to give up. */
static bool wait_writable(struct stream *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	while (poll(&p, 1, POLL_MS) == 0)
		if (atomic_load(s->hurry) && clock_mono_ns() >= atomic_load(s->give_up_ns)) {
			errno = ETIMEDOUT;
			return false;
		}
	return true;
}

/* Returns how much was written; less than n: errno says why. */
static size_t write_all(struct stream *s, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t part = n - done;
		ssize_t w;

		if (!s->regular) {
			if (!wait_writable(s))
				break;
			part = part > PIPE_BUF ? PIPE_BUF : part;
		}
		w = write(s->fd, p + done, part);
		if (w >= 0)
			done += (size_t)w;
		else if (errno != EINTR && errno != EAGAIN)
			break;
	}
	return done;
}

/* A line cut by a full disk would join the next one: take its beginning away again. */
static void cut_partial(struct stream *s, size_t partial)
{
	struct stat st;

	if (partial && s->regular && !fstat(s->fd, &st) && st.st_size >= (off_t)partial &&
	        ftruncate(s->fd, st.st_size - (off_t)partial) < 0)
		log_warn("%s: the last line is incomplete", s->o.name);
}

static void fail(struct stream *s, const struct record_ref *r, size_t n, int error)
{
	pthread_mutex_lock(&s->o.lock);
	for (size_t i = 0; i < n; i++)
		record_lose(&s->o.loss, r[i].type, r[i].ordinal);
	s->o.recovered = false;
	pthread_mutex_unlock(&s->o.lock);
	count_add(error == ETIMEDOUT ? &s->o.lost_stop : &s->o.lost_output, n);
	if (error == EPIPE)
		s->closed = true;
	output_fails(&s->o, error == EPIPE ? "reader-gone" : error == ETIMEDOUT ? "slow" : "write");
	if (s->said)
		return;
	s->said = true;
	if (error == EPIPE)
		log_warn("%s: the reader is gone; records are no longer written there", s->o.name);
	else
		log_error("%s: %s; records are being lost", s->o.name, strerror(error));
}

/* Every batch is a new try: a loss has ended when one passes. */
static void succeed(struct stream *s)
{
	if (!s->said)
		return;
	pthread_mutex_lock(&s->o.lock);
	s->o.recovered = true;
	pthread_mutex_unlock(&s->o.lock);
	output_works(&s->o);
	s->said = false;
}

static void stream_take(struct output *o, const struct record_ref *r, size_t n)
{
	struct stream *s = (struct stream *)o;
	size_t len, done, whole = 0, at = 0;
	int error;

	if (!n)
		return;
	if (s->closed) {
		fail(s, r, n, EPIPE);
		return;
	}
	len = (size_t)(r[n - 1].line + r[n - 1].len + 1 - r[0].line);
	done = write_all(s, r[0].line, len);
	error = errno;
	while (whole < n && at + r[whole].len + 1 <= done)
		at += r[whole++].len + 1;
	count_add(&o->delivered, whole);
	if (whole == n) {
		succeed(s);
		return;
	}
	cut_partial(s, done - at);
	fail(s, r + whole, n - whole, error);
}

/* ---- reading the log -------------------------------------------------------------------------------------
 */

/* The log had to forget records before they were read, or they cannot be. */
static void fell_behind(struct stream *s, uint64_t first, uint64_t last)
{
	struct record_note n = {.type = RECORD_GAP, .reason = "output", .severity = SEVERITY_HIGH};

	count_add(&s->o.lost_output, last - first + 1);
	if (log_note_unreadable(s->log, first, last, s->o.name, &n)) {
		output_note(&s->o, &n);
		return;
	}
	log_error("%s: %" PRIu64 " records were not read before the log was full (alerts.spool.max_mb)",
	        s->o.name, last - first + 1);
	snprintf(n.summary, sizeof(n.summary),
	        "%.100s was read so slowly that %" PRIu64
	        " records left the full log before (alerts.spool.max_mb)",
	        s->o.name, last - first + 1);
	record_note_dropped(
	        &n, &(struct log_dropped){.first = first, .last = last, .records = last - first + 1});
	output_note(&s->o, &n);
}

/* Lines that lie one behind the other go out in one write. */
static void take_lines(struct stream *s, const struct log_line *l, size_t n)
{
	struct record_ref ref[READ_LINES];
	uint64_t next = atomic_load(&s->at) + 1;
	size_t from = 0;

	for (size_t i = 0; i < n; next = l[i++].index + 1) {
		if (l[i].index > next)
			fell_behind(s, next, l[i].index - 1);
		ref[i] = (struct record_ref){.line = l[i].p,
		        .len = l[i].len,
		        .type = l[i].type,
		        .index = l[i].index,
		        .ordinal = l[i].ordinal,
		        .logged_ms = l[i].logged_ms};
		if (i + 1 < n && l[i + 1].p == l[i].p + l[i].len + 1)
			continue;
		stream_take(&s->o, ref + from, i + 1 - from);
		from = i + 1;
	}
	atomic_store(&s->at, l[n - 1].index);
}

static bool out_of_time(const struct stream *s)
{
	return atomic_load(s->hurry) && clock_mono_ns() >= atomic_load(s->give_up_ns);
}

static void *follow(void *arg)
{
	struct stream *s = arg;
	struct log_line lines[READ_LINES];
	bool said = false;

	pthread_setname_np(pthread_self(), "leaktap-output");
	for (;;) {
		/* read before the log: what was committed before the end is then written below */
		bool last = atomic_load(&s->ending);
		struct pollfd p = {.fd = s->wake_fd, .events = POLLIN};
		struct err e = {.text = ""};
		ssize_t n = log_read(s->reader, lines, READ_LINES, READ_BYTES, &e);
		uint64_t rung;

		if (n > 0) {
			take_lines(s, lines, (size_t)n);
			said = false;
			if (!out_of_time(s))
				continue;
		}
		if (!n && log_reader_at(s->reader) > atomic_load(&s->at) + 1) {
			fell_behind(s, atomic_load(&s->at) + 1, log_reader_at(s->reader) - 1);
			atomic_store(&s->at, log_reader_at(s->reader) - 1);
		}
		if (n < 0 && !said)
			log_error("%s: %s", s->o.name, e.text);
		said |= n < 0;
		if (last)
			break;
		if (poll(&p, 1, n < 0 ? ERROR_WAIT_MS : -1) > 0 && read(s->wake_fd, &rung, sizeof(rung)) < 0)
			continue;
	}
	return NULL;
}

static uint64_t stream_waiting(struct output *o)
{
	struct stream *s = (struct stream *)o;

	return s->log ? log_last(s->log) - atomic_load(&s->at) : 0;
}

static uint64_t count_left(struct stream *s)
{
	uint64_t left = stream_waiting(&s->o);

	count_add(&s->o.lost_stop, left);
	atomic_store(&s->at, s->log ? log_last(s->log) : 0); /* counted: it waits no longer */
	return left;
}

/* The log has them; the writer still serves it. */
static void tell_left(struct stream *s, uint64_t left)
{
	struct record_note n = {.type = RECORD_GAP, .reason = "output", .severity = SEVERITY_MEDIUM};
	uint64_t last = log_last(s->log);

	snprintf(n.summary, sizeof(n.summary),
	        "The sensor ended before %.100s had taken %" PRIu64 " records; they stand in the log",
	        s->o.name, left);
	record_note_dropped(
	        &n, &(struct log_dropped){.first = last - left + 1, .last = last, .records = left});
	output_note(&s->o, &n);
}

static void stop_following(struct stream *s)
{
	const uint64_t one = 1;
	uint64_t left;

	atomic_store(&s->ending, true);
	if (write(s->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("alerts: eventfd: %s", strerror(errno));
	pthread_join(s->thread, NULL);
	s->running = false;
	log_unwatch(s->log, s->wake_fd);
	left = count_left(s);
	if (left)
		tell_left(s, left);
}

/* Waits as long as output_how.hurry lets it wait.  What was not taken until then is told while there is a
 * writer to tell it. */
static void stream_drain(struct output *o, int64_t deadline_ns)
{
	const struct timespec pause = {.tv_nsec = DRAIN_STEP_NS};
	struct stream *s = (struct stream *)o;

	(void)deadline_ns;
	while (s->running && stream_waiting(o) && !out_of_time(s))
		nanosleep(&pause, NULL);
	if (s->running && stream_waiting(o))
		stop_following(s);
}

static void stream_stop(struct output *o, int64_t deadline_ns)
{
	struct stream *s = (struct stream *)o;

	(void)deadline_ns;
	if (s->running)
		stop_following(s);
	count_left(s); /* what the writer told of that */
	if (s->own && s->regular && fsync(s->fd) < 0 && errno != EINVAL)
		log_error("%s: %s", o->name, strerror(errno));
}

static void stream_destroy(struct output *o)
{
	struct stream *s = (struct stream *)o;

	if (s->running)
		stop_following(s);
	log_reader_destroy(s->reader);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->own)
		close(s->fd);
	output_clear(o);
	free(s);
}

static const struct output_ops stream_ops = {
        .take = stream_take,
        .stop = stream_stop,
        .destroy = stream_destroy,
};

static const struct output_ops follow_ops = {
        .waiting = stream_waiting,
        .drain = stream_drain,
        .stop = stream_stop,
        .destroy = stream_destroy,
};

static int start_following(struct stream *s, struct log *log, struct err *e)
{
	s->log = log;
	s->o.ops = &follow_ops;
	s->reader = log_reader_create(log);
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!s->reader || s->wake_fd < 0 || log_watch(log, s->wake_fd) < 0)
		return err_set(e, "%s: no memory or descriptors", s->o.name);
	atomic_store(&s->at, log_last(log));
	log_seek(s->reader, log_last(log) + 1);
	if (pthread_create(&s->thread, NULL, follow, s))
		return err_set(e, "%s: no thread", s->o.name);
	s->running = true;
	return 0;
}

static struct output *stream_open(
        int fd, bool own, const char *name, const struct output_how *how, struct err *e)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s) {
		if (own)
			close(fd);
		err_set(e, "%s: no memory", name);
		return NULL;
	}
	output_init(&s->o, &stream_ops, name);
	output_works(&s->o);
	s->fd = fd;
	s->own = own;
	s->regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	s->hurry = how->hurry;
	s->give_up_ns = how->give_up_ns;
	s->wake_fd = -1;
	if (how->log && start_following(s, how->log, e) < 0) {
		stream_destroy(&s->o);
		return NULL;
	}
	return &s->o;
}

bool output_is_redis(const char *spec)
{
	return redis_url_is(spec);
}

struct output *output_open(const char *spec, const struct output_how *how, struct err *e)
{
	int fd;

	if (!strcmp(spec, "-"))
		return stream_open(STDOUT_FILENO, false, "stdout", how, e);
	if (output_is_redis(spec))
		return redis_output_open(spec, how, e);
	if (strncmp(spec, "file:", 5) || !spec[5]) {
		struct redis_url u;

		/* the text may be a mistyped URL with a password in it: not repeated */
		if (strncmp(spec, "redis", 5) || !redis_url_parse(spec, &u, e))
			err_set(e, "an output is `-', `file:PATH' or a Redis URL (redis://...)");
		return NULL;
	}
	fd = open(spec + 5, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, FILE_MODE);
	if (fd < 0) {
		const char *slash = strrchr(spec + 5, '/');

		if (errno == ENOENT && slash)
			err_set(e, "%s: its folder does not exist; make it first (install -d -m 700 %.*s)",
			        spec + 5, (int)(slash - spec - 5), spec + 5);
		else
			err_set(e, "%s: %s", spec + 5, strerror(errno));
		return NULL;
	}
	return stream_open(fd, true, spec + 5, how, e);
}
