/* names_util.h - what the tests of classify/names share: a byte writer with nested lengths, hellos made with
 * it, and a sink that remembers the hellos told. */
#ifndef TESTS_UNIT_NAMES_UTIL_H
#define TESTS_UNIT_NAMES_UTIL_H

#include "base/arena.h"
#include "classify/layer.h"
#include "classify/names/hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- writing bytes ------------------------------------------------------------------------------------ */

struct buf {
	size_t n;
	uint8_t p[140000];
};

static inline void put(struct buf *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof(b->p));
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void put_be(struct buf *b, uint64_t v, size_t width)
{
	for (size_t i = width; i-- > 0;) {
		uint8_t byte = (uint8_t)(v >> (8 * i));

		put(b, &byte, 1);
	}
}

static inline void put_text(struct buf *b, const char *s)
{
	put(b, s, strlen(s));
}

static inline void put_hex(struct buf *b, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2)
		put_be(b, (uint64_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])), 1);
}

static inline void put_fill(struct buf *b, uint8_t v, size_t n)
{
	while (n--)
		put(b, &v, 1);
}

/* RFC 1035 3.1: labels with their lengths, and the empty one. */
static inline void put_name(struct buf *b, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put_be(b, n, 1);
		put(b, name, n);
		name += n + (name[n] == '.');
	}
	put_be(b, 0, 1);
}

/* A length of `width` bytes, written by len_close() when what it counts is there. */
static inline size_t len_open(struct buf *b, size_t width)
{
	put_fill(b, 0, width);
	return b->n;
}

static inline void len_close(struct buf *b, size_t at, size_t width)
{
	size_t n = b->n - at;

	for (size_t i = 0; i < width; i++)
		b->p[at - 1 - i] = (uint8_t)(n >> (8 * i));
}

/* ---- hellos ------------------------------------------------------------------------------------------- */

struct hello_shape {
	uint16_t legacy;         /* 0: 0x0303 */
	size_t session_id;       /* bytes of 0x5e */
	const uint16_t *ciphers; /* 0-terminated, NULL: 1301 */
	const char *sni;         /* NULL: no extension */
	const char *alpn;        /* one name, NULL: no extension */
	bool tls12;              /* no supported_versions, no key_share */
	bool early, psk;
	const char *more;      /* hex digits: whole extensions */
	size_t padding;        /* bytes of a padding extension behind everything, 0: none */
	size_t padding_before; /* the same before the SNI */
};

static inline void ext_sni(struct buf *b, const void *name, size_t n)
{
	size_t e, l, h;

	put_be(b, 0, 2);
	e = len_open(b, 2);
	l = len_open(b, 2);
	put_be(b, 0, 1);
	h = len_open(b, 2);
	put(b, name, n);
	len_close(b, h, 2);
	len_close(b, l, 2);
	len_close(b, e, 2);
}

static inline void ext_alpn(struct buf *b, const void *name, size_t n)
{
	size_t e, l;

	put_be(b, 16, 2);
	e = len_open(b, 2);
	l = len_open(b, 2);
	put_be(b, n, 1);
	put(b, name, n);
	len_close(b, l, 2);
	len_close(b, e, 2);
}

static inline void ext_padding(struct buf *b, size_t n)
{
	put_be(b, 21, 2);
	put_be(b, n, 2);
	put_fill(b, 0, n);
}

/* The message body, without its 4-byte header. */
static inline void client_body(struct buf *b, const struct hello_shape *s)
{
	static const uint16_t usual[] = {0x1301, 0};
	const uint16_t *c = s->ciphers ? s->ciphers : usual;
	size_t at;

	put_be(b, s->legacy ? s->legacy : 0x0303, 2);
	put_fill(b, 0xc1, 32);
	put_be(b, s->session_id, 1);
	put_fill(b, 0x5e, s->session_id);
	at = len_open(b, 2);
	while (*c)
		put_be(b, *c++, 2);
	len_close(b, at, 2);
	put_hex(b, "0100");
	at = len_open(b, 2);
	if (s->padding_before)
		ext_padding(b, s->padding_before);
	if (s->sni)
		ext_sni(b, s->sni, strlen(s->sni));
	if (s->alpn)
		ext_alpn(b, s->alpn, strlen(s->alpn));
	if (!s->tls12) {
		put_hex(b, "002b0003020304");
		put_hex(b, "003300080006"
		           "001d00022a2a");
	}
	if (s->early)
		put_hex(b, "002a0000");
	if (s->padding)
		ext_padding(b, s->padding);
	if (s->more)
		put_hex(b, s->more);
	if (s->psk)
		put_hex(b, "002900080002aaaa0002bbbb");
	len_close(b, at, 2);
}

