/* log_read.c - see log.h: lines in order, over segments, never beyond what is durable. */
#include "alerts/log_internal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
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
	uint64_t gone;   /* first index of a segment that somebody took away, and that was told */
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

uint64_t log_reader_at(const struct log_reader *r)
{
	return r->want;
}

/* Everything durable of the segment was looked at: what did not come cannot be read. */
static void pass_rest(struct log_reader *r)
{
	uint64_t next = r->v.newest ? r->v.last + 1 : r->v.limit;

	if (next != UINT64_MAX && r->want < next)
		r->want = next;
	r->at = r->have; /* a last line without its LF would join the one that comes */
}

bool log_note_unreadable(
        struct log *l, uint64_t first, uint64_t last, const char *output, struct record_note *n)
{
	uint64_t kept = log_first(l);

	first = first < kept ? kept : first;
	if (first > last)
		return false;
	*n = (struct record_note){.type = RECORD_GAP, .reason = "log", .severity = SEVERITY_HIGH};
	snprintf(n->summary, sizeof(n->summary),
	        "%" PRIu64 " records of the log cannot be read and do not go to %.100s: it was damaged, or "
	        "somebody changed it; look at the disk",
	        last - first + 1, output);
	record_note_count(n, "lost_records", last - first + 1);
	record_note_count(n, "first_index", first);
	record_note_count(n, "last_index", last);
	log_error("log %s: %" PRIu64 " records from index %" PRIu64 " on cannot be read and do not go to %s",
	        l->path, last - first + 1, first, output);
	return true;
}

static void say_gone(struct log_reader *r, const char *path)
{
	if (r->gone != r->v.segment.first)
		log_error("log %s/%s: it is not there any more; somebody took it away, its records are lost",
		        r->l->path, path);
	r->gone = r->v.segment.first;
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
		if (errno != ENOENT)
			return err_set(e, "log %s/%s: %s", r->l->path, path, strerror(errno));
		if (log_first(r->l) > r->v.segment.first)
			continue; /* it was dropped meanwhile: the next one */
		say_gone(r, path);
		pass_rest(r);
		if (r->v.newest)
			return 0;
	}
}

/* Somebody cut the file: what it held up to its durable end is lost. */
static ssize_t pass_hole(struct log_reader *r)
{
	const char *from = r->buf + r->at, *lf = memrchr(from, '\n', r->have - r->at);

	log_error("log %s: segment %" PRIu64
	          " has become shorter; somebody cut it, its last records are lost",
	        r->l->path, r->v.segment.first);
	r->have = lf ? (size_t)(lf + 1 - r->buf) : r->at;
	r->offset = r->v.segment.size - r->have;
	return 0;
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
	return n ? n : pass_hole(r);
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
		pass_rest(r);
		if (r->v.newest)
			return 0;
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
	bool past = false;
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
	while (!past && (n = log_read(r, lines, 256, BUFFER / 2, &e)) > 0)
		for (ssize_t i = 0; i < n && !past; i++) {
			past = lines[i].logged_ms > logged_ms ||
			       (lines[i].logged_ms == logged_ms && lines[i].index > index);
			if (!past)
				before = lines[i].index;
		}
	log_reader_destroy(r);
	return before;
}
