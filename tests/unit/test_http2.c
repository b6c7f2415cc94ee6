/* test_http2.c - the HTTP/2 layer against nghttp2's client and server: every stream's head and body comes out
 * as it went in, cut at every byte, padded, interleaved, and after what a capture may have missed. */
#include "classify/http/message.h"
#include "classify/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a conversation of nghttp2 with itself
 * ------------------------------------------------------------------ */

#define REQUESTS 8

struct wire { /* what went each way, in the order of the turns */
	uint8_t p[1 << 20];
	size_t n;
	struct {
		enum flow_dir dir;
		size_t at, n;
	} turn[512];
	size_t turns;
};

struct request {
	char path[64], body[40000];
	size_t n, sent;
};

static struct wire wire;
static struct request requests[REQUESTS];
static bool padded;

static void say(enum flow_dir dir, const uint8_t *p, size_t n)
{
	memcpy(wire.p + wire.n, p, n);
	wire.turn[wire.turns].dir = dir;
	wire.turn[wire.turns].at = wire.n;
	wire.turn[wire.turns++].n = n;
	wire.n += n;
	assert_true(wire.turns < 512 && wire.n < sizeof(wire.p) - 65536);
}

static ssize_t read_body(nghttp2_session *s, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
        nghttp2_data_source *src, void *u)
{
	struct request *r = src->ptr;
	size_t n = r->n - r->sent;

	(void)s;
	(void)id;
	(void)u;
	n = n < len ? n : len;
	n = n < 3000 ? n : 3000; /* so that streams take turns */
	memcpy(buf, r->body + r->sent, n);
	r->sent += n;
	if (r->sent == r->n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static ssize_t pad(nghttp2_session *s, const nghttp2_frame *f, size_t max, void *u)
{
	size_t want = f->hd.length + (padded ? 1 + f->hd.length % 200 : 0);

	(void)s;
	(void)u;
	return (ssize_t)(want < max ? want : max);
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *u)
{
	static const char *const status = "200";
	nghttp2_nv nv[] = {{(uint8_t *)":status", (uint8_t *)(uintptr_t)status, 7, 3, 0},
	        {(uint8_t *)"content-type", (uint8_t *)"application/json", 12, 16, 0}};

	(void)u;
	if (f->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	        (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS))
		nghttp2_submit_response(s, f->hd.stream_id, nv, 2, NULL);
	return 0;
}

static void pump(nghttp2_session *from, nghttp2_session *to, enum flow_dir dir)
{
	const uint8_t *p;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(from, &p)) > 0) {
		say(dir, p, (size_t)n);
		assert_int_equal(nghttp2_session_mem_recv(to, p, (size_t)n), n);
	}
}

static void talk(size_t long_header)
{
	static char big[60000];
	nghttp2_session_callbacks *cb;
	nghttp2_session *client, *server;

	memset(&wire, 0, sizeof(wire));
	memset(big, 'v', sizeof(big));
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_select_padding_callback(cb, pad);
	nghttp2_session_client_new(&client, cb, NULL);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_server_new(&server, cb, NULL);
	nghttp2_submit_settings(client, 0, NULL, 0);
	nghttp2_submit_settings(server, 0, NULL, 0);
	for (int i = 0; i < REQUESTS; i++) {
		struct request *r = &requests[i];
		nghttp2_data_provider body = {.source.ptr = r, .read_callback = read_body};
		nghttp2_nv nv[] = {{(uint8_t *)":method", (uint8_t *)"POST", 7, 4, 0},
		        {(uint8_t *)":scheme", (uint8_t *)"http", 7, 4, 0},
		        {(uint8_t *)":authority", (uint8_t *)"api.example.com:8443", 10, 20, 0},
		        {(uint8_t *)":path", (uint8_t *)r->path, 5, 0, 0},
		        {(uint8_t *)"content-type", (uint8_t *)"application/json", 12, 16, 0},
		        {(uint8_t *)"x-long", (uint8_t *)big, 6, long_header, 0}};

		snprintf(r->path, sizeof(r->path), "/v1/thing/%d?q=%d", i, i);
		nv[3].valuelen = strlen(r->path);
		r->n = (size_t)(i * i * 600);
		r->sent = 0;
		for (size_t k = 0; k < r->n; k++)
			r->body[k] = (char)('a' + (k * 7 + (size_t)i) % 26);
		nghttp2_submit_request(client, NULL, nv, 6, &body, NULL);
	}
	for (int turn = 0; turn < 60; turn++) {
		pump(client, server, FLOW_C2S);
		pump(server, client, FLOW_S2C);
	}
	nghttp2_session_del(client);
	nghttp2_session_del(server);
	nghttp2_session_callbacks_del(cb);
}

/* ---- the layer
 * ---------------------------------------------------------------------------------------------- */

struct seen {
	char path[64], query[64], authority[64], type[64];
	char *body;
	size_t n, missed;
	int ends, whole, damaged;
};

