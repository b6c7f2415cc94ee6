/* carry_encode.h - one text written in every structure, coding and carrier that a client may choose, by
 * encoders that are not ours: zlib, brotli, zstd and nghttp2's deflater. */
#ifndef TESTS_UNIT_CARRY_ENCODE_H
#define TESTS_UNIT_CARRY_ENCODE_H

#include "tests/unit/sensor.h"

#include <brotli/encode.h>
#include <nghttp2/nghttp2.h>
#include <zlib.h>
#include <zstd.h>

struct bytes {
	uint8_t *p;
	size_t n, room;
};

static inline void add(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > b->room) {
		b->room = (b->n + n) * 2;
		b->p = realloc(b->p, b->room);
		assert_non_null(b->p);
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void addf(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void addf(struct bytes *b, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_in_range(n, 0, sizeof(text) - 1);
	add(b, text, (size_t)n);
}

static inline void add_le(struct bytes *b, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		add(b, (uint8_t[]){(uint8_t)v}, 1);
}

static inline void add_be(struct bytes *b, uint64_t v, size_t n)
{
	while (n--)
		add(b, (uint8_t[]){(uint8_t)(v >> (8 * n))}, 1);
}

static inline void drop(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){NULL, 0, 0};
}

/* ---- codings ---- */

static inline void with_zlib(struct bytes *out, const struct bytes *in, int bits)
{
	z_stream z = {.next_in = in->p, .avail_in = (uInt)in->n};
	uint8_t buf[65536];

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = buf;
	z.avail_out = sizeof(buf);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	add(out, buf, sizeof(buf) - z.avail_out);
	deflateEnd(&z);
}

static inline void as_gzip(struct bytes *out, const struct bytes *in)
{
	with_zlib(out, in, 15 + 16);
}

static inline void as_zlib(struct bytes *out, const struct bytes *in)
{
	with_zlib(out, in, 15);
}

static inline void as_raw(struct bytes *out, const struct bytes *in)
{
	with_zlib(out, in, -15);
}

static inline void as_brotli(struct bytes *out, const struct bytes *in)
{
	uint8_t buf[65536];
	size_t n = sizeof(buf);

	assert_true(BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, in->n, in->p, &n, buf));
	add(out, buf, n);
}

static inline void as_zstd(struct bytes *out, const struct bytes *in)
{
	uint8_t buf[65536];
	size_t n = ZSTD_compress(buf, sizeof(buf), in->p, in->n, 3);

	assert_false(ZSTD_isError(n));
	add(out, buf, n);
}

typedef void (*coder)(struct bytes *out, const struct bytes *in);

static const struct coding_way {
	const char *label; /* Content-Encoding, in the order applied */
	coder step[2];
} coding_ways[] = {
        {"", {NULL}},
        {"gzip", {as_gzip}},
        {"deflate", {as_zlib}},
        {"deflate", {as_raw}},
        {"br", {as_brotli}},
        {"zstd", {as_zstd}},
        {"gzip, br", {as_gzip, as_brotli}},
        {"zstd, gzip", {as_zstd, as_gzip}},
};
#define CODING_WAYS (sizeof(coding_ways) / sizeof(*coding_ways))

static inline void encode(struct bytes *out, const struct bytes *in, const struct coding_way *way)
{
	struct bytes once = {NULL, 0, 0};

	if (!way->step[0]) {
		add(out, in->p, in->n);
	} else if (!way->step[1]) {
		way->step[0](out, in);
	} else {
		way->step[0](&once, in);
		way->step[1](out, &once);
		drop(&once);
	}
}

/* ---- parts of structures ---- */

#define BEFORE "please look at this: "
#define AFTER  " and tell me why it fails"

static inline void add_base64(struct bytes *b, const void *p, size_t n, size_t line)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *s = p;
	size_t col = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)s[i] << 16;
		char q[4];

		v |= i + 1 < n ? (uint32_t)s[i + 1] << 8 : 0;
		v |= i + 2 < n ? s[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			q[k] = i + k > n ? '=' : set[v >> (18 - 6 * k) & 63];
		add(b, q, 4);
		col += 4;
		if (line && col >= line) {
			add(b, "\r\n", 2);
			col = 0;
		}
	}
}

/* Text with enough around the secret to be a document, and no false friends. */
static inline void add_document(struct bytes *b, const char *secret)
{
	addf(b,
	        "Dear colleagues,\nthe nightly export broke again after the change of last week.\n" BEFORE
	        "%s" AFTER ".\nWith kind regards, the team of the ledger.\n",
	        secret);
}

static inline void add_unit(struct bytes *b, const char *text, size_t width, bool little)
{
	for (; *text; text++) {
		if (little)
			add_le(b, (uint8_t)*text, width);
		else
			add_be(b, (uint8_t)*text, width);
	}
}

/* APPNOTE.TXT 6.3: local headers, central directory.  streamed: sizes follow in data descriptors. */
struct zip_member {
	const char *name;
	struct bytes body;
};

