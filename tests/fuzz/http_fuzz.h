/* http_fuzz.h - a layer of HTTP fed from the input of a fuzz target, and a sink that holds it to its
 * contract: every head has one end, bodies stand where they say, and all that is told can be read.
 *
 * The input is a byte of options and then a row of (control, length, bytes).  Control bit 0: direction, bit
 * 1: a gap of that length instead of bytes, bit 2: length times 16, bit 3: a second passes first. */
#ifndef TESTS_FUZZ_HTTP_FUZZ_H
#define TESTS_FUZZ_HTTP_FUZZ_H

#include "base/clock.h"
#include "base/cursor.h"
#include "classify/http/message.h"
#include "classify/layer.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_BLOCKS 64 /* what the layer may take: of 8 KiB */
#define FUZZ_BIGS   8  /* of 68 KiB */

struct http_fuzz {
	struct arena arena;
	struct flow flow;
	struct conn conn;
	struct sink sink;
	void *state;
	bool answers; /* somebody reads what the server says */
	long open;
	int64_t now;
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static volatile unsigned touched;

static void touch(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		touched += (uint8_t)s.p[i];
}

static void touch_all(const struct message *m)
{
	touch(m->method);
	touch(m->target);
	touch(m->authority);
	touch(m->path);
	touch(m->query);
	touch(m->content_type);
	touch(m->content_encoding);
	touch(m->user_agent);
	touch(m->protocol);
	need(m->n_headers <= HTTP_HEADERS_MAX && m->n_trailers <= HTTP_HEADERS_MAX);
	for (unsigned i = 0; i < m->n_headers; i++) {
		touch(m->headers[i].name);
		touch(m->headers[i].value);
	}
	for (unsigned i = 0; i < m->n_trailers; i++) {
		touch(m->trailers[i].name);
		touch(m->trailers[i].value);
	}
}

static void fuzz_head(void *arg, struct message *m)
{
	struct http_fuzz *f = arg;
	uint64_t *read;

	need(!m->user && !m->body_bytes && m->request == (m->dir == FLOW_C2S));
	touch_all(m);
	f->open++;
	if (!m->request && !f->answers)
		return;
	read = calloc(1, sizeof(*read));
	need(read != NULL);
	m->user = read;
}

static void fuzz_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	uint64_t *read = m->user;

	(void)arg;
	need(n > 0);
	touch(slice_of(p, n));
	if (!read)
		return;
	need(m->body_bytes == *read);
	*read += n;
}

static void fuzz_gap(void *arg, struct message *m, uint64_t n)
{
	(void)arg;
	(void)n;
	touch(m->path);
}

static void fuzz_end(void *arg, struct message *m, bool whole)
{
	struct http_fuzz *f = arg;

	touch_all(m);
	need(!whole || !m->body_missed);
	need(f->open-- > 0);
	if (m->user)
		need(*(uint64_t *)m->user == m->body_bytes);
	free(m->user);
}

static void fuzz_inner_open(void *inner, uint64_t stream, const struct upgrade *u)
{
	(void)inner;
	(void)stream;
	touch_all(u->request);
}

static bool fuzz_inner_bytes(
        void *inner, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	(void)inner;
	(void)dir;
	(void)stream;
	(void)when_ns;
	touch(slice_of(p, n));
	return n % 7 != 0;
}

static void fuzz_inner_gap(void *inner, enum flow_dir dir, uint64_t stream, uint64_t n)
{
	(void)inner;
	(void)dir;
	(void)stream;
	(void)n;
}

static void fuzz_inner_end(void *inner, uint64_t stream)
{
	(void)inner;
	(void)stream;
}

/* `up` NULL: the connection begins with this layer. */
static void http_fuzz_run(
        const struct layer_ops *ops, const struct upgrade *up, bool midstream, bool answers, struct cur c)
{
	static struct pool *blocks, *bigs;
	struct http_fuzz f = {.answers = answers, .now = 1};

	if (!blocks) {
		blocks = pool_create(8192, FUZZ_BLOCKS);
		bigs = pool_create(65536 + 4096, FUZZ_BIGS);
	}
	need(blocks && bigs);
	arena_init(&f.arena, blocks, FUZZ_BLOCKS);
	arena_use_big(&f.arena, bigs);
	f.conn = (struct conn){.arena = &f.arena, .flow = &f.flow, .midstream = midstream};
	if (up)
		f.conn.upgrade = *up;
	f.sink = (struct sink){.arg = &f,
	        .head = fuzz_head,
	        .body = fuzz_body,
	        .body_gap = fuzz_gap,
	        .end = fuzz_end,
	        .bytes_open = fuzz_inner_open,
	        .bytes = fuzz_inner_bytes,
	        .bytes_gap = fuzz_inner_gap,
	        .bytes_end = fuzz_inner_end};
	f.state = arena_get(&f.arena, ops->state_size);
	need(f.state && (!ops->open || ops->open(f.state, &f.conn) == 0));
	while (cur_left(&c) >= 2) {
		uint8_t control = cur_u8(&c);
		size_t len = (size_t)cur_u8(&c) * (control & 4 ? 16 : 1);
		enum flow_dir dir = control & 1 ? FLOW_S2C : FLOW_C2S;
		enum layer_verdict v;
		uint8_t *copy;

		if (control & 8)
			f.now += NS_PER_S;
		f.flow.last_ns = f.now;
		if (control & 2) {
			ops->gap(f.state, &f.conn, dir, 0, len, &f.sink);
			continue;
		}
		len = len < cur_left(&c) ? len : cur_left(&c);
		copy = malloc(len ? len : 1);
		need(copy != NULL);
		if (len)
			memcpy(copy, cur_take(&c, len), len);
		v = ops->feed(f.state, &f.conn, dir, 0, copy, len, f.now, &f.sink);
		free(copy);
		if (v != LAYER_MORE)
			break;
	}
	ops->close(f.state, &f.conn, &f.sink);
	need(f.open == 0);
	arena_clear(&f.arena);
	need(pool_used(blocks) == 0 && pool_used(bigs) == 0);
}

#endif
