/* mask.c - strings that go out (path, host, user agent, file name): what the detectors find in them is
 * replaced by its mask, also where it stands percent-encoded (RFC 3986 2.1). */
#include "classify/detect/internal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define MASK_STEP_MAX 48 /* bytes; a longer step of a path is no name that people give */

struct range {
	size_t start, end; /* in the string as it is written */
	char mask[FINDING_MASK_MAX];
};

struct ranges {
	struct range list[DETECT_HITS];
	size_t n;
	bool too_many; /* more than can be remembered, or tried: the whole string is masked */
};

/* Searches p[0..n); origin maps its bytes to the written string (NULL: they are the same). */
static void collect(
        struct detect_worker *w, const uint8_t *p, size_t n, const uint32_t *origin, struct ranges *out)
{
	struct detect_stream *s = w->mask_stream;
	uint64_t refused = w->stats.refused;

	stream_reset(s);
	s->masking = true;
	detect_text(s, p, n);
	stream_search(s, false);
	for (unsigned i = 0; i < s->n_hits && out->n < DETECT_HITS; i++) {
		const struct hit *h = &s->hits[i];
		struct range *r = &out->list[out->n];
		size_t start = (size_t)h->start, end = (size_t)h->end;

		if (h->finding < 0 || end > n || start >= end)
			continue;
		mask_value(&w->en->rules[h->rule], p + start, end - start, r->mask);
		r->start = origin ? origin[start] : start;
		r->end = origin ? origin[end] : end;
		out->n++;
	}
	out->too_many |= s->n_hits == DETECT_HITS || out->n == DETECT_HITS || w->stats.refused != refused;
	if (out->n)
		explicit_bzero(s->buf, sizeof(s->buf));
	stream_reset(s);
}

/* %41 becomes A; returns the length, 0 when nothing is encoded. */
static size_t decode(struct detect_worker *w, const uint8_t *p, size_t n)
{
	size_t len = 0;
	bool any = false;

	for (size_t i = 0; i < n; len++) {
		w->origin[len] = (uint32_t)i;
		if (p[i] == '%' && i + 2 < n && hex_digit((char)p[i + 1]) >= 0 &&
		        hex_digit((char)p[i + 2]) >= 0) {
			w->decoded[len] =
			        (uint8_t)(hex_digit((char)p[i + 1]) << 4 | hex_digit((char)p[i + 2]));
			i += 3;
			any = true;
		} else {
			w->decoded[len] = p[i++];
		}
	}
	w->origin[len] = (uint32_t)n;
	return any ? len : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static size_t put(char *out, size_t cap, size_t at, const char *p, size_t n)
{
	size_t room = cap - 1 - at;

	n = n < room ? n : room;
	if (n)
		memcpy(out + at, p, n);
	return at + n;
}

/* The steps of a path: names between dots and brackets. */
static size_t step_len(const char *p)
{
	return strcspn(p, ".[]{}");
}

void detect_mask_path(struct detect_worker *w, char field[FINDING_FIELD_MAX])
{
	char clean[FINDING_FIELD_MAX];
	size_t at = 0;

	detect_mask(w, field, strlen(field), clean, sizeof(clean));
	for (const char *p = clean; *p;) {
		size_t n = step_len(p);

		/* longer than names are, and perhaps the beginning of a key that was cut where no detector
		 * knows it */
		if (n > MASK_STEP_MAX) {
			memcpy(field + at, "************", 12);
			at += 12;
		} else {
			memcpy(field + at, p, n);
			at += n;
		}
		p += n;
		if (*p)
			field[at++] = *p++;
	}
	field[at] = 0;
}

size_t detect_mask(struct detect_worker *w, const char *p, size_t n, char *out, size_t cap)
{
	struct ranges r;
	size_t at = 0, from = 0, len;

	if (!cap)
		return 0;
	n = n < DETECT_BUFFER / 2 ? n : DETECT_BUFFER / 2;
	r.n = 0;
	r.too_many = false;
	collect(w, (const uint8_t *)p, n, NULL, &r);
	if (memchr(p, '%', n) && (len = decode(w, (const uint8_t *)p, n))) {
		collect(w, w->decoded, len, w->origin, &r);
		explicit_bzero(w->decoded, len);
	}
	if (r.too_many) {
		at = put(out, cap, 0, "********", 8);
		out[at] = 0;
		return at;
	}
	qsort(r.list, r.n, sizeof(*r.list), by_start);
	for (size_t i = 0; i < r.n; i++) {
		if (r.list[i].start >= from) {
			at = put(out, cap, at, p + from, r.list[i].start - from);
			at = put(out, cap, at, r.list[i].mask, strlen(r.list[i].mask));
		}
		if (r.list[i].end > from)
			from = r.list[i].end;
	}
	at = put(out, cap, at, p + from, n - from);
	out[at] = 0;
	return at;
}
