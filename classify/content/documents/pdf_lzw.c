/* pdf_lzw.c - LZWDecode (ISO 32000-1 7.4.4): codes of 9 to 12 bits, the highest bit first, each for a byte,
 * for what an earlier code stood for and one byte more, or to begin anew. */
#include "classify/content/documents/pdf.h"

#define CODES     4096
#define CODE_NEW  256
#define CODE_END  257
#define CODE_NONE 0xffff
#define OUT_SIZE  8192 /* at least the longest string of a code */

_Static_assert(OUT_SIZE >= CODES, "each code adds one byte to another's string");

struct pdf_lzw {
	uint32_t bits;
	uint8_t n_bits, width, early;
	uint16_t next, last; /* code to be given, and the one before */
	uint64_t in, out;
	size_t n;                              /* of `text` */
	uint16_t before[CODES], length[CODES]; /* by code: what its string begins with, and its length */
	uint8_t first[CODES], end[CODES];      /* the string's first and last byte */
	uint8_t text[OUT_SIZE];
};

static void begin_anew(struct pdf_lzw *x)
{
	x->next = CODE_END + 1;
	x->width = 9;
	x->last = CODE_NONE;
}

bool pdf_lzw_begin(struct pdf *f, struct nest *t, bool early)
{
	struct pdf_lzw *x = f->lzw;

	if (!x) {
		x = f->lzw = nest_alloc(t, sizeof(*x));
		if (!x)
			return false;
		for (unsigned i = 0; i < 256; i++) {
			x->first[i] = x->end[i] = (uint8_t)i;
			x->length[i] = 1;
		}
	}
	x->bits = x->n_bits = 0;
	x->n = 0;
	x->in = x->out = 0;
	x->early = early;
	begin_anew(x);
	return true;
}

/* The string of a code behind what is held, which has room for it. */
static void put(struct pdf_lzw *x, uint16_t code)
{
	size_t len = x->length[code];
	uint8_t *to = x->text + x->n + len;

	x->n += len;
	for (; len > 1; len--, code = x->before[code])
		*--to = x->end[code];
	*--to = x->end[code];
}

/* A new code: the string of the last one and a byte. */
static void add(struct pdf_lzw *x, uint8_t end)
{
	if (x->next == CODES)
		return;
	x->before[x->next] = x->last;
	x->length[x->next] = (uint16_t)(x->length[x->last] + 1);
	x->first[x->next] = x->first[x->last];
	x->end[x->next] = end;
	x->next++;
	if (x->next + x->early == 1u << x->width && x->width < 12)
		x->width++;
}

static enum unpacked code_step(struct pdf_lzw *x, uint16_t code)
{
	if (code == CODE_END)
		return UNPACK_END;
	if (code == CODE_NEW) {
		begin_anew(x);
		return UNPACK_MORE;
	}
	if (x->last == CODE_NONE) {
		if (code > 255)
			return UNPACK_BROKEN;
	} else if (code < x->next) {
		add(x, x->first[code]);
	} else if (code == x->next && code < CODES) { /* the one that is made of itself */
		add(x, x->first[x->last]);
	} else {
		return UNPACK_BROKEN;
	}
	put(x, code);
	x->last = code;
	return UNPACK_MORE;
}

static void flush(struct pdf_lzw *x, struct nest *t, pdf_bytes_out out, void *arg)
{
	x->out += x->n;
	if (x->n)
		out(arg, t, x->text, x->n);
	x->n = 0;
}

enum unpacked pdf_lzw_feed(
        struct pdf_lzw *x, const uint8_t *p, size_t n, pdf_bytes_out out, void *arg, struct nest *t)
{
	const unsigned ratio = nest_limits(t)->inflate_ratio;
	enum unpacked r = UNPACK_MORE;

	for (size_t i = 0; i < n && r == UNPACK_MORE && !nest_over(t); i++) {
		x->in++;
		x->bits = x->bits << 8 | p[i];
		x->n_bits += 8;
		if (x->n_bits < x->width)
			continue;
		if (sizeof(x->text) - x->n < CODES)
			flush(x, t, out, arg);
		x->n_bits = (uint8_t)(x->n_bits - x->width);
		r = code_step(x, (uint16_t)(x->bits >> x->n_bits & ((1u << x->width) - 1)));
		if (ratio && x->out > UNPACK_FREE && x->out / ratio > x->in)
			r = UNPACK_BOMB;
	}
	flush(x, t, out, arg);
	return r;
}
