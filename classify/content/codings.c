/* codings.c - content codings (RFC 9110 8.4.1) undone as a stream: gzip (RFC 1952) and deflate, which is
 * zlib's format (RFC 1950) by the standard and raw deflate (RFC 1951) from some senders.
 *
 * zlib's memory comes from a room of the content pool.  The first bytes are tried before they are believed: a
 * body that does not begin as its label says is read as it is. */
#include "classify/content/reader.h"

#include <string.h>

#define BOMB_FREE   (1u << 20) /* so much may come out of anything before the ratio counts */
#define INFLATE_OUT 16384

enum phase { TRIAL, RUN, BETWEEN, PASS, OVER };

enum coding_kind coding_by_name(struct slice name)
{
	static const struct {
		const char *name;
		enum coding_kind kind;
	} names[] = {
	        {"", CODING_NONE},
	        {"identity", CODING_NONE},
	        {"gzip", CODING_GZIP},
	        {"x-gzip", CODING_GZIP},
	        {"deflate", CODING_DEFLATE},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is_nocase(name, names[i].name))
			return names[i].kind;
	return CODING_UNKNOWN;
}

static voidpf room_get(voidpf opaque, uInt items, uInt size)
{
	struct coding *c = opaque;
	size_t n = ((size_t)items * size + 63) & ~(size_t)63;
	uint8_t *p = c->room + c->room_used;

	if (n > INFLATE_ROOM - c->room_used)
		return Z_NULL;
	c->room_used += n;
	return p;
}

static void room_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	(void)p;
}

void coding_init(struct coding *c, enum coding_kind kind, uint8_t *room)
{
	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)kind;
	c->room = room;
}

static bool start(struct coding *c, int window_bits)
{
	memset(&c->z, 0, sizeof(c->z));
	c->z.zalloc = room_get;
	c->z.zfree = room_free;
	c->z.opaque = c;
	c->room_used = 0;
	return inflateInit2(&c->z, window_bits) == Z_OK;
}

/* Can the held bytes be this format?  Leaves the stream ready to read them. */
static bool fits(struct coding *c, int window_bits)
{
	uint8_t out[1024];
	int r = start(c, window_bits) ? Z_OK : Z_MEM_ERROR;

	c->z.next_in = c->held;
	c->z.avail_in = (uInt)c->n_held;
	while (r == Z_OK && c->z.avail_in) {
		c->z.next_out = out;
		c->z.avail_out = sizeof(out);
		r = inflate(&c->z, Z_NO_FLUSH);
	}
	return (r == Z_OK || r == Z_BUF_ERROR || r == Z_STREAM_END) && inflateReset(&c->z) == Z_OK;
}

static void choose(struct coding *c)
{
	/* RFC 1950 2.2: method 8 and a header that 31 divides */
	bool zlib = c->n_held >= 2 && (c->held[0] & 0x0f) == 8 && (c->held[0] << 8 | c->held[1]) % 31 == 0;
	bool gzip = c->n_held >= 2 && c->held[0] == 0x1f && c->held[1] == 0x8b;

	c->phase = PASS;
	if (gzip ? fits(c, 15 + 16) : c->kind == CODING_DEFLATE && ((zlib && fits(c, 15)) || fits(c, -15)))
		c->phase = RUN;
	c->kind = gzip ? CODING_GZIP : CODING_DEFLATE;
}

/* Inflates what it can of *p; 0 or the reason to stop. */
static unsigned run(struct coding *c, const uint8_t **p, size_t *n, unsigned ratio, coding_out out, void *arg)
{
	uint8_t buf[INFLATE_OUT];
	uInt take = *n > 1u << 30 ? 1u << 30 : (uInt)*n, got;
	int r;

	c->z.next_in = (Bytef *)(uintptr_t)*p;
	c->z.avail_in = take;
	do {
		c->z.next_out = buf;
		c->z.avail_out = sizeof(buf);
		r = inflate(&c->z, Z_NO_FLUSH);
		got = (uInt)sizeof(buf) - c->z.avail_out;
		c->out += got;
		if (got && !out(arg, buf, got))
			return CONTENT_LIMIT;
		if (ratio && c->out > BOMB_FREE && c->out / ratio > c->in + (take - c->z.avail_in))
			return CONTENT_LIMIT;
	} while (r == Z_OK && (c->z.avail_in || !c->z.avail_out));
	c->in += take - c->z.avail_in;
	*p += take - c->z.avail_in;
	*n -= take - c->z.avail_in;
	if (r == Z_STREAM_END)
		c->phase = c->kind == CODING_GZIP ? BETWEEN : OVER;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return r == Z_MEM_ERROR ? CONTENT_UNSUPPORTED : CONTENT_BROKEN;
	return 0;
}

/* RFC 1952 2.2: another member may follow; some senders pad with zeros. */
static unsigned between(struct coding *c, const uint8_t **p, size_t *n)
{
	if (**p == 0x1f && inflateReset(&c->z) == Z_OK) {
		c->phase = RUN;
		return 0;
	}
	if (**p)
		return CONTENT_BROKEN;
	++*p;
	--*n;
	return 0;
}

static unsigned decode(
        struct coding *c, const uint8_t *p, size_t n, unsigned ratio, coding_out out, void *arg)
{
	unsigned why = 0;

	if (c->phase == PASS) {
		out(arg, p, n);
		return 0;
	}
	while (n && !why) {
		if (c->phase == BETWEEN)
			why = between(c, &p, &n);
		else if (c->phase == RUN)
			why = run(c, &p, &n, ratio, out, arg);
		else
			break;
	}
	if (c->phase == OVER && n)
		why = CONTENT_BROKEN;
	return why;
}

static unsigned decode_held(struct coding *c, unsigned ratio, coding_out out, void *arg)
{
	choose(c);
	return decode(c, c->held, c->n_held, ratio, out, arg);
}

unsigned coding_feed(struct coding *c, const uint8_t *p, size_t n, unsigned ratio, coding_out out, void *arg)
{
	if (c->phase == TRIAL) {
		unsigned why;

		while (n && c->n_held < CODING_TRIAL) {
			c->held[c->n_held++] = *p++;
			n--;
		}
		if (c->n_held < CODING_TRIAL)
			return 0;
		why = decode_held(c, ratio, out, arg);
		if (why)
			return why;
	}
	return n ? decode(c, p, n, ratio, out, arg) : 0;
}

unsigned coding_end(struct coding *c, unsigned ratio, coding_out out, void *arg)
{
	unsigned why = c->phase == TRIAL && c->n_held ? decode_held(c, ratio, out, arg) : 0;

	if (!why && c->phase == RUN)
		why = CONTENT_BROKEN;
	return why;
}

bool coding_settle(struct coding *c, unsigned ratio, coding_out out, void *arg)
{
	if (c->phase == TRIAL && c->n_held)
		(void)decode_held(c, ratio, out, arg);
	return c->phase == PASS;
}
