/* log_recover.c - finds what is there: segments by their names, the end of the newest, the numbers.
 *
 * A process that was killed leaves at most an incomplete last line (and lines that were never durable, which
 * are as good as any).  It is cut.  A line that cannot be read with good ones behind it is damage: nothing is
 * cut then, the good ones stay and the missing indexes are told. */
#include "alerts/log_internal.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCAN_CHUNK  (1u << 20)
#define NAME_LENGTH 29 /* 19-00000000000000087321.jsonl */

static bool next_readable(const char *p, size_t n, size_t *at, uint64_t least, struct log_line *out)
{
	const char *lf;

	while ((lf = memchr(p + *at, '\n', n - *at))) {
		const char *line = p + *at, *nul;

		*at = (size_t)(lf - p) + 1;
		if (log_line_numbers(line, (size_t)(lf - line), out) && out->index >= least)
			return true;
		/* somebody cut the file, and it was written on behind the hole */
		nul = memrchr(line, '\0', (size_t)(lf - line));
		if (nul && log_line_numbers(nul + 1, (size_t)(lf - nul - 1), out) && out->index >= least)
			return true;
	}
	return false;
}

bool log_next_line(const char *p, size_t n, size_t *at, uint64_t least, struct log_line *out)
{
	while (next_readable(p, n, at, least, out)) {
		size_t behind = *at;
		struct log_line next;

		/* An index too high, and the line behind it has a lower one: it is this one that is damaged.
		 * Believed, it would hide all lines that follow. */
		if (out->index == least || !next_readable(p, n, &behind, least, &next) ||
		        next.index > out->index)
			return true;
	}
	return false;
}

/* ---- the list --------------------------------------------------------------------------------------------
 */

/* Digits of exactly that width; -1 otherwise. */
static int64_t number(const char *p, unsigned width)
{
	int64_t v = 0;

	for (unsigned i = 0; i < width; i++) {
		if (p[i] < '0' || p[i] > '9' || v > (INT64_MAX - 9) / 10)
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return p[width] == '\0' ? v : -1;
}

static int64_t part(const char *p, unsigned width)
{
	char text[24];

	snprintf(text, sizeof(text), "%.*s", (int)width, p);
	return number(text, width);
}

/* The folder's entries that are numbers of that width, handed to `each` with their path. */
static int each_entry(struct log *l, const char *path, struct err *e,
        int (*each)(struct log *, const char *path, const char *name, struct err *))
{
	int fd = l->io->open_at(l->dir, path, O_RDONLY | O_DIRECTORY, 0), ret = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return errno == ENOENT ? 0 : err_set(e, "log %s/%s: %s", l->path, path, strerror(errno));
	}
	while (!ret && (entry = readdir(d)))
		ret = each(l, path, entry->d_name, e);
	closedir(d);
	return ret;
}