static struct seen seen[2][64];
static size_t n_seen[2];

static void on_head(void *arg, struct message *m)
{
	struct seen *s = &seen[m->dir][n_seen[m->dir]++];

	(void)arg;
	assert_true(n_seen[m->dir] <= 64);
	m->user = s;
	snprintf(s->path, sizeof(s->path), "%.*s", (int)m->path.n, m->path.p ? m->path.p : "");
	snprintf(s->query, sizeof(s->query), "%.*s", (int)m->query.n, m->query.p ? m->query.p : "");
	snprintf(s->authority, sizeof(s->authority), "%.*s", (int)m->authority.n,
	        m->authority.p ? m->authority.p : "");
	snprintf(s->type, sizeof(s->type), "%.*s", (int)m->content_type.n,
	        m->content_type.p ? m->content_type.p : "");
	s->body = calloc(1, 1 << 17);
	s->damaged = m->damaged;
}

static void on_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	struct seen *s = m->user;

	(void)arg;
	assert_int_equal(m->body_bytes, s->n);
	memcpy(s->body + s->n, p, n);
	s->n += n;
}

static void on_gap(void *arg, struct message *m, uint64_t n)
{
	(void)arg;
	((struct seen *)m->user)->missed += n ? n : 1;
}

static void on_end(void *arg, struct message *m, bool whole)
{
	struct seen *s = m->user;

	(void)arg;
	s->ends++;
	s->whole = whole;
}

static const struct sink sink = {.head = on_head, .body = on_body, .body_gap = on_gap, .end = on_end};

struct reader {
	struct pool *blocks, *bigs;
	struct arena arena;
	struct flow flow;
	struct conn c;
	void *state;
};

static void begin(struct reader *r, bool midstream)
{
	memset(r, 0, sizeof(*r));
	for (int d = 0; d < 2; d++) {
		for (size_t i = 0; i < n_seen[d]; i++)
			free(seen[d][i].body);
		n_seen[d] = 0;
	}
	memset(seen, 0, sizeof(seen));
	r->blocks = pool_create(8192, 64);
	r->bigs = pool_create(65536 + 4096, 16);
	arena_init(&r->arena, r->blocks, 16);
	arena_use_big(&r->arena, r->bigs);
	r->c = (struct conn){.arena = &r->arena, .flow = &r->flow, .midstream = midstream};
	r->state = arena_get(&r->arena, http2_layer.state_size);
	assert_non_null(r->state);
	assert_int_equal(http2_layer.open(r->state, &r->c), 0);
}

static enum layer_verdict feed(struct reader *r, enum flow_dir dir, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum layer_verdict v;

	memcpy(copy, p, n);
	v = http2_layer.feed(r->state, &r->c, dir, 0, copy, n, 1, &sink);
	free(copy);
	return v;
}

static void finish(struct reader *r)
{
	http2_layer.close(r->state, &r->c, &sink);
	for (int d = 0; d < 2; d++)
		for (size_t i = 0; i < n_seen[d]; i++)
			assert_int_equal(seen[d][i].ends, 1);
	arena_clear(&r->arena);
	pool_destroy(r->blocks);
	pool_destroy(r->bigs);
}

static void all_right(void)
{
	assert_int_equal(n_seen[FLOW_C2S], REQUESTS);
	assert_int_equal(n_seen[FLOW_S2C], REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		const struct seen *s = &seen[FLOW_C2S][i];
		char path[64], query[64];

		snprintf(path, sizeof(path), "/v1/thing/%d", i);
		snprintf(query, sizeof(query), "q=%d", i);
		assert_string_equal(s->path, path);
		assert_string_equal(s->query, query);
		assert_string_equal(s->authority, "api.example.com:8443");
		assert_string_equal(s->type, "application/json");
		assert_int_equal(s->n, requests[i].n);
		assert_memory_equal(s->body, requests[i].body, s->n);
		assert_true(s->whole && !s->damaged && !s->missed);
	}
}

static void replay(size_t step)
{
	struct reader r;

	begin(&r, false);
	for (size_t t = 0; t < wire.turns; t++)
		for (size_t at = 0; at < wire.turn[t].n; at += step)
			assert_int_equal(feed(&r, wire.turn[t].dir, wire.p + wire.turn[t].at + at,
			                         wire.turn[t].n - at < step ? wire.turn[t].n - at : step),
			        LAYER_MORE);
	finish(&r);
	all_right();
}

static void conversations(void **state)
{
	(void)state;
	for (int p = 0; p < 2; p++) {
		padded = p;
		talk(40);
		replay(1 << 20);
		replay(1460);
		replay(1);
		talk(40000); /* CONTINUATION */
		replay(1460);
	}
	padded = false;
}

