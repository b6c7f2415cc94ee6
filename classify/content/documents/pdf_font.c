/* pdf_font.c - what is known of fonts, and of the pages and resources that name them (ISO
 * 32000-1 7.7.3, 7.8.3, 9.5 to 9.7).
 *
 * A page calls a font by a name of its own, "F1"; its resources say which object that is.  Most documents
 * give a name one meaning, so the first one counts for everybody, and only pages that mean another font are
 * kept. */
#include "classify/content/documents/pdf.h"
#include "classify/content/documents/pdf_keys.h"

#define BUCKETS  256
#define HOPS_MAX 8 /* from a stream of content over its page and the page's parents to the fonts */

void *pdf_table_alloc(struct pdf *f, struct nest *t, size_t n)
{
	struct pdf_tables *b = &f->tables;
	uint8_t *p;

	n = (n + 7) & ~(size_t)7;
	if (n > PDF_BLOCK)
		return NULL;
	if (!b->n_blocks || n > PDF_BLOCK - b->used) {
		if (b->n_blocks == PDF_TABLES) {
			nest_skip(t, CONTENT_LIMIT);
			return NULL;
		}
		b->block[b->n_blocks] = nest_alloc(t, PDF_BLOCK);
		if (!b->block[b->n_blocks])
			return NULL;
		b->n_blocks++;
		b->used = 0;
	}
	p = b->block[b->n_blocks - 1] + b->used;
	b->used += n;
	return p;
}

/* ---- things ---- */

struct pdf_thing *pdf_thing_find(struct pdf *f, uint32_t number, unsigned what_mask)
{
	struct pdf_tables *b = &f->tables;

	if (!b->thing || !number)
		return NULL;
	for (uint16_t i = b->bucket[number % BUCKETS]; i; i = b->thing[i - 1].next)
		if (b->thing[i - 1].number == number)
			return what_mask >> b->thing[i - 1].what & 1 ? &b->thing[i - 1] : NULL;
	return NULL;
}

static bool begin_things(struct pdf *f, struct nest *t)
{
	struct pdf_tables *b = &f->tables;
	uint16_t *bucket;

	if (b->thing)
		return true;
	bucket = pdf_table_alloc(f, t, BUCKETS * sizeof(*bucket));
	if (!bucket)
		return false;
	memset(bucket, 0, BUCKETS * sizeof(*bucket));
	b->bucket = bucket;
	b->thing = pdf_table_alloc(f, t, PDF_THINGS * sizeof(*b->thing));
	return b->thing != NULL;
}

struct pdf_thing *pdf_thing_add(struct pdf *f, struct nest *t, uint32_t number, enum pdf_what what)
{
	struct pdf_tables *b = &f->tables;
	struct pdf_thing *th;
	uint16_t next;

	if (!begin_things(f, t))
		return NULL;
	th = pdf_thing_find(f, number, ~0u);
	if (!th && b->n_things == PDF_THINGS) {
		nest_skip(t, CONTENT_LIMIT);
		return NULL;
	}
	if (!th) {
		th = &b->thing[b->n_things++];
		th->next = b->bucket[number % BUCKETS];
		b->bucket[number % BUCKETS] = (uint16_t)b->n_things;
	}
	next = th->next;
	*th = (struct pdf_thing){.number = number, .what = (uint8_t)what, .next = next};
	return th;
}

/* ---- where fonts are looked up ---- */

static uint32_t hash(uint32_t a, uint32_t b)
{
	return ((a * 2654435761u) ^ (b * 2246822519u)) * 2654435761u >> 16;
}

/* The entry of `number`, or the free one where it would stand; NULL: full. */
static struct pdf_place *place_of(const struct pdf *f, uint32_t number)
{
	struct pdf_place *place = f->tables.place;

	for (uint32_t i = 0; place && i < PDF_PLACES; i++) {
		struct pdf_place *p = &place[(hash(number, 0) + i) % PDF_PLACES];

		if (p->number == number || !p->number)
			return p;
	}
	return NULL;
}

static bool begin_places(struct pdf *f, struct nest *t)
{
	struct pdf_tables *b = &f->tables;

	if (!b->place) {
		b->place = pdf_table_alloc(f, t, PDF_PLACES * sizeof(*b->place));
		if (b->place)
			memset(b->place, 0, PDF_PLACES * sizeof(*b->place));
	}
	if (!b->name) {
		b->name = pdf_table_alloc(f, t, PDF_FONT_NAMES * sizeof(*b->name));
		if (b->name)
			memset(b->name, 0, PDF_FONT_NAMES * sizeof(*b->name));
	}
	return b->place && b->name;
}

void pdf_place_add(struct pdf *f, struct nest *t, uint32_t number, uint32_t at)
{
	struct pdf_tables *b = &f->tables;
	struct pdf_place *p;

	if (!number || !begin_places(f, t) || !(p = place_of(f, number)))
		return;
	/* a table that is full to the brim is searched for long */
	if (!p->number && ++b->n_places > PDF_PLACES * 3 / 4) {
		b->n_places--;
		return;
	}
	*p = (struct pdf_place){number, at};
}

bool pdf_place_same(const struct pdf *f, uint32_t a, uint32_t b)
{
	const struct pdf_place *p = place_of(f, a), *q = place_of(f, b);

	return p && q && p->number && q->number && p->at == q->at;
}

static struct pdf_font_name *name_of(const struct pdf *f, uint32_t owner, uint32_t name)
{
	struct pdf_font_name *names = f->tables.name;

