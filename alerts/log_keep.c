/* log_keep.c - what goes when the log is too old or too large.  Whole segments, always the oldest, in this
 * order:
 *	1. older than the retention, and taken by every server
 *	2. while the log is larger than its bound: the oldest, taken or not; what was not taken is told
 * The newest segment never goes, and age alone never takes what a server has not got. */
#include "alerts/log_internal.h"

#include "alerts/record_read.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOURS_PER_DAY 24
#define MS_PER_HOUR   3600000

/* A gap record that goes takes with it what it told of earlier segments: told again. */
static void count_told(const struct log_line *l, struct log_dropped *d)
{
	struct record_value line = {RECORD_OBJECT, l->p, l->len}, reason = record_get(line, "reason");
	uint64_t first = record_number(record_get(line, "counters.first_index"));

	if (reason.n != 9 || memcmp(reason.p, "retention", 9) || !first)
		return;
	d->first = first < d->first ? first : d->first;
	for (unsigned t = 0; t < EVENT_TYPES; t++) {
		char path[3][48];
		uint64_t v[3];

		for (unsigned k = 0; k < 3; k++) {
			snprintf(path[k], sizeof(path[k]), "counters.%s", record_loss_name(t, k));
			v[k] = record_number(record_get(line, path[k]));
		}
		if (!v[0])
			continue;
		d->n[t] += v[0];
		d->first_ordinal[t] = v[1]; /* older than what was counted here */
		d->last_ordinal[t] = d->last_ordinal[t] > v[2] ? d->last_ordinal[t] : v[2];
	}
}

static void count_line(const struct log_line *l, struct log_dropped *d)
{
	if (!d->n[l->type]++)
		d->first_ordinal[l->type] = l->ordinal;
	d->last_ordinal[l->type] = l->ordinal;
	if (l->type == RECORD_GAP)
		count_told(l, d);
}

/* Counts the records behind `taken` of a segment that is about to go. */
static void count_records(
        struct log *l, const struct log_segment *s, uint64_t limit, uint64_t taken, struct log_dropped *d)
{
	struct log_reader *r = log_reader_create(l);
	struct log_line lines[256];
	struct err e;
	ssize_t n;

	d->first = s->first > taken ? s->first : taken + 1;
	d->last = limit - 1;
	if (!r)
		return;
	log_seek(r, d->first);
	while ((n = log_read(r, lines, 256, LOG_SEGMENT_MAX, &e)) > 0 && lines[0].index < limit)
		for (ssize_t i = 0; i < n && lines[i].index < limit; i++)
			count_line(&lines[i], d);
	log_reader_destroy(r);
}

static void remove_oldest(struct log *l)
{
	char path[LOG_PATH_MAX];

	log_segment_path(&l->segment[0], path);
	if (l->io->unlink_at(l->dir, path, 0) < 0 && errno != ENOENT)
		log_warn("log %s/%s: %s", l->path, path, strerror(errno));
	for (int i = 0; i < 3; i++) { /* day, month, year: those that are empty now */
		*strrchr(path, '/') = '\0';
		if (l->io->unlink_at(l->dir, path, AT_REMOVEDIR) < 0)
			break;
	}
	pthread_mutex_lock(&l->lock);
	atomic_store(&l->total, l->total - l->segment[0].size);
	memmove(l->segment, l->segment + 1, --l->n_segments * sizeof(*l->segment));
	pthread_mutex_unlock(&l->lock);
}

static bool too_old(const struct log *l, int64_t now_ms)
{
	/* it ends where the next one begins */
	return l->retention_days &&
	       now_ms / MS_PER_HOUR - l->segment[1].hour > l->retention_days * HOURS_PER_DAY;
}

bool log_keep_bounds(struct log *l, int64_t now_ms, uint64_t more, uint64_t taken, struct log_dropped *d)
{
	*d = (struct log_dropped){.first = 0};
	while (l->n_segments > 1) {
		struct log_segment oldest = l->segment[0];
		uint64_t limit = l->segment[1].first;
		bool wanted = limit - 1 > taken;

		if (log_bytes(l) + more <= l->max_bytes && (wanted || !too_old(l, now_ms)))
			return false;
		if (wanted)
			count_records(l, &oldest, limit, taken, d);
		remove_oldest(l);
		if (wanted)
			return true;
	}
	return false;
}
