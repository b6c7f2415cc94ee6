/* pdf_filter.c - filters of PDF's streams undone (ISO 32000-1 7.4): FlateDecode and LZWDecode with the
 * predictors of PNG, ASCII85Decode, ASCIIHexDecode, RunLengthDecode, one behind the other.  The filters of
 * pictures need not be. */
#include "classify/content/documents/pdf.h"
#include "classify/content/documents/pdf_keys.h"

#define OUT_SIZE 512

static void step(struct pdf *f, struct nest *t, unsigned level, const uint8_t *p, size_t n);

struct gathered {
	struct pdf *f;
	struct nest *t;
	unsigned level; /* of the filter that gets it */
	size_t n;
	uint8_t bytes[OUT_SIZE];
};

static void flush(struct gathered *g)
{
	if (g->n)
		step(g->f, g->t, g->level, g->bytes, g->n);
	g->n = 0;
}

static void put(struct gathered *g, uint8_t c)
{
	if (g->n == sizeof(g->bytes))
		flush(g);
	g->bytes[g->n++] = c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || !c;
}

static void ascii_hex(struct pdf_filter *x, struct gathered *g, uint8_t c)
{
	int d = hex_digit((char)c);

	if (c == '>') {
		if (x->digit >= 0)
			put(g, (uint8_t)(x->digit << 4));
		x->over = true;
	} else if (d >= 0 && x->digit < 0) {
		x->digit = d;
	} else if (d >= 0) {
		put(g, (uint8_t)(x->digit << 4 | d));
		x->digit = -1;
	}
}

/* A group of n characters, the missing ones taken for 'u' (7.4.3). */
static void ascii85_group(struct pdf_filter *x, struct gathered *g)
{
	unsigned n = x->n;

	for (; x->n < 5; x->n++)
		x->group = x->group * 85 + 84;
	for (unsigned i = 0; i + 1 < n; i++)
		put(g, (uint8_t)(x->group >> (24 - 8 * i)));
	x->n = 0;
	x->group = 0;
}

static void ascii85(struct pdf_filter *x, struct gathered *g, uint8_t c)
{
	if (c == '~') {
		ascii85_group(x, g);
		x->over = true;
	} else if (c == 'z' && !x->n) {
		for (unsigned i = 0; i < 4; i++)
			put(g, 0);
	} else if (c >= '!' && c <= 'u') {
		x->group = x->group * 85 + (uint32_t)(c - '!');
		if (++x->n == 5)
			ascii85_group(x, g);
	}
}

static void run_length(struct pdf_filter *x, struct gathered *g, uint8_t c)
{
	if (!x->n && c == 128) {
		x->over = true;
	} else if (!x->n) {
		x->same = c > 128;
		x->n = x->same ? (uint8_t)(257 - c) : (uint8_t)(c + 1);
	} else if (x->same) {
		for (; x->n; x->n--)
			put(g, c);
	} else {
		put(g, c);
		x->n--;
	}
}

/* ---- predictors (7.4.4.4; PNG 9) ---- */

