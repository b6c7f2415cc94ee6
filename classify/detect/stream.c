/* stream.c - text comes in, is gathered, searched, and the findings handed out.  internal.h tells how. */
#include "classify/detect/internal.h"

#include <stdlib.h>
#include <string.h>

struct detect_stream *detect_open(struct detect_worker *w)
{
	struct detect_stream *s = pool_get(w->streams);

	if (!s) {
		w->stats.refused++;
		return NULL;
	}
	s->w = w;
	s->masking = false;
	s->sticky = (int64_t *)(void *)(s->findings + w->findings_max);
	stream_reset(s);
	return s;
}

void stream_reset(struct detect_stream *s)
{
	s->len = s->done = 0;
	s->n_fields = s->paths_len = 0;
	s->next_field = 0;
	s->mark = 0;
	s->field_open = s->in_tags = false;
	s->undecided = 0;
	s->n_hits = s->next_hit = 0;
	s->n_findings = 0;
	s->more = 0;
	s->sticky_field = UINT32_MAX;
	s->parts.open = false;
	s->parts.n_tail = 0;
	s->parts.told = s->parts.spent = 0;
}

struct scan {
	struct detect_worker *w;
	size_t base, from, to; /* of the scanned bytes in the buffer; ends within (from, to] count */
	bool full;
};

static int on_anchor(unsigned id, unsigned long long start, unsigned long long end, unsigned flags, void *arg)
{
	struct scan *c = arg;
	size_t at = c->base + (size_t)end;

	(void)flags;
	if (at > c->to)
		return 1;
	if (at > c->from)
		c->full |= !scan_add(c->w, c->base + (size_t)start, at, id);
	return c->full;
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* Candidates whose anchor ends within (done, to], in the order of the text. */
static void find_places(struct detect_stream *s, size_t to)
{
	struct detect_worker *w = s->w;
	size_t base = s->done > DETECT_OVERLAP ? s->done - DETECT_OVERLAP : 0;
	struct scan c = {.w = w, .base = base, .from = s->done, .to = to};

	w->n_places = 0;
	scan_places(w, s->buf, s->len, s->done, to);
	for (unsigned i = 0; i < DATABASES; i++)
		if (w->en->db[i] && to > base)
			hs_scan(w->en->db[i], (const char *)s->buf + base, (unsigned)(to - base), 0,
			        w->scratch, on_anchor, &c);
	qsort(w->places, w->n_places, sizeof(*w->places), by_place);
}

/* Drops what was searched but for the window of the field that goes on. */
static void slide(struct detect_stream *s)
{
	struct field *last = &s->fields[s->n_fields - 1];
	size_t keep = s->done > DETECT_BEHIND ? s->done - DETECT_BEHIND : 0;

	if (keep < last->begin)
		keep = last->begin;
	if (keep > last->begin)
		parts_keep_head(s);
	memmove(s->buf, s->buf + keep, s->len - keep);
	memmove(s->paths, s->paths + last->path, last->path_len);
	last->path = 0;
	s->paths_len = last->path_len;
	last->delta += (int64_t)keep;
	last->begin = 0;
	s->fields[0] = *last;
	s->n_fields = 1;
	s->len -= keep;
	s->done -= keep;
}

void stream_search(struct detect_stream *s, bool more)
{
	struct detect_worker *w = s->w;
	const struct field *f = s->fields;
	const struct field *last = f + s->n_fields - 1;
	size_t to = s->len;

	if (!s->n_fields)
		return;
	if (more) {
		to = s->len > DETECT_AHEAD ? s->len - DETECT_AHEAD : 0;
		if (to < last->begin)
			to = last->begin; /* fields before it are whole */
	}
	if (to > s->done) {
		find_places(s, to);
		w->steps = DETECT_STEPS;
		for (size_t i = 0; i < w->n_places; i++) {
			while (f < last && f[1].begin < w->places[i].at)
				f++;
			w->stats.candidates++;
			resolve_place(
			        s, f, f < last ? f[1].begin - 1 : s->len, f < last || !more, &w->places[i]);
		}
		s->done = to;
	}
	if (more) {
		slide(s);
		return;
	}
	s->len = s->done = 0;
	s->n_fields = s->paths_len = 0;
}

static bool is_wordy(const char *key, size_t n)
{
	if (!n || n > DETECT_KEY_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)key[i];

		if (c < 0x20 || c == '"' || c == ':' || c == '=' || c == 0x7f)
			return false;
	}
	return true;
}

/* A long path loses steps at its front, which say less than its end; whole ones, because half a key that
 * stands for a name is one that no detector knows. */
static size_t put_path(const char *path, size_t n, char out[FINDING_FIELD_MAX])
{
	size_t from = 0;

	if (n < FINDING_FIELD_MAX) {
		if (n)
			memcpy(out, path, n);
		return n;
	}
	from = n - (FINDING_FIELD_MAX - 1 - 3);
	while (from < n && path[from] != '.' && path[from] != '[')
		from++;
	memcpy(out, "...", 3);
	memcpy(out + 3, path + from, n - from);
	return 3 + n - from;
}

