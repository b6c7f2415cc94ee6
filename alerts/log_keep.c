/* log_keep.c - what goes when the log is too old or too large.  Whole segments, always the oldest, in this
 * order:
 *	1. older than the retention, and taken by every server
 *	2. while the log is larger than its bound: the oldest, taken or not; what was not taken is told
 * The newest segment never goes, and age alone never takes what a server has not got. */
#include "alerts/log_internal.h"

#include "alerts/record_read.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK         (256u << 10)
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
	d->records += record_number(record_get(line, "counters.lost_records"));
	for (unsigned t = 0; t < EVENT_TYPES; t++) {
		char path[3][48];
		uint64_t v[3];

		for (unsigned k = 0; k < 3; k++) {
			snprintf(path[k], sizeof(path[k]), "counters.%s", record_loss_name(t, k));
			v[k] = record_number(record_get(line, path[k]));
		}
		if (!v[0])
			continue;
		if (!d->n[t] || v[1] < d->first_ordinal[t])
			d->first_ordinal[t] = v[1];
		d->n[t] += v[0];
		d->last_ordinal[t] = d->last_ordinal[t] > v[2] ? d->last_ordinal[t] : v[2];
	}
}

void log_dropped_add(struct log_dropped *d, const struct log_line *l)
{
	if (!d->n[l->type]++)
		d->first_ordinal[l->type] = l->ordinal;
	d->last_ordinal[l->type] = l->ordinal;
	d->records++;
	if (l->type == RECORD_GAP)
		count_told(l, d);
}

void record_note_dropped(struct record_note *n, const struct log_dropped *d)
{
	record_note_count(n, "lost_records", d->records);
	record_note_count(n, "first_index", d->first);
	record_note_count(n, "last_index", d->last);
	for (unsigned t = 0; t < EVENT_TYPES; t++) {
		if (!d->n[t])
			continue;
		record_note_count(n, record_loss_name(t, 0), d->n[t]);
		record_note_count(n, record_loss_name(t, 1), d->first_ordinal[t]);
		record_note_count(n, record_loss_name(t, 2), d->last_ordinal[t]);
	}
}

/* Hands over the records from `least` up to before `limit` of a segment that is about to go, until `take`
 * says false. Returns the index of the next one that would have come when its file cannot be read, else
 * `limit`. */
static uint64_t each_record(struct log *l, const char *path, uint64_t least, uint64_t limit,
        bool (*take)(void *arg, const struct log_line *line), void *arg)
{
	int fd = l->io->open_at(l->dir, path, O_RDONLY, 0);
	char *buf = fd < 0 ? NULL : malloc(CHUNK);
	uint64_t offset = 0;
	size_t have = 0;
	bool more = true;
	ssize_t n = -1;

	while (more && buf &&
	        (n = l->io->read_at(fd, buf + have, CHUNK - have, (off_t)(offset + have))) > 0) {
		struct log_line line;
		size_t at = 0;

		have += (size_t)n;
		while (more && log_next_line(buf, have, &at, least, &line) && line.index < limit) {
			more = take(arg, &line);
			least = line.index + 1;
		}
		at = at ? at : have == CHUNK ? have : 0; /* no line is that long */
		memmove(buf, buf + at, have - at);
		have -= at;
		offset += at;
	}
	free(buf);
	if (fd >= 0)
		close(fd);
	return n < 0 ? least : limit;
}

static bool count_record(void *arg, const struct log_line *line)
{
	log_dropped_add(arg, line);
	return true;
}

struct place {
	uint64_t index;
	char hash[65];
};

static bool hash_record(void *arg, const struct log_line *line)
{
	struct place *p = arg;
	uint8_t md[EVP_MAX_MD_SIZE];

	if (line->index == p->index && EVP_Digest(line->p, line->len + 1, md, NULL, EVP_sha256(), NULL) == 1)
		hex_encode(md, 32, p->hash);
	return false;
}

/* Servers that stopped in a segment that goes: what they have can still be held against our own. */
static void remember_places(struct log *l, const char *path, uint64_t first, uint64_t limit)
{
	for (size_t i = 0; i < LOG_OUTPUTS_MAX; i++) {
		struct place p = {.index = 0, .hash = ""};

		pthread_mutex_lock(&l->lock);
		if (i < l->n_outputs)
			p.index = l->output[i].index;
		pthread_mutex_unlock(&l->lock);
		if (p.index < first || p.index >= limit)
			continue;
		each_record(l, path, p.index, limit, hash_record, &p);
		pthread_mutex_lock(&l->lock);
		memcpy(l->output[i].hash, p.hash, sizeof(p.hash));
		l->changed = true;
		pthread_mutex_unlock(&l->lock);
	}
}

static void remove_file(struct log *l, char path[LOG_PATH_MAX])
{
	if (l->io->unlink_at(l->dir, path, 0) < 0 && errno != ENOENT)
		log_warn("log %s/%s: %s", l->path, path, strerror(errno));
	for (int i = 0; i < 3; i++) { /* day, month, year: those that are empty now */
		*strrchr(path, '/') = '\0';
		if (l->io->unlink_at(l->dir, path, AT_REMOVEDIR) < 0)
			break;
	}
}

static bool too_old(const struct log *l, int64_t now_ms)
{
	/* it ends where the next one begins */
	return l->retention_days &&
	       now_ms / MS_PER_HOUR - l->segment[1].hour > l->retention_days * HOURS_PER_DAY;
}

/* Takes the oldest segment out of the list when it has to go; from then on nobody can claim its records. */
static bool detach_oldest(struct log *l, int64_t now_ms, uint64_t more, log_taken_fn *taken, void *arg,
        struct log_segment *s, uint64_t *limit, uint64_t *at)
{
	bool goes = false;

	pthread_mutex_lock(&l->lock);
	if (l->n_segments > 1) {
		*s = l->segment[0];
		*limit = l->segment[1].first;
		*at = taken(arg);
		goes = log_bytes(l) + more > l->max_bytes || (*limit - 1 <= *at && too_old(l, now_ms));
	}
	if (goes) {
		atomic_store(&l->total, l->total - s->size);
		memmove(l->segment, l->segment + 1, --l->n_segments * sizeof(*l->segment));
	}
	pthread_mutex_unlock(&l->lock);
	return goes;
}

bool log_keep_bounds(
        struct log *l, int64_t now_ms, uint64_t more, log_taken_fn *taken, void *arg, struct log_dropped *d)
{
	char path[LOG_PATH_MAX];
	struct log_segment s;
	uint64_t limit, at;

	while (detach_oldest(l, now_ms, more, taken, arg, &s, &limit, &at)) {
		bool wanted = limit - 1 > at;

		log_segment_path(&s, path);
		remember_places(l, path, s.first, limit);
		if (wanted) {
			*d = (struct log_dropped){
			        .first = s.first > at ? s.first : at + 1, .last = limit - 1};
			/* of what types those are that cannot be read is not known */
			d->records += limit - each_record(l, path, d->first, limit, count_record, d);
		}
		remove_file(l, path);
		if (wanted)
			return true;
	}
	return false;
}
