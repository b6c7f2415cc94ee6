/* finding.c - what is kept of a value: its mask, its token, its count; and which of two findings on the same
 * bytes stays. */
#include "classify/detect/gap.h"
#include "classify/detect/internal.h"

#include "base/hash.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define MASK_WHOLE_BELOW 16 /* characters; shorter values show nothing */
#define MASK_LEAD        2
#define MASK_TRAIL       4
#define MASK_STARS       12
#define STARS            "************"

_Static_assert(16 + MASK_STARS + MASK_TRAIL * 4 + 1 <= FINDING_MASK_MAX, "the mask fits");

/* Bytes of the first `chars` characters that may be shown: printable, valid UTF-8; stops before others. */
static size_t shown(const uint8_t *p, size_t n, unsigned chars)
{
	size_t at = 0;

	while (chars-- && at < n) {
		size_t len = utf8_len(p + at, n - at);

		if (!len || p[at] < 0x20 || p[at] == 0x7f)
			break;
		at += len;
	}
	return at;
}

/* Where the last `chars` characters begin; bytes that are no text end the walk. */
static size_t shown_from(const uint8_t *p, size_t n, unsigned chars)
{
	size_t at = n;

	while (chars--) {
		size_t back = 1;

		while (back < 4 && back < at && (p[at - back] & 0xc0) == 0x80)
			back++;
		if (back > at || utf8_len(p + at - back, back) != back || p[at - back] < 0x20 ||
		        p[at - back] == 0x7f)
			break;
		at -= back;
	}
	return at;
}

static size_t characters(const uint8_t *p, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i += gap_or_one(p + i, n - i))
		count += (p[i] & 0xc0) != 0x80;
	return count;
}

void mask_value(const struct rule *r, const uint8_t *p, size_t n, char out[FINDING_MASK_MAX])
{
	size_t keep = strlen(r->d->mask_keep), lead, from;

	if (characters(p, n) < MASK_WHOLE_BELOW) {
		memcpy(out, "********", 9);
		return;
	}
	if (!keep || keep + MASK_TRAIL + 8 > n || memcmp(p, r->d->mask_keep, keep))
		keep = 0;
	lead = keep ? keep : shown(p, n, MASK_LEAD);
	from = shown_from(p, n, MASK_TRAIL);
	memcpy(out, p, lead);
	memcpy(out + lead, STARS, MASK_STARS);
	memcpy(out + lead + MASK_STARS, p + from, n - from);
	out[lead + MASK_STARS + n - from] = 0;
}

/* One form for all spellings of a value; returns its length. */
static size_t normalize(const struct rule *r, const uint8_t *p, size_t n, uint8_t out[DETECT_VALUE_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < n && len < DETECT_VALUE_MAX; i++) {
		switch (r->d->form) {
		case FORM_ALNUM:
			if (isalnum(p[i]))
				out[len++] = (uint8_t)toupper(p[i]);
			i += gap_or_one(p + i, n - i) - 1;
			break;
		case FORM_LOWER:
			out[len++] = (uint8_t)tolower(p[i]);
			break;
		case FORM_BASE64:
			/* keys in PEM: line ends may be written as \n */
			if (p[i] == '\\' && i + 1 < n && strchr("nrt\\", p[i + 1]))
				i++;
			else if (isalnum(p[i]) || p[i] == '+' || p[i] == '/')
				out[len++] = p[i];
			break;
		default:
			out[len++] = p[i];
			break;
		}
	}
	return len;
}

static void make_token(struct detect_worker *w, const struct rule *r, const uint8_t *p, size_t n,
        char out[FINDING_TOKEN_MAX])
{
	const char *class = data_class_name(r->d->class);
	uint8_t mac[EVP_MAX_MD_SIZE];
	char hex[33];
	size_t len;

	out[0] = 0;
	if (!w->mac || !EVP_MAC_init(w->mac, NULL, 0, NULL) ||
	        !EVP_MAC_update(w->mac, (const uint8_t *)class, strlen(class) + 1) ||
	        !EVP_MAC_update(w->mac, p, n) || !EVP_MAC_final(w->mac, mac, &len, sizeof(mac)) || len < 16)
		return;
	snprintf(out, FINDING_TOKEN_MAX, "%s:%s", w->en->token_key_id, hex_encode(mac, 16, hex));
	explicit_bzero(mac, sizeof(mac));
}

static void drop_hit(struct detect_stream *s, unsigned i)
{
	if (s->hits[i].finding >= 0 && !s->masking)
		s->findings[s->hits[i].finding].count--;
	s->hits[i] = s->hits[--s->n_hits];
	s->next_hit = s->n_hits;
	s->w->stats.suppressed++;
}

/* Which of two on the same bytes stays: more priority, then more confidence, then more bytes, then the first.
 */
static bool loses(const struct detect_engine *en, const struct hit *a, const struct hit *b)
{
	const struct detector *x = en->rules[a->rule].d, *y = en->rules[b->rule].d;

	if (x->priority != y->priority)
		return x->priority < y->priority;
	if (a->confidence != b->confidence)
		return a->confidence < b->confidence;
	if (a->end - a->start != b->end - b->start)
		return a->end - a->start < b->end - b->start;
	return a->rule > b->rule;
}

/* Does `o` stand in the text of f, if only beside its border?  *shift: from its own field's offsets to those
 * of f. */