/* {"name": "DB_PASSWORD", "value": ...}: the text of the member before, which names this one.  Its length, 0:
 * there is none. */
static size_t named_before(const struct detect_stream *s, const char *path, size_t path_len, const char *key,
        size_t key_len, char name[DETECT_KEY_MAX])
{
	static const size_t lead = sizeof("name: ") - 1;
	const struct field *f;
	size_t n;

	if (!s->n_fields || key_len != 5 || strncasecmp(key, "value", 5) || path_len < key_len)
		return 0;
	f = &s->fields[s->n_fields - 1];
	n = s->len - f->begin;
	if (n <= lead || n - lead > DETECT_KEY_MAX || f->delta != -(int64_t)(f->begin + lead) ||
	        strncasecmp((const char *)s->buf + f->begin, "name: ", lead))
		return 0;
	if (f->path_len != path_len - 1 || memcmp(s->paths + f->path, path, path_len - key_len))
		return 0;
	memcpy(name, s->buf + f->begin + lead, n - lead);
	return n - lead;
}

static void begin_field(
        struct detect_stream *s, const char *path, size_t path_len, const char *key, size_t key_len)
{
	char shown[FINDING_FIELD_MAX], name[DETECT_KEY_MAX];
	struct field *f;
	size_t named;

	parts_end(s);
	path_len = put_path(path, path_len, shown);
	named = named_before(s, shown, path_len, key, key_len, name);
	if (named && is_wordy(name, named)) {
		key = name;
		key_len = named;
	}
	if (s->n_fields == DETECT_FIELDS || s->paths_len + path_len > DETECT_PATHS ||
	        s->len + DETECT_KEY_MAX + 4 > DETECT_BUFFER)
		stream_search(s, false);
	if (s->n_fields)
		s->buf[s->len++] = '\n';
	f = &s->fields[s->n_fields++];
	*f = (struct field){.begin = (uint32_t)s->len,
	        .path = (uint32_t)s->paths_len,
	        .path_len = (uint32_t)path_len,
	        .number = s->next_field++,
	        .mark = s->mark};
	if (path_len)
		memcpy(s->paths + s->paths_len, shown, path_len);
	s->paths_len += path_len;
	if (is_wordy(key, key_len)) {
		memcpy(s->buf + s->len, key, key_len);
		memcpy(s->buf + s->len + key_len, ": ", 2);
		s->len += key_len + 2;
	}
	f->delta = -(int64_t)s->len;
	s->field_open = true;
	s->in_tags = false;
	s->undecided = 0;
	parts_begin(s);
}

void detect_field(struct detect_stream *s, const char *path, size_t path_len, const char *key, size_t key_len)
{
	begin_field(s, path, path_len, key, key_len);
}

void detect_mark_fields(struct detect_stream *s, uint32_t mark)
{
	s->mark = mark;
}

void detect_text(struct detect_stream *s, const uint8_t *p, size_t n)
{
	s->w->stats.bytes += n;
	if (!s->field_open)
		begin_field(s, "", 0, "", 0);
	while (n) {
		size_t room = DETECT_BUFFER - s->len;
		size_t take = n < room ? n : room;

		memcpy(s->buf + s->len, p, take);
		s->len += take;
		unseen_drop(s, s->len - take);
		p += take;
		n -= take;
		if (s->len == DETECT_BUFFER)
			stream_search(s, true);
	}
}

/* The field goes on under its name and with its offsets, but what stands before the gap is over. */
void detect_gap(struct detect_stream *s)
{
	char path[FINDING_FIELD_MAX];
	const struct field *last;
	int64_t offset;
	size_t len;

	if (!s->n_fields)
		return;
	last = &s->fields[s->n_fields - 1];
	len = last->path_len;
	offset = (int64_t)s->len + last->delta;
	memcpy(path, s->paths + last->path, len);
	begin_field(s, path, len, "", 0);
	s->fields[s->n_fields - 1].delta += offset;
}

static int by_rank(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->detector->severity != y->detector->severity)
		return x->detector->severity > y->detector->severity ? -1 : 1;
	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	if (strcmp(x->field, y->field))
		return strcmp(x->field, y->field);
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->detector->index < y->detector->index ? -1 : 1;
}

const struct finding *detect_close(struct detect_stream *s, size_t *n, uint32_t *more)
{
	struct detect_worker *w = s->w;

	parts_end(s);
	stream_search(s, false);
	*n = 0;
	for (size_t i = 0; i < s->n_findings; i++) {
		if (!s->findings[i].count)
			continue;
		w->result[*n] = s->findings[i];
		detect_mask_path(w, w->result[(*n)++].field);
	}
	qsort(w->result, *n, sizeof(*w->result), by_rank);
	if (more)
		*more = s->more;
	w->stats.findings += *n;
	if (s->n_hits || *n) {
		explicit_bzero(s->buf, sizeof(s->buf));
		parts_forget(s);
	}
	pool_put(w->streams, s);
	return w->result;
}