static inline void add_zip(
        struct bytes *b, const struct zip_member *m, size_t n, bool deflated, bool streamed)
{
	struct bytes dir = {NULL, 0, 0};
	size_t start;

	for (size_t i = 0; i < n; i++) {
		uint32_t crc = (uint32_t)crc32(0, m[i].body.p, (uInt)m[i].body.n), at = (uint32_t)b->n;
		struct bytes packed = {NULL, 0, 0};

		if (deflated)
			as_raw(&packed, &m[i].body);
		else
			add(&packed, m[i].body.p, m[i].body.n);
		add(b, "PK\3\4", 4);
		for (int central = 0; central < 2; central++) {
			struct bytes *to = central ? &dir : b;
			bool later = streamed && !central;

			if (central)
				add(to, "PK\1\2\x14\0", 6);
			add_le(to, 20, 2);
			add_le(to, streamed ? 8 : 0, 2);
			add_le(to, deflated ? 8 : 0, 2);
			add_le(to, 0, 4);
			add_le(to, later ? 0 : crc, 4);
			add_le(to, later ? 0 : packed.n, 4);
			add_le(to, later ? 0 : m[i].body.n, 4);
			add_le(to, strlen(m[i].name), 2);
			add_le(to, 0, 2);
			if (central) {
				add_le(to, 0, 10);
				add_le(to, at, 4);
			}
			add(to, m[i].name, strlen(m[i].name));
			if (!central)
				add(to, packed.p, packed.n);
			if (later) {
				add(to, "PK\7\10", 4);
				add_le(to, crc, 4);
				add_le(to, packed.n, 4);
				add_le(to, m[i].body.n, 4);
			}
		}
		drop(&packed);
	}
	start = b->n;
	add(b, dir.p, dir.n);
	add(b, "PK\5\6\0\0\0\0", 8);
	add_le(b, n, 2);
	add_le(b, n, 2);
	add_le(b, dir.n, 4);
	add_le(b, start, 4);
	add_le(b, 0, 2);
	drop(&dir);
}

/* ---- carriers ---- */

/* What goes over the wire, turn by turn; the turn `main` holds the request and is cut up. */
struct script {
	struct bytes turn[6];
	enum flow_dir dir[6];
	unsigned n, main;
};

static inline struct bytes *turn(struct script *s, enum flow_dir dir)
{
	s->dir[s->n] = dir;
	return &s->turn[s->n++];
}

/* RFC 9113 4.1 */
static inline void add_frame(
        struct bytes *b, unsigned type, unsigned flags, uint32_t stream, const void *p, size_t n)
{
	add_be(b, n, 3);
	add_be(b, type, 1);
	add_be(b, flags, 1);
	add_be(b, stream, 4);
	add(b, p, n);
}

/* The header block as nghttp2 writes it, in HEADERS and as many CONTINUATION frames as `piece` makes. */
static inline void add_headers(struct bytes *b, nghttp2_hd_deflater *hd, uint32_t stream, bool last,
        const char *const (*list)[2], size_t n, size_t piece)
{
	nghttp2_nv nv[16];
	uint8_t buf[2048];
	ssize_t len;

	assert_true(n <= 16);
	for (size_t i = 0; i < n; i++)
		nv[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)list[i][0], (uint8_t *)(uintptr_t)list[i][1],
		        strlen(list[i][0]), strlen(list[i][1]), 0};
	len = nghttp2_hd_deflate_hd(hd, buf, sizeof(buf), nv, n);
	assert_true(len > 0);
	for (size_t at = 0; at < (size_t)len; at += piece) {
		size_t k = (size_t)len - at < piece ? (size_t)len - at : piece;
		bool end = at + k == (size_t)len;

		add_frame(b, at ? 9 : 1, (end ? 4u : 0) | (last && !at ? 1u : 0), stream, buf + at, k);
	}
}

/* RFC 6455 5.2 */
static inline void add_ws(struct bytes *b, unsigned first, const void *p, size_t n)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	const uint8_t *s = p;

	add_be(b, first, 1);
	if (n < 126) {
		add_be(b, 0x80 | n, 1);
	} else {
		add_be(b, 0xfe, 1);
		add_be(b, n, 2);
	}
	add(b, mask, 4);
	for (size_t i = 0; i < n; i++)
		add(b, (uint8_t[]){s[i] ^ mask[i & 3]}, 1);
}

/* A message in `pieces` fragments, a ping between them. */
static inline void add_ws_message(
        struct bytes *b, const struct bytes *body, bool text, bool compressed, size_t pieces)
{
	size_t step = (body->n + pieces - 1) / pieces;

	for (size_t at = 0; at < body->n; at += step) {
		size_t k = body->n - at < step ? body->n - at : step;
		unsigned first = at ? 0u : (text ? 1u : 2u) | (compressed ? 0x40u : 0);

		add_ws(b, first | (at + k == body->n ? 0x80u : 0), body->p + at, k);
		if (at + k < body->n)
			add_ws(b, 0x89, "p", 1);
	}
}

#endif