static bool stands_in(const struct field *f, const struct hit *o, int64_t *shift)
{
	*shift = 0;
	if (o->field == f->number)
		return true;
	if (!f->border || (o->field != f->before && o->field != f->behind))
		return false;
	*shift = o->field == f->before ? f->before_at : f->behind_at;
	return true;
}

/* Makes room for a hit among those it overlaps; false when one of them stays instead. */
static bool clear_overlaps(struct detect_stream *s, const struct field *f, const struct hit *h)
{
	const struct detect_engine *en = s->w->en;
	int64_t shift;

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = s->n_hits; i-- > 0;) {
			const struct hit *o = &s->hits[i];

			if (!stands_in(f, o, &shift) || o->start + shift >= h->end ||
			        h->start >= o->end + shift)
				continue;
			/* markings are no values: they stand beside what they cover */
			if ((en->rules[o->rule].d->class == CLASS_MARKER) !=
			        (en->rules[h->rule].d->class == CLASS_MARKER))
				continue;
			if (pass)
				drop_hit(s, i);
			else if (o->field == h->field
			                 ? loses(en, h, o)
			                 : en->rules[h->rule].d->priority <= en->rules[o->rule].d->priority)
				return false;
		}
	return true;
}

static void remember(struct detect_stream *s, const struct hit *h)
{
	if (s->n_hits < DETECT_HITS) {
		s->hits[s->n_hits++] = *h;
		return;
	}
	s->next_hit %= DETECT_HITS;
	s->hits[s->next_hit++] = *h;
}

static bool ranks_below(const struct finding *a, enum severity severity, uint8_t confidence)
{
	if (a->detector->severity != severity)
		return a->detector->severity < severity;
	return a->confidence < confidence;
}

/* A place for a new finding: a free one, or that of the least, so that a thousand addresses do not hide a
 * key. */
static int32_t place_for(struct detect_stream *s, const struct rule *r, uint8_t confidence)
{
	size_t least = 0;

	for (size_t i = 0; i < s->n_findings; i++)
		if (!s->findings[i].count)
			return (int32_t)i;
	if (s->n_findings < s->w->findings_max)
		return (int32_t)s->n_findings++;
	s->more++;
	for (size_t i = 1; i < s->n_findings; i++)
		if (ranks_below(&s->findings[i], s->findings[least].detector->severity,
		            s->findings[least].confidence))
			least = i;
	if (!ranks_below(&s->findings[least], r->d->severity, confidence))
		return -1;
	for (unsigned i = s->n_hits; i-- > 0;)
		if (s->hits[i].finding == (int32_t)least)
			s->hits[i].finding = -1;
	return (int32_t)least;
}

static bool same_field(const struct detect_stream *s, const struct field *f, const struct finding *x)
{
	return strlen(x->field) == f->path_len && !memcmp(x->field, s->paths + f->path, f->path_len);
}

/* The finding of this value in this field, made when new; -1 when there is no room. */
static int32_t merge(struct detect_stream *s, const struct field *f, const struct rule *r,
        const struct value *v, uint8_t confidence, int64_t offset)
{
	uint8_t normal[DETECT_VALUE_MAX];
	size_t n = normalize(r, v->p + v->start, v->end - v->start, normal);
	uint64_t hash = hash64(normal, n, hash_seed() + r->d->index);
	int32_t at;
	struct finding *x;

	for (size_t i = 0; i < s->n_findings; i++) {
		x = &s->findings[i];
		if (x->count && x->value_hash == hash && x->detector == r->d && same_field(s, f, x)) {
			x->count++;
			if (confidence > x->confidence)
				x->confidence = confidence;
			explicit_bzero(normal, n);
			return (int32_t)i;
		}
	}
	at = place_for(s, r, confidence);
	if (at >= 0) {
		x = &s->findings[at];
		memset(x, 0, sizeof(*x));
		x->detector = r->d;
		x->count = 1;
		x->confidence = confidence;
		x->value_hash = hash;
		x->offset = (uint64_t)offset;
		x->mark = f->mark;
		memcpy(x->field, s->paths + f->path, f->path_len);
		mask_value(r, v->p + v->start, v->end - v->start, x->mask);
		make_token(s->w, r, normal, n, x->token);
	}
	explicit_bzero(normal, n);
	return at;
}

static struct hit hit_of(
        const struct field *f, const struct rule *r, const struct value *v, uint8_t confidence)
{
	return (struct hit){.start = (int64_t)(f->begin + v->start) + f->delta,
	        .end = (int64_t)(f->begin + v->end) + f->delta,
	        .field = f->number,
	        .rule = r->d->index,
	        .finding = -1,
	        .confidence = confidence};
}

void finding_accept(struct detect_stream *s, const struct field *f, const struct rule *r,
        const struct value *v, uint8_t confidence)
{
	struct hit h = hit_of(f, r, v, confidence);

	if (!clear_overlaps(s, f, &h)) {
		s->w->stats.suppressed++;
		return;
	}
	if (s->masking)
		h.finding = r->d->class == CLASS_MARKER ? -1 : 0;
	else
		h.finding = merge(s, f, r, v, confidence, h.start);
	remember(s, &h);
}

void finding_exclude(
        struct detect_stream *s, const struct field *f, const struct rule *r, const struct value *v)
{
	struct hit h = hit_of(f, r, v, 100);

	if (clear_overlaps(s, f, &h))
		remember(s, &h);
}
