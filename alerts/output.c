/* output.c - stdout and files.  A batch is one write(2).  A full disk or a closed pipe costs records, which
 * are counted; it never stops the sensor. */
#include "alerts/output.h"

#include "alerts/redis.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600 /* records name people */
#define POLL_MS   100

struct stream {
	struct output o;
	int fd;
	bool own;     /* we opened it */
	bool regular; /* a file: its writes do not wait */
	bool closed;  /* the reader is gone */
	bool fine;    /* the newest batch went out whole */
	const atomic_bool *hurry;
	const _Atomic int64_t *give_up_ns;
};

bool output_lose(struct output *o, const struct record_ref *r)
{
	struct output_loss *l = &o->loss;
	unsigned t = r->head->type;
	bool begins = !l->losing;

	l->losing = true;
	if (!l->n[t]++)
		l->first[t] = r->ordinal;
	l->last[t] = r->ordinal;
	return begins;
}

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
	bool begins = false, told = s->closed;

	for (size_t i = 0; i < n; i++)
		begins |= output_lose(&s->o, &r[i]);
	count_add(error == ETIMEDOUT ? &s->o.lost_stop : &s->o.lost_output, n);
	if (error == EPIPE)
		s->closed = true;
	s->fine = false;
	if (!begins || told)
		return;
	if (error == EPIPE)
		log_warn("%s: the reader is gone; records are no longer written there", s->o.name);
	else
		log_error("%s: %s; records are being lost", s->o.name, strerror(error));
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
	s->fine = whole == n;
	if (s->fine)
		return;
	cut_partial(s, done - at);
	fail(s, r + whole, n - whole, error);
}

/* Every batch is a new try: the loss has ended when one passes. */
static bool stream_recovered(struct output *o)
{
	return ((struct stream *)o)->fine;
}

static void stream_stop(struct output *o, int64_t deadline_ns)
{
	struct stream *s = (struct stream *)o;

	(void)deadline_ns; /* every take() wrote at once */
	if (s->own && s->regular && fsync(s->fd) < 0 && errno != EINVAL)
		log_error("%s: %s", o->name, strerror(errno));
}

static void stream_destroy(struct output *o)
{
	struct stream *s = (struct stream *)o;

	if (s->own)
		close(s->fd);
	free(s);
}

static const struct output_ops stream_ops = {
        .take = stream_take,
        .recovered = stream_recovered,
        .stop = stream_stop,
        .destroy = stream_destroy,
};

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
	s->o.ops = &stream_ops;
	strncpy(s->o.name, name, sizeof(s->o.name) - 1);
	s->fd = fd;
	s->own = own;
	s->regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	s->hurry = how->hurry;
	s->give_up_ns = how->give_up_ns;
	return &s->o;
}

bool output_is_redis(const char *spec)
{
	return !strncmp(spec, "redis://", 8) || !strncmp(spec, "rediss://", 9) ||
	       !strncmp(spec, "unix://", 7);
}

struct output *output_open(const char *spec, const struct output_how *how, struct err *e)
{
	int fd;

	if (!strcmp(spec, "-"))
		return stream_open(STDOUT_FILENO, false, "stdout", how, e);
	if (output_is_redis(spec))
		return redis_output_open(spec, how, e);
	if (strncmp(spec, "file:", 5) || !spec[5]) {
		/* the text may be a mistyped URL with a password in it: not repeated */
		err_set(e, "an output is `-', `file:PATH', `redis://...', `rediss://...' or `unix:///...'");
		return NULL;
	}
	fd = open(spec + 5, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, FILE_MODE);
	if (fd < 0) {
		err_set(e, "%s: %s", spec + 5,
		        errno == ENOENT ? "its folder does not exist; make it first" : strerror(errno));
		return NULL;
	}
	return stream_open(fd, true, spec + 5, how, e);
}
