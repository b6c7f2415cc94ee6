/* fuzz_http1.c - the HTTP/1 layer.  The input is a list of events: a byte that says what (bit 0 direction,
 * bit 1 a gap, the rest how many of the following bytes belong to it, 63: up to the next 0xff). */
#include "classify/http/message.h"
#include "classify/layer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	bool open[2];
	uint64_t body[2];
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static unsigned touched;

static void touch(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		touched += (uint8_t)s.p[i];
}

static void on_head(void *arg, struct message *m)
{
	struct seen *s = arg;

	need(!s->open[m->dir] && m->n_headers <= HTTP_HEADERS_MAX && m->request == (m->dir == FLOW_C2S));
	s->open[m->dir] = true;
	s->body[m->dir] = 0;
	for (unsigned i = 0; i < m->n_headers; i++) {
		touch(m->headers[i].name);
		touch(m->headers[i].value);
	}
}

static void on_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	struct seen *s = arg;

	need(s->open[m->dir] && n && m->body_bytes == s->body[m->dir]);
	touch(slice_of(p, n));
	s->body[m->dir] += n;
}

static void on_gap(void *arg, struct message *m, uint64_t n)
{
	(void)n;
	need(((struct seen *)arg)->open[m->dir]);
}

static void on_end(void *arg, struct message *m, bool whole)
{
	struct seen *s = arg;

	need(s->open[m->dir] && (!whole || !m->body_missed));
	s->open[m->dir] = false;
	touch(m->method);
	touch(m->target);
	touch(m->authority);
	touch(m->path);
	touch(m->query);
	touch(m->content_type);
	touch(m->content_encoding);
	touch(m->user_agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pool *pool = pool_create(65536 + 64, 4);
	struct flow flow = {0};
	struct arena arena;
	struct conn c = {.arena = &arena, .flow = &flow, .midstream = n & 1};
	struct seen seen = {0};
	const struct sink out = {
	        .arg = &seen, .head = on_head, .body = on_body, .body_gap = on_gap, .end = on_end};
	enum layer_verdict v = LAYER_MORE;
	void *state;

	arena_init(&arena, pool, 4);
	state = arena_get(&arena, http1_layer.state_size);
	http1_layer.open(state, &c);
	while (n && v == LAYER_MORE) {
		uint8_t what = *p++;
		size_t len = what >> 2;
		const uint8_t *stop;
		uint8_t *copy;

		n--;
		if (what & 2) {
			http1_layer.gap(state, &c, what & 1, 0, len, &out);
			continue;
		}
		if (len == 63) {
			stop = memchr(p, 0xff, n);
			len = stop ? (size_t)(stop - p) : n;
		}
		len = len < n ? len : n;
		copy = malloc(len ? len : 1);
		if (len)
			memcpy(copy, p, len);
		v = http1_layer.feed(state, &c, what & 1, 0, copy, len, 1, &out);
		need(v != LAYER_UPGRADE || c.upgrade.used <= len);
		free(copy);
		p += len;
		n -= len;
	}
	http1_layer.close(state, &c, &out);
	need(!seen.open[0] && !seen.open[1]);
	arena_clear(&arena);
	pool_destroy(pool);
	return 0;
}