static uint8_t paeth(int a, int b, int c)
{
	int p = a + b - c, pa = p < a ? a - p : p - a, pb = p < b ? b - p : p - b, pc = p < c ? c - p : p - c;

	return (uint8_t)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

/* A row is whole: each has a tag that says how it is meant. */
static void unpredict(struct pdf_stream *s, struct gathered *g)
{
	uint8_t *row = s->rows[0], *above = s->rows[1];

	for (size_t i = 1; i < s->row; i++) {
		int a = i > s->pixel ? row[i - s->pixel] : 0, b = above[i],
		    c = i > s->pixel ? above[i - s->pixel] : 0;
		int add = row[0] == 1   ? a
		          : row[0] == 2 ? b
		          : row[0] == 3 ? (a + b) / 2
		          : row[0] == 4 ? paeth(a, b, c)
		                        : 0;

		row[i] = (uint8_t)(row[i] + add);
		put(g, row[i]);
	}
	memcpy(above, row, s->row);
	s->column = 0;
}

static void unpacked(void *arg, struct nest *t, const uint8_t *p, size_t n)
{
	struct pdf *f = arg;
	struct pdf_stream *s = &f->stream;
	struct gathered g = {.f = f, .t = t, .level = s->packed + 1u};

	/* the next filter may make nothing of it */
	if (g.level < s->n_filters && !nest_weigh(t, n))
		return;
	if (!s->predicted) {
		step(f, t, g.level, p, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		s->rows[0][s->column++] = p[i];
		if (s->column == s->row)
			unpredict(s, &g);
	}
	flush(&g);
}

static void unpack(struct pdf *f, struct nest *t, struct pdf_filter *x, const uint8_t *p, size_t n)
{
	enum unpacked r = x->kind == KEY_LZW ? pdf_lzw_feed(f->lzw, p, n, unpacked, f, t)
	                                     : unpack_feed(&f->unpack, &p, &n, unpacked, f, t);

	x->over = r != UNPACK_MORE;
	if (r == UNPACK_BOMB)
		nest_skip(t, CONTENT_LIMIT);
	f->broken = f->broken || r == UNPACK_BROKEN;
}

/* ---- one behind the other ---- */

static bool is_packed(uint8_t filter)
{
	return filter == KEY_FLATE || filter == KEY_LZW;
}

static void step(struct pdf *f, struct nest *t, unsigned level, const uint8_t *p, size_t n)
{
	struct gathered g = {.f = f, .t = t, .level = level + 1};
	struct pdf_filter *x = &f->stream.filter[level];

	if (nest_over(t))
		return;
	if (level == f->stream.n_filters) {
		pdf_decoded(f, t, p, n);
		return;
	}
	if (is_packed(x->kind)) {
		if (!x->over)
			unpack(f, t, x, p, n);
		return;
	}
	for (size_t i = 0; i < n && !x->over; i++) {
		if (x->kind == KEY_ASCII85 && !is_blank(p[i]))
			ascii85(x, &g, p[i]);
		else if (x->kind == KEY_ASCIIHEX)
			ascii_hex(x, &g, p[i]);
		else if (x->kind == KEY_RUN_LENGTH)
			run_length(x, &g, p[i]);
	}
	flush(&g);
}

bool pdf_filter_begin(struct pdf *f, struct nest *t)
{
	const struct pdf_object *o = &f->object;
	struct pdf_stream *s = &f->stream;
	uint64_t pixel = ((uint64_t)o->colors * o->bits + 7) / 8,
	         row = ((uint64_t)o->colors * o->bits * o->columns + 7) / 8;
	bool has_packed = false;

	s->n_filters = o->n_filters;
	s->predicted = o->predictor >= 10;
	s->column = 0;
	if (o->filters_more || o->predictor == 2)
		return false;
	for (uint8_t i = 0; i < o->n_filters; i++) {
		s->filter[i] = (struct pdf_filter){.kind = o->filter[i], .digit = -1};
		if (is_packed(o->filter[i]) && !has_packed) {
			has_packed = true;
			s->packed = i;
		} else if (o->filter[i] != KEY_ASCII85 && o->filter[i] != KEY_ASCIIHEX &&
		           o->filter[i] != KEY_RUN_LENGTH) {
			return false;
		}
	}
	if (s->predicted) {
		if (!has_packed || !row || row > PDF_ROW_MAX)
			return false;
		s->pixel = (size_t)pixel;
		s->row = (size_t)row + 1;
		memset(s->rows[1], 0, sizeof(s->rows[1]));
	}
	if (!has_packed)
		return true;
	return s->filter[s->packed].kind == KEY_LZW ? pdf_lzw_begin(f, t, o->early != 0)
	                                            : unpack_start(&f->unpack, t, 15);
}

void pdf_filter_feed(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	step(f, t, 0, p, n);
}

void pdf_filter_end(struct pdf *f, struct nest *t)
{
	for (uint8_t i = 0; i < f->stream.n_filters; i++) {
		struct gathered g = {.f = f, .t = t, .level = i + 1u};

		if (f->stream.filter[i].kind == KEY_ASCII85 && f->stream.filter[i].n > 1 &&
		        !f->stream.filter[i].over)
			ascii85_group(&f->stream.filter[i], &g);
		flush(&g);
	}
}
