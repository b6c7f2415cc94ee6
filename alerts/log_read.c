/* log_read.c - see log.h: lines in order, over segments, never beyond what is durable. */
#include "alerts/log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (512u << 10)
#define REFILL (RECORD_LINE_MAX + 1) /* less than a line may be left in the buffer: read on */

struct log_reader {
	struct log *l;
	int fd; /* -1: no segment is open */
	struct log_view v;
	uint64_t want;   /* least index of the next line */
	uint64_t offset; /* of buf[0] in the segment */
	size_t at, have; /* what of the buffer was read and is filled */
	char *buf;
};

struct log_reader *log_reader_create(struct log *l)
{
	struct log_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->l = l;
	r->fd = -1;
	r->want = 1;
	r->buf = malloc(BUFFER);
	if (!r->buf) {
		free(r);
		return NULL;
	}
	return r;
}

static void leave_segment(struct log_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->at = r->have = 0;
	r->offset = 0;
}

void log_reader_destroy(struct log_reader *r)
{
	if (!r)
		return;
	leave_segment(r);
	free(r->buf);
	free(r);
}

void log_seek(struct log_reader *r, uint64_t index)
{
	leave_segment(r);
	r->want = index;
}

/* 1: a segment is open, 0: there is none yet, -1: e. */
static int enter_segment(struct log_reader *r, struct err *e)
{
	char path[LOG_PATH_MAX];

	for (;;) {
		if (!log_look(r->l, r->want, &r->v))
			return 0;
		r->fd = r->l->io->open_at(r->l->dir, log_segment_path(&r->v.segment, path), O_RDONLY, 0);
		if (r->fd >= 0)
			return 1;
		if (errno != ENOENT || log_first(r->l) <= r->v.segment.first)
			return err_set(e, "log %s/%s: %s", r->l->path, path, strerror(errno));
		/* it was taken away meanwhile: the next one */
	}
}

/* Reads on in the segment; 0: there is nothing more in it now. */
static ssize_t fill(struct log_reader *r, struct err *e)
{
	uint64_t from = r->offset + r->have, size;
	size_t room;
	ssize_t n;

	if (r->v.newest || from == r->v.segment.size) {
		struct log_view now; /* it may have grown, or have been followed by another */

		if (log_look(r->l, r->v.segment.first, &now) && now.segment.first == r->v.segment.first)
			r->v = now;
		else
			r->v.newest = false; /* gone: what is open can still be read */
	}
	size = r->v.segment.size;
	if (from >= size)
		return 0;
	memmove(r->buf, r->buf + r->at, r->have - r->at);
	r->offset += r->at;
	r->have -= r->at;
	r->at = 0;
	room = BUFFER - r->have;
	n = r->l->io->read_at(r->fd, r->buf + r->have, size - from < room ? size - from : room, (off_t)from);
	if (n < 0)
		return errno == EINTR ? fill(r, e) : err_set(e, "log %s: %s", r->l->path, strerror(errno));
	r->have += (size_t)n;
	if (!n) /* shorter than it was: somebody else cut it */
		return err_set(e, "log %s: a segment has become shorter", r->l->path);
	return n;
}

/* The next line wanted; 0: there is none. */
static int next_line(struct log_reader *r, bool may_fill, struct log_line *line, struct err *e)
{
	uint64_t last = log_last(r->l);

	while (r->want <= last) {
		ssize_t n;

		if (r->fd < 0 && (n = enter_segment(r, e)) <= 0)
			return (int)n;
		if (log_next_line(r->buf, r->have, &r->at, r->want, line) && line->index < r->v.limit) {
			r->want = line->index + 1;
			return 1;
		}
		if (!may_fill)
			return 0; /* the lines before would move */
		if (!r->at && r->have == BUFFER)
			r->at = r->have; /* no line is that long */
		n = fill(r, e);
		if (n < 0)
			return -1;
		if (n > 0)
			continue;
		if (r->v.newest)
			return 0;
		if (r->want < r->v.limit && r->v.limit != UINT64_MAX)
			r->want = r->v.limit; /* the rest of it cannot be read */
		leave_segment(r);
	}
	return 0;
}

ssize_t log_read(struct log_reader *r, struct log_line *lines, size_t most, size_t bytes, struct err *e)
{
	size_t n = 0, sum = 0;

	if (r->fd >= 0 && r->have - r->at < REFILL && fill(r, e) < 0)
		return -1;
	while (n < most) {
		size_t at = r->at;
		uint64_t want = r->want;
		int got = next_line(r, !n, &lines[n], e);

		if (got < 0)
			return -1;
		if (!got)
			break;
		sum += lines[n].len + 1;
		if (n && sum > bytes) {
			r->at = at;
			r->want = want;
			break;
		}
		n++;
	}
	return (ssize_t)n;
}

uint64_t log_index_before(struct log *l, int64_t logged_ms, uint64_t index)
{
	struct log_reader *r = log_reader_create(l);
	struct log_line lines[256];
	uint64_t before = log_first(l) - 1, low = 0, high;
	struct err e;
	ssize_t n;

	if (!r)
		return before;
	pthread_mutex_lock(&l->lock);
	high = l->n_segments;
	while (high - low > 1) { /* the last segment that began before that hour ended */
		uint64_t mid = low + (high - low) / 2;

		*(l->segment[mid].hour <= logged_ms / 3600000 - 1 ? &low : &high) = mid;
	}
	log_seek(r, l->n_segments ? l->segment[low].first : 1);
	pthread_mutex_unlock(&l->lock);
	while ((n = log_read(r, lines, 256, BUFFER / 2, &e)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (lines[i].logged_ms > logged_ms ||
			        (lines[i].logged_ms == logged_ms && lines[i].index > index)) {
				n = -1;
				break;
			}
			before = lines[i].index;
		}
	log_reader_destroy(r);
	return before;
}
