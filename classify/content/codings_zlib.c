/* codings_zlib.c - gzip (RFC 1952), zlib's own format (RFC 1950) and bare deflate (RFC 1951), by zlib. */
#include "classify/content/codings_internal.h"

#include <string.h>
#include <zlib.h>

static voidpf take(voidpf opaque, uInt items, uInt size)
{
	return coding_memory_get(opaque, (size_t)items * size);
}

static void give_back(voidpf opaque, voidpf p)
{
	coding_memory_put(opaque, p);
}

static void clear(struct coding *c)
{
	if (!c->decoder)
		return;
	inflateEnd(c->decoder);
	coding_memory_put(c->memory, c->decoder);
	c->decoder = NULL;
}

static bool start(struct coding *c, int window_bits)
{
	z_stream *z = coding_memory_get(c->memory, sizeof(*z));

	if (!z)
		return false;
	memset(z, 0, sizeof(*z));
	z->zalloc = take;
	z->zfree = give_back;
	z->opaque = c->memory;
	if (inflateInit2(z, window_bits) != Z_OK) {
		coding_memory_put(c->memory, z);
		return false;
	}
	c->decoder = z;
	return true;
}

/* Bare deflate has no mark, and that of zlib's format is short: the held bytes are inflated on trial.  That
 * text inflates to something is chance, but for a body that ends just there. */
static int inflates(struct coding *c, int window_bits)
{
	uint8_t out[1024];
	z_stream *z;
	int r = Z_OK;

	if (!start(c, window_bits))
		return -1;
	z = c->decoder;
	z->next_in = c->held;
	z->avail_in = (uInt)c->n_held;
	while (r == Z_OK && z->avail_in) {
		z->next_out = out;
		z->avail_out = sizeof(out);
		r = inflate(z, Z_NO_FLUSH);
	}
	if (r == Z_MEM_ERROR)
		return -1;
	if (r == Z_STREAM_END ? window_bits < 0 && z->avail_in
	                      : (r != Z_OK && r != Z_BUF_ERROR) || coding_held_is_text(c))
		return 0;
	return inflateReset(z) == Z_OK;
}

static int begins_gzip(struct coding *c)
{
	if (c->n_held < 2 || c->held[0] != 0x1f || c->held[1] != 0x8b)
		return 0;
	return start(c, 15 + 16) ? 1 : -1;
}

/* RFC 1950 2.2: method 8 and a header that 31 divides */
static int begins_zlib(struct coding *c)
{
	if (c->n_held < 2 || (c->held[0] & 0x0f) != 8 || (c->held[0] << 8 | c->held[1]) % 31)
		return 0;
	return inflates(c, 15);
}

static int begins_deflate(struct coding *c)
{
	return inflates(c, -15);
}

static unsigned run(struct coding *c, const uint8_t **p, size_t *n, bytes_out out, void *arg)
{
	uint8_t buf[CODING_OUT];
	z_stream *z = c->decoder;
	uInt some = *n > 1u << 30 ? 1u << 30 : (uInt)*n;
	uint64_t before = c->in;
	unsigned why;
	int r;

	z->next_in = (Bytef *)(uintptr_t)*p;
	z->avail_in = some;
	do {
		z->next_out = buf;
		z->avail_out = sizeof(buf);
		r = inflate(z, Z_NO_FLUSH);
		c->in = before + (some - z->avail_in);
		why = coding_give(c, buf, sizeof(buf) - z->avail_out, out, arg);
		if (why)
			return why;
	} while (r == Z_OK && (z->avail_in || !z->avail_out));
	*p += some - z->avail_in;
	*n -= some - z->avail_in;
	switch (r) {
	case Z_STREAM_END:
		c->phase = CODING_AFTER;
		return 0;
	case Z_OK:
	case Z_BUF_ERROR:
		return 0;
	case Z_MEM_ERROR:
		return CONTENT_LIMIT;
	case Z_NEED_DICT:
		return CONTENT_UNSUPPORTED;
	default:
		return CONTENT_BROKEN;
	}
}

/* RFC 1952 2.2: another member may follow; some senders pad with zeros. */
static unsigned after_gzip(struct coding *c, const uint8_t **p, size_t *n)
{
	const uint8_t *magic = c->held;
	size_t some = CODING_MAGIC;
	int r;

	if (!c->n_held && !**p) {
		++*p;
		--*n;
		return 0;
	}
	if (!c->n_held && **p != 0x1f)
		return CONTENT_BROKEN;
	r = coding_again(c, CODING_GZIP, p, n);
	if (r <= 0)
		return r ? CONTENT_BROKEN : 0;
	return inflateReset(c->decoder) == Z_OK ? run(c, &magic, &some, NULL, NULL) : CONTENT_BROKEN;
}

const struct coding_format format_gzip = {begins_gzip, run, after_gzip, clear};
const struct coding_format format_zlib = {begins_zlib, run, NULL, clear};
const struct coding_format format_deflate = {begins_deflate, run, NULL, clear};
