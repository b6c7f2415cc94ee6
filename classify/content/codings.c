/* codings.c - see codings.h: labels tried against the first bytes, limits on what comes out. */
#include "classify/content/codings_internal.h"

#include <string.h>

static const struct {
	const char *name;
	enum coding_kind kind;
} names[] = {
        {"", CODING_NONE},
        {"identity", CODING_NONE},
        {"gzip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"deflate", CODING_DEFLATE},
        {"br", CODING_BROTLI},
        {"zstd", CODING_ZSTD},
        {"aws-chunked", CODING_AWS_CHUNKED},
        {"compress", CODING_COMPRESS},
        {"x-compress", CODING_COMPRESS},
};

enum coding_kind coding_by_name(struct slice name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is_nocase(name, names[i].name))
			return names[i].kind;
	return CODING_UNKNOWN;
}

/* Takes the last element off a list; false when the list is empty. */
static bool list_last(struct slice *list, struct slice *one)
{
	const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
	size_t n = comma ? (size_t)(comma - list->p) : 0;

	if (!list->n)
		return false;
	*one = slice_trim(slice_of(list->p + n + (comma != NULL), list->n - n - (comma != NULL)));
	list->n = n;
	return true;
}

unsigned coding_list(struct slice list, enum coding_kind kinds[CODINGS_MAX])
{
	struct slice one;
	unsigned n = 0;

	while (list_last(&list, &one)) {
		enum coding_kind kind = coding_by_name(one);

		if (kind == CODING_NONE)
			continue;
		if (n == CODINGS_MAX)
			return CODINGS_MAX + 1;
		/* AWS names it first though it is around the others: "aws-chunked,gzip" */
		if (kind == CODING_AWS_CHUNKED) {
			memmove(kinds + 1, kinds, n * sizeof(*kinds));
			kinds[0] = kind;
			n++;
		} else {
			kinds[n++] = kind;
		}
	}
	return n;
}

/* RFC 1952 2.3: method 8, no reserved flag; RFC 8878 3.1: a frame, or one to skip */
enum coding_kind coding_by_magic(const uint8_t *p, size_t n)
{
	if (n >= 4 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8 && !(p[3] & 0xe0))
		return CODING_GZIP;
	if (n >= 4 && ((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
	                      ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)))
		return CODING_ZSTD;
	return CODING_NONE;
}

int coding_again(struct coding *c, enum coding_kind kind, const uint8_t **p, size_t *n)
{
	c->held[c->n_held++] = *(*p)++;
	--*n;
	if (c->n_held < CODING_MAGIC)
		return 0;
	if (coding_by_magic(c->held, c->n_held) != kind)
		return -1;
	c->n_held = 0;
	c->phase = CODING_RUN;
	return 1;
}

bool coding_held_is_text(const struct coding *c)
{
	return text_run(c->held, c->n_held) == c->n_held;
}

unsigned coding_give(struct coding *c, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	c->out += n;
	if (n && !out(arg, p, n))
		return CONTENT_LIMIT;
	return c->ratio && c->out > CODING_FREE && c->out / c->ratio > c->in ? CONTENT_LIMIT : 0;
}

void coding_init(struct coding *c, enum coding_kind kind, unsigned ratio, struct coding_memory *memory)
{
	memset(c, 0, offsetof(struct coding, held));
	c->kind = (uint8_t)kind;
	c->ratio = ratio;
	c->memory = memory;
}

void coding_clear(struct coding *c)
{
	if (c->format && c->format->clear)
		c->format->clear(c);
	c->format = NULL;
	c->decoder = NULL;
}

/* ---- what the first bytes say ---- */

static int fits(struct coding *c, const struct coding_format *f)
{
	int r;

	c->format = f;
	r = f->begins(c);
	if (r <= 0)
		coding_clear(c);
	else
		c->phase = CODING_RUN;
	return r;
}

/* Under a label that we cannot undo: bytes that a coding made have controls in them, one in nine. */
static bool has_controls(const struct coding *c)
{
	for (size_t i = 0; i < c->n_held; i++)
		if (c->held[i] < 0x20 && (c->held[i] < '\t' || c->held[i] > '\r'))
			return true;
	return false;
}

