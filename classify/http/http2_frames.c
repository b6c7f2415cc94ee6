/* http2_frames.c - HTTP/2 by its bytes alone: the first ones of a connection, and frame headers in the midst
 * of one (RFC 9113 4.1, 6). */
#include "classify/http/http2_internal.h"

#include <string.h>

#define FIRST_BYTES 24
#define SEEK_LENGTH_MAX                                                                                      \
	16384 /* SETTINGS_MAX_FRAME_SIZE of nearly everybody: in search, longer ones do not count */
#define SEEK_ID_MAX     0xffffff /* as long as no stream is known */
#define SEEK_ID_AHEAD   100000   /* of the newest one known */
#define FRAMES_IN_A_ROW 3        /* are believed */
#define ALONE_TEXT      16

enum { NO_STREAM = 1, ON_STREAM = 2, ANY_STREAM = 3 };

/* 6, RFC 7838, RFC 8336, RFC 9218: what frames may look like. */
static const struct {
	uint8_t flags, where;
	uint16_t min, max, step; /* of the length */
} kinds[] = {
        [H2_DATA] = {H2_END_STREAM | H2_PADDED, ON_STREAM, 0, SEEK_LENGTH_MAX, 1},
        [H2_HEADERS] = {H2_END_STREAM | H2_END_HEADERS | H2_PADDED | H2_HAS_PRIORITY, ON_STREAM, 1,
                SEEK_LENGTH_MAX, 1},
        [H2_PRIORITY] = {0, ON_STREAM, 5, 5, 1},
        [H2_RST_STREAM] = {0, ON_STREAM, 4, 4, 1},
        [H2_SETTINGS] = {1, NO_STREAM, 0, 60, 6},
        [H2_PUSH_PROMISE] = {H2_END_HEADERS | H2_PADDED, ON_STREAM, 5, SEEK_LENGTH_MAX, 1},
        [H2_PING] = {1, NO_STREAM, 8, 8, 1},
        [H2_GOAWAY] = {0, NO_STREAM, 8, 1024, 1},
        [H2_WINDOW_UPDATE] = {0, ANY_STREAM, 4, 4, 1},
        [H2_CONTINUATION] = {H2_END_HEADERS, ON_STREAM, 0, SEEK_LENGTH_MAX, 1},
        [H2_ALTSVC] = {0, ANY_STREAM, 2, 1024, 1},
        [H2_ORIGIN] = {0, NO_STREAM, 2, 1024, 1},
        [H2_PRIORITY_UPDATE] = {0, NO_STREAM, 4, 64, 1},
};

static uint32_t length_of(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t id_of(const uint8_t *p)
{
	return (uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
}

bool http2_frame_plausible(const uint8_t *p, enum flow_dir dir, const struct side *s)
{
	uint32_t len = length_of(p), id = id_of(p), known = s ? s->newest_id : 0;
	uint8_t type = p[3];

	if (type >= sizeof(kinds) / sizeof(*kinds) || !kinds[type].step || p[4] & ~kinds[type].flags ||
	        p[5] & 0x80)
		return false;
	if (len < kinds[type].min || len % kinds[type].step ||
	        len > (kinds[type].max == SEEK_LENGTH_MAX && s && s->largest > SEEK_LENGTH_MAX
	                              ? s->largest
	                              : kinds[type].max))
		return false;
	if (!(kinds[type].where & (id ? ON_STREAM : NO_STREAM)))
		return false;
	if (id > (known ? known + SEEK_ID_AHEAD : SEEK_ID_MAX))
		return false;
	/* 5.1.1: the client's streams have odd numbers, and only a server promises others */
	if (dir == FLOW_C2S &&
	        (type == H2_PUSH_PROMISE || ((type == H2_DATA || type == H2_HEADERS) && !(id & 1))))
		return false;
	/* what is nothing but zeros says nothing */
	return len || p[4];
}

size_t http2_frame_seek(const uint8_t *p, size_t n, enum flow_dir dir, const struct side *s)
{
	size_t at = 0, alone = n;

	/* the rest of a header that was cut may look like one: what is followed by another one goes before */
	while (at + HTTP2_FRAME_HEADER <= n) {
		const uint8_t *zero = memchr(p + at, 0, n - at - HTTP2_FRAME_HEADER + 1);
		size_t next;

		if (!zero)
			break;
		at = (size_t)(zero - p);
		next = at + HTTP2_FRAME_HEADER + length_of(zero);
		if (http2_frame_plausible(zero, dir, s)) {
			if (next + HTTP2_FRAME_HEADER > n)
				alone = alone < at ? alone : at;
			else if (http2_frame_plausible(p + next, dir, s))
				return at;
		}
		at++;
	}
	return alone;
}

int http2_probe(const uint8_t *p, size_t n)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	size_t k = n < FIRST_BYTES ? n : FIRST_BYTES;

	if (!memcmp(p, preface, k))
		return n >= FIRST_BYTES ? 1 : -1;
	/* a server begins with SETTINGS (3.4), whose length is a multiple of 6 and small */
	if (p[0] || (n > 1 && p[1]) || (n > 2 && p[2] % 6) || (n > 3 && p[3] != H2_SETTINGS) ||
	        (n > 4 && p[4]))
		return 0;
	for (size_t i = 5; i < HTTP2_FRAME_HEADER && i < n; i++)
		if (p[i])
			return 0;
	return n >= HTTP2_FRAME_HEADER ? 1 : -1;
}

/* A frame that goes on behind these bytes, with nothing behind it to show that it is one: text in DATA does,
 * or that it stands at the beginning. */
static bool frame_alone(const uint8_t *p, size_t n, bool first)
{
	uint8_t type = p[3];

	if (type == H2_DATA && n >= HTTP2_FRAME_HEADER + ALONE_TEXT &&
	        http2_is_text(p + HTTP2_FRAME_HEADER, ALONE_TEXT))
		return true;
	return first && (type == H2_HEADERS || (type == H2_DATA && length_of(p) >= SEEK_LENGTH_MAX));
}

/* Do frames follow one another from here?  Short ones of data say little: numbers among zeros look like that.
 */
static bool frames_from(const uint8_t *p, size_t n, enum flow_dir dir, bool first)
{
	bool telling = false;

	for (unsigned seen = 1; n >= HTTP2_FRAME_HEADER && http2_frame_plausible(p, dir, NULL); seen++) {
		size_t len = HTTP2_FRAME_HEADER + length_of(p);

		telling |= p[3] != H2_DATA || p[4] || len > 256;
		if (telling && (seen >= FRAMES_IN_A_ROW || (len == n && (seen > 1 || first))))
			return true;
		if (len > n)
			return seen == 1 && frame_alone(p, n, first);
		p += len;
		n -= len;
	}
	return false;
}

bool http2_frames(const uint8_t *p, size_t n, enum flow_dir dir)
{
	for (size_t at = 0; at + HTTP2_FRAME_HEADER <= n; at++) {
		const uint8_t *zero = memchr(p + at, 0, n - at - HTTP2_FRAME_HEADER + 1);

		if (!zero)
			return false;
		at = (size_t)(zero - p);
		if (frames_from(zero, n - at, dir, !at))
			return true;
	}
	return false;
}

bool http2_is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r') || p[i] == 0x7f)
			return false;
	return true;
}