static inline void server_body(struct buf *b, bool tls12, bool retry, size_t session_id)
{
	size_t at;

	put_be(b, 0x0303, 2);
	if (retry)
		put_hex(b, "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
	else
		put_fill(b, 0x51, 32);
	put_be(b, session_id, 1);
	put_fill(b, 0x5e, session_id);
	put_be(b, tls12 ? 0xc02f : 0x1302, 2);
	put_be(b, 0, 1);
	at = len_open(b, 2);
	if (tls12) {
		ext_alpn(b, "h2", 2);
	} else {
		put_hex(b, "002b00020304");
		if (retry)
			put_hex(b, "003300020017");
		else
			put_hex(b, "00330006001700024b4b");
	}
	len_close(b, at, 2);
}

/* A handshake message: type, length, body. */
static inline void client_message(struct buf *b, const struct hello_shape *s)
{
	size_t at;

	put_be(b, 1, 1);
	at = len_open(b, 3);
	client_body(b, s);
	len_close(b, at, 3);
}

static inline void server_message(struct buf *b, bool tls12, bool retry, size_t session_id)
{
	size_t at;

	put_be(b, 2, 1);
	at = len_open(b, 3);
	server_body(b, tls12, retry, session_id);
	len_close(b, at, 3);
}

/* ---- a connection and what was told of it ------------------------------------------------------------- */

#define TOLD_MAX 8

struct told {
	unsigned n;
	struct hello hello[TOLD_MAX];
};

static inline void told_hello(void *arg, const struct hello *h)
{
	struct told *t = arg;

	assert_true(t->n < TOLD_MAX);
	t->hello[t->n++] = *h;
}

struct wire {
	const struct layer_ops *ops;
	struct pool *pool;
	struct arena arena;
	struct flow flow;
	struct conn conn;
	struct told told;
	struct sink sink;
	void *state;
};

static inline struct wire *wire_open_blocks(const struct layer_ops *ops, unsigned blocks)
{
	struct wire *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->ops = ops;
	w->pool = pool_create(4096, blocks);
	assert_non_null(w->pool);
	arena_init(&w->arena, w->pool, blocks);
	w->conn = (struct conn){.arena = &w->arena, .flow = &w->flow};
	w->sink = (struct sink){.arg = &w->told, .hello = told_hello};
	w->state = arena_get(&w->arena, ops->state_size);
	assert_non_null(w->state);
	assert_int_equal(ops->open(w->state, &w->conn), 0);
	return w;
}

static inline struct wire *wire_open(const struct layer_ops *ops)
{
	return wire_open_blocks(ops, 64);
}

/* Feeds an exact-size heap copy, so that ASan sees a read past the end. */
static inline enum layer_verdict wire_feed(struct wire *w, enum flow_dir dir, const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum layer_verdict v;

	assert_non_null(copy);
	memcpy(copy, p, n);
	v = w->ops->feed(w->state, &w->conn, dir, 0, copy, n, 0, &w->sink);
	free(copy);
	return v;
}

static inline void wire_gap(struct wire *w, enum flow_dir dir, uint64_t n)
{
	w->ops->gap(w->state, &w->conn, dir, 0, n, &w->sink);
}

static inline void wire_end(struct wire *w)
{
	w->ops->close(w->state, &w->conn, &w->sink);
}

static inline void wire_free(struct wire *w)
{
	arena_clear(&w->arena);
	pool_destroy(w->pool);
	free(w);
}

#endif