/* One side alone. */
static void one_sided(void **state)
{
	struct reader r;

	(void)state;
	talk(40);
	begin(&r, false);
	for (size_t t = 0; t < wire.turns; t++)
		if (wire.turn[t].dir == FLOW_C2S)
			feed(&r, FLOW_C2S, wire.p + wire.turn[t].at, wire.turn[t].n);
	finish(&r);
	assert_int_equal(n_seen[FLOW_C2S], REQUESTS);
	assert_int_equal(seen[FLOW_C2S][5].n, requests[5].n);
}

/* Begins at every turn: what data comes is handed out, and is what was sent; nothing is invented. */
static void begins_late(void **state)
{
	(void)state;
	talk(40);
	for (size_t from = 1; from < wire.turns; from++) {
		struct reader r;
		size_t got = 0;

		begin(&r, true);
		for (size_t t = from; t < wire.turns; t++)
			feed(&r, wire.turn[t].dir, wire.p + wire.turn[t].at, wire.turn[t].n);
		finish(&r);
		for (size_t i = 0; i < n_seen[FLOW_C2S]; i++)
			got += seen[FLOW_C2S][i].n;
		if (from < 3)
			assert_true(got > 60000);
		for (size_t i = 0; i < n_seen[FLOW_C2S]; i++) {
			const struct seen *s = &seen[FLOW_C2S][i];
			bool part = !s->n;

			for (int q = 0; q < REQUESTS && !part; q++)
				part = memmem(requests[q].body, requests[q].n, s->body, s->n) != NULL;
			assert_true(part);
		}
	}
}

/* A gap of one turn: the streams it does not touch are whole, the framing is found again. */
static void gaps(void **state)
{
	(void)state;
	talk(40);
	for (size_t hole = 2; hole < wire.turns; hole++) {
		struct reader r;
		size_t whole = 0;

		begin(&r, false);
		for (size_t t = 0; t < wire.turns; t++)
			if (t == hole)
				http2_layer.gap(r.state, &r.c, wire.turn[t].dir, 0, wire.turn[t].n, &sink);
			else
				feed(&r, wire.turn[t].dir, wire.p + wire.turn[t].at, wire.turn[t].n);
		finish(&r);
		for (size_t i = 0; i < n_seen[FLOW_C2S]; i++)
			whole += seen[FLOW_C2S][i].whole && !seen[FLOW_C2S][i].missed;
		if (wire.turn[hole].dir == FLOW_S2C)
			assert_int_equal(whole, REQUESTS);
	}
}

/* Every flipped bit of the first bytes, every prefix, and frames that lie. */
static void hostile(void **state)
{
	static const char flood[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\1\1\0\0\0\0\1\x82";
	struct reader r;

	(void)state;
	talk(40);
	for (size_t bit = 0; bit < 8 * 400; bit++) {
		begin(&r, false);
		wire.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		for (size_t t = 0; t < wire.turns && t < 12; t++)
			if (feed(&r, wire.turn[t].dir, wire.p + wire.turn[t].at, wire.turn[t].n) !=
			        LAYER_MORE)
				break;
		wire.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		finish(&r);
	}
	for (size_t n = 0; n < 600; n++) {
		begin(&r, false);
		feed(&r, FLOW_C2S, wire.p, n < wire.turn[0].n ? n : wire.turn[0].n);
		finish(&r);
	}
	/* CONTINUATION without end */
	begin(&r, false);
	feed(&r, FLOW_C2S, (const uint8_t *)flood, sizeof(flood) - 1);
	for (int i = 0; i < 100000; i++)
		feed(&r, FLOW_C2S, (const uint8_t *)"\0\0\1\x09\0\0\0\0\1\x82", 10);
	finish(&r);
	assert_true(n_seen[FLOW_C2S] <= 1);
	/* streams without end, each opened and reset (CVE-2023-44487) */
	begin(&r, false);
	feed(&r, FLOW_C2S, (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	for (uint32_t id = 1; id < 64; id += 2) {
		uint8_t b[] = {0, 0, 2, 1, 4, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0x82, 0x84, 0, 0, 4, 3,
		        0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0, 0, 0, 8};

		assert_int_equal(feed(&r, FLOW_C2S, b, sizeof(b)), LAYER_MORE);
	}
	finish(&r);
	assert_int_equal(n_seen[FLOW_C2S], 32);
}

static void probes(void **state)
{
	(void)state;
	assert_int_equal(http2_probe((const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24), 1);
	assert_int_equal(http2_probe((const uint8_t *)"PRI * HTTP/2.0\r\n", 16), -1);
	assert_int_equal(http2_probe((const uint8_t *)"POST / HTTP/1.1", 15), 0);
	assert_int_equal(http2_probe((const uint8_t *)"\0\0\x12\4\0\0\0\0\0\0\3", 11), 1);
	assert_int_equal(http2_probe((const uint8_t *)"\0\0\x11\4\0\0\0\0\0\0\3", 11), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(probes),
	        cmocka_unit_test(conversations),
	        cmocka_unit_test(one_sided),
	        cmocka_unit_test(begins_late),
	        cmocka_unit_test(gaps),
	        cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