	for (uint32_t i = 0; names && i < PDF_FONT_NAMES; i++) {
		struct pdf_font_name *p = &names[(hash(owner, name) + i) % PDF_FONT_NAMES];

		if ((p->owner == owner && p->name == name) || !p->name)
			return p;
	}
	return NULL;
}

void pdf_font_name_add(struct pdf *f, struct nest *t, uint32_t owner, uint32_t name, uint32_t font)
{
	struct pdf_tables *b = &f->tables;
	struct pdf_font_name *p;

	if (!begin_places(f, t) || !(p = name_of(f, 0, name)))
		return;
	if (p->name && p->font == font)
		return;
	if (p->name) {
		p = name_of(f, owner, name);
		if (!p)
			return;
	} else {
		owner = 0;
	}
	if (!p->name && ++b->n_names > PDF_FONT_NAMES * 3 / 4) {
		b->n_names--;
		return;
	}
	*p = (struct pdf_font_name){owner, name, font};
}

/* The object that the content stream means by a font's name; 0: *missing is yet to come, or nobody knows. */
static uint32_t font_number(const struct pdf *f, uint32_t content, uint32_t name, uint32_t *missing)
{
	const struct pdf_font_name *n;
	uint32_t at = content;

	*missing = 0;
	for (unsigned hop = 0; hop < HOPS_MAX && at; hop++) {
		const struct pdf_place *p = place_of(f, at);

		n = name_of(f, at, name);
		if (n && n->name)
			return n->font;
		if (!p || !p->number) {
			*missing = at;
			return 0;
		}
		at = p->at;
	}
	n = name_of(f, 0, name);
	return n && n->name ? n->font : 0;
}

/* ---- how strings of a font are read ---- */

static enum pdf_ready simple_font(
        struct pdf *f, const struct pdf_thing *th, struct pdf_reading *r, uint32_t *missing)
{
	const struct pdf_thing *map = pdf_thing_find(f, th->to_unicode, 1u << PDF_CMAP),
	                       *encoding = pdf_thing_find(f, th->encoding_ref, 1u << PDF_ENCODING),
	                       *widths = pdf_thing_find(f, th->widths_ref, 1u << PDF_WIDTHS);
	const struct pdf_thing *by = encoding ? encoding : th;

	r->code_bytes = 1;
	r->encoding = by->data;
	r->named = by->named;
	r->cmap = map ? map->data : NULL;
	r->glyphs = th->true_type && !by->named && !map;
	r->widths = th->widths;
	r->metrics = th->metrics;
	if (widths && widths->data) {
		r->widths = widths->data;
		r->first_code = th->first_char;
	}
	/* names that say nothing (g12): the character map must */
	if (map || (by->named && !by->unknown))
		return PDF_READY;
	*missing = th->to_unicode ? th->to_unicode : encoding ? 0 : th->encoding_ref;
	if (*missing)
		return PDF_WAIT;
	/* the font's own encoding, which is mostly that of ASCII */
	return by->unknown ? PDF_NEVER : PDF_READY;
}

static enum pdf_ready composite_font(
        struct pdf *f, const struct pdf_thing *th, struct pdf_reading *r, uint32_t *missing)
{
	const struct pdf_thing *map = pdf_thing_find(f, th->to_unicode, 1u << PDF_CMAP),
	                       *cids = pdf_thing_find(f, th->widths_ref, 1u << PDF_CIDS), *more;

	r->code_bytes = 2;
	r->ucs2 = th->encoding == KEY_UCS2;
	r->cmap = map ? map->data : NULL;
	if (map && th->encoding != KEY_IDENTITY && !r->ucs2)
		r->code_bytes = r->cmap->code_bytes;
	if (cids) {
		more = pdf_thing_find(f, cids->widths_ref, 1u << PDF_CIDS);
		r->default_width = cids->default_width;
		r->cids = more ? more->data : cids->data;
		r->n_cids = more ? more->n : cids->n;
	}
	if (map || r->ucs2)
		return PDF_READY;
	*missing = th->to_unicode;
	return th->to_unicode ? PDF_WAIT : PDF_NEVER;
}

enum pdf_ready pdf_font_find(
        struct pdf *f, uint32_t content, uint32_t name, struct pdf_reading *r, uint32_t *missing)
{
	uint32_t number = font_number(f, content, name, missing);
	const struct pdf_thing *th = pdf_thing_find(f, number, 1u << PDF_FONT_SIMPLE | 1u << PDF_FONT_TYPE0);

	*r = (struct pdf_reading){.code_bytes = 1};
	if (!number)
		return *missing ? PDF_WAIT : PDF_NEVER;
	if (!th) {
		*missing = number;
		return PDF_WAIT;
	}
	return th->what == PDF_FONT_TYPE0 ? composite_font(f, th, r, missing)
	                                  : simple_font(f, th, r, missing);
}

/* The run that begins at the code, or last before it; NULL: it ends before, or there is none. */
static const struct pdf_cid_width *cid_find(const struct pdf_reading *r, uint32_t code)
{
	uint32_t lo = 0, hi = r->cids ? r->n_cids : 0;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (r->cids[mid].first <= code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && code <= r->cids[lo - 1].last ? &r->cids[lo - 1] : NULL;
}

unsigned pdf_width(const struct pdf_reading *r, uint32_t code, uint32_t cp)
{
	const struct pdf_cid_width *run = cid_find(r, code);
	unsigned w = 0;

	if (run)
		return run->width;
	if (r->code_bytes == 1 && r->widths && code >= r->first_code)
		w = r->widths[(code - r->first_code) & 0xff];
	if (!w && r->default_width)
		w = r->default_width;
	return w ? w : pdf_metrics_width(r->metrics, cp);
}