static bool is_refused(const struct coding *c)
{
	if (c->kind == CODING_COMPRESS) /* its mark in the files of compress(1) */
		return c->n_held >= 2 && c->held[0] == 0x1f && c->held[1] == 0x9d;
	return c->kind == CODING_UNKNOWN && has_controls(c);
}

/* The label's own format first: another's mark may stand at its beginning by chance. */
static unsigned choose(struct coding *c)
{
	static const struct {
		enum coding_kind kind;
		const struct coding_format *format;
	} rows[] = {
	        {CODING_GZIP, &format_gzip},
	        {CODING_DEFLATE, &format_zlib},
	        {CODING_DEFLATE, &format_deflate},
	        {CODING_BROTLI, &format_brotli},
	        {CODING_ZSTD, &format_zstd},
	        {CODING_AWS_CHUNKED, &format_aws_chunked},
	};
	enum coding_kind magic = coding_by_magic(c->held, c->n_held);
	int r = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !r; i++)
		if (rows[i].kind == (enum coding_kind)c->kind)
			r = fits(c, rows[i].format);
	if (!r && magic != CODING_NONE)
		r = fits(c, magic == CODING_GZIP ? &format_gzip : &format_zstd);
	if (r < 0)
		return CONTENT_LIMIT;
	if (r > 0)
		return 0;
	c->phase = CODING_PASS;
	return is_refused(c) ? CONTENT_UNSUPPORTED : 0;
}

/* ---- the stream ---- */

static unsigned decode(struct coding *c, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	unsigned why = 0;

	if (c->phase == CODING_PASS) {
		if (n)
			out(arg, p, n);
		return 0;
	}
	while (n && !why) {
		if (c->phase == CODING_RUN)
			why = c->format->run(c, &p, &n, out, arg);
		else
			why = c->format->after ? c->format->after(c, &p, &n) : CONTENT_BROKEN;
	}
	c->rest = p;
	c->n_rest = n;
	return why;
}

static unsigned decode_held(struct coding *c, bytes_out out, void *arg)
{
	uint8_t held[CODING_TRIAL];
	size_t n = c->n_held;
	unsigned why = choose(c);

	/* the room is the decoder's from here on */
	memcpy(held, c->held, n);
	c->n_held = 0;
	if (!why)
		why = decode(c, held, n, out, arg);
	if (why != CONTENT_BROKEN)
		return why;
	memcpy(c->held + c->n_held, c->rest, c->n_rest);
	c->n_held += c->n_rest;
	c->n_rest = 0;
	return why;
}

unsigned coding_feed(struct coding *c, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	if (c->phase == CODING_TRY) {
		size_t room = CODING_TRIAL - c->n_held, take = n < room ? n : room;
		unsigned why;

		memcpy(c->held + c->n_held, p, take);
		c->n_held += take;
		if (c->n_held < CODING_TRIAL)
			return 0;
		p += take;
		n -= take;
		why = decode_held(c, out, arg);
		c->rest = p;
		c->n_rest = n;
		if (why)
			return why;
	}
	return decode(c, p, n, out, arg);
}

bool coding_whole(const struct coding *c)
{
	return c->phase == CODING_AFTER;
}

unsigned coding_end(struct coding *c, bytes_out out, void *arg)
{
	unsigned why = c->phase == CODING_TRY && c->n_held ? decode_held(c, out, arg) : 0;

	c->n_rest = 0;
	if (!why && (c->phase == CODING_RUN || (c->phase == CODING_AFTER && c->n_held)))
		why = CONTENT_BROKEN;
	return why;
}

unsigned coding_gap(struct coding *c, uint64_t n, bytes_out out, void *arg)
{
	unsigned why = c->phase == CODING_TRY && c->n_held ? decode_held(c, out, arg) : 0;

	if (why)
		return why;
	return c->phase == CODING_PASS || (c->format == &format_aws_chunked && coding_chunk_skip(c, n))
	               ? 0
	               : CONTENT_GAP;
}