static int take_file(struct log *l, const char *path, const char *name, struct err *e)
{
	char full[LOG_PATH_MAX * 2], back[LOG_PATH_MAX], day[11];
	struct log_segment s;
	int64_t first, hour;
	struct stat st;
	int32_t days;

	if (strlen(name) != NAME_LENGTH || name[2] != '-' || strcmp(name + 23, ".jsonl"))
		return 0;
	first = part(name + 3, 20);
	hour = part(name, 2);
	snprintf(day, sizeof(day), "%.4s-%.2s-%.2s", path + 4, path + 9, path + 12);
	snprintf(full, sizeof(full), "%s/%s", path, name);
	if (first <= 0 || hour < 0 || time_parse_day(day, &days) < 0)
		return 0;
	s = (struct log_segment){.first = (uint64_t)first, .hour = days * 24LL + hour};
	if (strcmp(log_segment_path(&s, back), full)) /* not a name that we give */
		return 0;
	if (fstatat(l->dir, full, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, "log %s/%s: %s", l->path, full, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return 0;
	s.size = (uint64_t)st.st_size;
	atomic_store(&l->total, l->total + s.size);
	return log_add_segment(l, &s) ? 0 : err_set(e, "log %s: no memory", l->path);
}

static int take_day(struct log *l, const char *path, const char *name, struct err *e)
{
	char below[LOG_PATH_MAX];

	if (number(name, 2) < 0)
		return 0;
	snprintf(below, sizeof(below), "%.40s/%.2s", path, name);
	return each_entry(l, below, e, take_file);
}

static int take_month(struct log *l, const char *path, const char *name, struct err *e)
{
	char below[LOG_PATH_MAX];

	if (number(name, 2) < 0)
		return 0;
	snprintf(below, sizeof(below), "%.40s/%.2s", path, name);
	return each_entry(l, below, e, take_day);
}

static int take_year(struct log *l, const char *path, const char *name, struct err *e)
{
	char below[LOG_PATH_MAX];

	if (number(name, 4) < 0)
		return 0;
	snprintf(below, sizeof(below), "%.40s/%.4s", path, name);
	return each_entry(l, below, e, take_month);
}

static int by_first(const void *a, const void *b)
{
	const struct log_segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int log_list_segments(struct log *l, struct err *e)
{
	if (each_entry(l, "rec", e, take_year) < 0)
		return -1;
	if (l->n_segments)
		qsort(l->segment, l->n_segments, sizeof(*l->segment), by_first);
	return 0;
}

/* ---- the end ---------------------------------------------------------------------------------------------
 */

struct scan {
	uint64_t next;    /* the index expected */
	uint64_t missing; /* indexes that did not come */
	uint64_t end;     /* offset behind the last good line */
};

static void take_line(struct log *l, const struct log_line *line, struct scan *s)
{
	s->missing += line->index - s->next;
	s->next = line->index + 1;
	if (line->ordinal > l->ordinal[line->type])
		l->ordinal[line->type] = line->ordinal;
	if (line->logged_ms > l->logged_ms)
		l->logged_ms = line->logged_ms;
}

static int scan_file(struct log *l, int fd, char *buf, uint64_t limit, struct scan *s)
{
	uint64_t offset = 0; /* of buf[0] */
	size_t have = 0;
	ssize_t n;

	while ((n = l->io->read_at(fd, buf + have, SCAN_CHUNK - have, (off_t)(offset + have))) != 0) {
		struct log_line line;
		size_t at = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		have += (size_t)n;
		while (log_next_line(buf, have, &at, s->next, &line))
			if (line.index < limit) {
				take_line(l, &line, s);
				s->end = offset + at;
			}
		if (!at && have == SCAN_CHUNK)
			at = have; /* no line is that long */
		memmove(buf, buf + at, have - at);
		have -= at;
		offset += at;
	}
	return 0;
}

/* What stands behind the last good line was never durable. */
static int cut(struct log *l, struct log_segment *g, int fd, const struct scan *s, struct log_found *f)
{
	f->cut = g->size - s->end;
	if (!f->cut)
		return 0;
	if (l->io->truncate(fd, (off_t)s->end) < 0 || l->io->sync(fd) < 0)
		return -1;
	atomic_store(&l->total, l->total - f->cut);
	g->size = s->end;
	return 0;
}

static int scan_segment(struct log *l, size_t i, char *buf, struct scan *s, struct log_found *f)
{
	struct log_segment *g = &l->segment[i];
	bool newest = i + 1 == l->n_segments;
	char path[LOG_PATH_MAX];
	int fd = l->io->open_at(l->dir, log_segment_path(g, path), newest ? O_RDWR : O_RDONLY, 0), ret;

	if (fd < 0)
		return -1;
	*s = (struct scan){.next = g->first};
	ret = scan_file(l, fd, buf, newest ? UINT64_MAX : g[1].first, s);
	if (!ret && newest)
		ret = cut(l, g, fd, s, f);
	close(fd);
	return ret;
}

int log_recover(struct log *l, uint64_t from, struct log_found *f, struct err *e)
{
	char *buf = malloc(SCAN_CHUNK), path[LOG_PATH_MAX];
	struct scan s = {.next = 1};
	size_t i = 0;

	if (!buf)
		return err_set(e, "log %s: no memory", l->path);
	while (i + 1 < l->n_segments && l->segment[i + 1].first <= from + 1)
		i++;
	for (; i < l->n_segments; i++)
		if (scan_segment(l, i, buf, &s, f) < 0) {
			err_set(e, "log %s/%s: %s", l->path, log_segment_path(&l->segment[i], path),
			        strerror(errno));
			free(buf);
			return -1;
		}
	free(buf);
	f->missing = s.missing;
	f->last = s.next - 1;
	f->first = l->n_segments && f->last ? l->segment[0].first : 1;
	atomic_store(&l->last, f->last);
	if (f->cut)
		log_warn("log %s: the last process ended in the middle of a line; %" PRIu64 " bytes were cut",
		        l->path, f->cut);
	if (f->missing)
		log_error("log %s: %" PRIu64 " records are missing in the newest segment; it was damaged",
		        l->path, f->missing);
	return 0;
}
