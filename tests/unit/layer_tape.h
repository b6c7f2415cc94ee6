/* layer_tape.h - one layer by itself, and what it hands upward as text: a line for each head and end, bodies
 * between, streams with a connection inside.  Messages may interleave: bodies are kept apart and stand in the
 * line of their end. */
#ifndef TESTS_UNIT_LAYER_TAPE_H
#define TESTS_UNIT_LAYER_TAPE_H

#include "classify/http/message.h"
#include "classify/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TAPE_MESSAGES 4096 /* open at once */

struct taped {
	bool used;
	char *body;
	size_t n, cap, missed;
};

struct tape {
	const struct layer_ops *ops;
	void *state;
	struct conn c;
	struct flow flow;
	struct arena arena;
	struct pool *blocks, *bigs;
	struct sink out;
	char *text;
	size_t n, cap;
	bool quiet;          /* counts only */
	bool answers;        /* somebody reads what the server says */
	bool headers, index; /* written down too */
	size_t heads, ends, whole, body;
	struct taped open[TAPE_MESSAGES];
};

static inline void tape_put(struct tape *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void tape_put(struct tape *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->quiet)
		return;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	while (t->n + (size_t)n + 1 > t->cap) {
		t->cap = t->cap * 2 + 1024;
		t->text = realloc(t->text, t->cap);
		assert_non_null(t->text);
	}
	va_start(ap, fmt);
	vsnprintf(t->text + t->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->n += (size_t)n;
}

static inline int tape_n(struct slice s)
{
	return (int)s.n;
}

static inline const char *tape_p(struct slice s)
{
	return s.p ? s.p : "";
}

static inline void tape_head(void *arg, struct message *m)
{
	struct tape *t = arg;
	size_t i = 0;

	assert_null(m->user);
	assert_true(m->request == (m->dir == FLOW_C2S));
	assert_true(m->n_headers <= HTTP_HEADERS_MAX);
	assert_int_equal(m->body_bytes, 0);
	t->heads++;
	if (m->request)
		tape_put(t, "%.*s %.*s", tape_n(m->method), tape_p(m->method), tape_n(m->path),
		        tape_p(m->path));
	else
		tape_put(t, "%u", m->status);
	if (t->index)
		tape_put(t, " #%u", m->index);
	if (m->query.n)
		tape_put(t, " ?%.*s", tape_n(m->query), tape_p(m->query));
	if (m->authority.n)
		tape_put(t, " @%.*s", tape_n(m->authority), tape_p(m->authority));
	if (m->content_type.n)
		tape_put(t, " type=%.*s", tape_n(m->content_type), tape_p(m->content_type));
	if (m->content_encoding.n)
		tape_put(t, " coding=%.*s", tape_n(m->content_encoding), tape_p(m->content_encoding));
	for (unsigned k = 0; t->headers && k < m->n_headers; k++)
		tape_put(t, " [%.*s=%.*s]", tape_n(m->headers[k].name), tape_p(m->headers[k].name),
		        tape_n(m->headers[k].value), tape_p(m->headers[k].value));
	tape_put(t, "%s%s\n", m->upgrade ? " upgrade" : "",
	        m->missed    ? " missed"
	        : m->damaged ? " damaged"
	                     : "");
	if (!m->request && !t->answers)
		return;
	while (i < TAPE_MESSAGES && t->open[i].used)
		i++;
	assert_true(i < TAPE_MESSAGES);
	t->open[i].used = true;
	t->open[i].n = t->open[i].missed = 0;
	m->user = &t->open[i];
}

static inline void tape_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	struct tape *t = arg;
	struct taped *o = m->user;

	assert_true(n > 0);
	t->body += n;
	if (!o) {
		assert_false(m->request);
		return;
	}
	assert_true(o->used);
	assert_int_equal(m->body_bytes, o->n);
	if (t->quiet) {
		o->n += n;
		return;
	}
	while (o->n + n > o->cap) {
		o->cap = o->cap * 2 + 256;
		o->body = realloc(o->body, o->cap);
		assert_non_null(o->body);
	}
	memcpy(o->body + o->n, p, n);
	o->n += n;
}

static inline void tape_gap(void *arg, struct message *m, uint64_t n)
{
	struct taped *o = m->user;

	(void)arg;
	if (o)
		o->missed += n ? n : 1;
}

static inline void tape_end(void *arg, struct message *m, bool whole)
{
	struct tape *t = arg;
	struct taped *o = m->user;

	t->ends++;
	t->whole += whole;
	if (!o) {
		assert_false(m->request);
		tape_put(t, "%u %s\n", m->status, whole ? "end" : "cut");
		return;
	}
	assert_true(o->used);
	assert_true(!whole || !o->missed);
	assert_int_equal(m->body_bytes, o->n);
	if (m->request)
		tape_put(t, "%.*s", tape_n(m->path), tape_p(m->path));
	else
		tape_put(t, "%u", m->status);
	if (!t->quiet && o->n)
		tape_put(t, " %.*s", (int)o->n, o->body);
	for (unsigned i = 0; i < m->n_trailers; i++)
		tape_put(t, " ~%.*s=%.*s", tape_n(m->trailers[i].name), tape_p(m->trailers[i].name),
		        tape_n(m->trailers[i].value), tape_p(m->trailers[i].value));
	if (o->missed)
		tape_put(t, " <%zu missed>", o->missed);
	tape_put(t, "%s\n", whole ? " end" : " cut");
	o->used = false;
}

static inline void tape_open_stream(void *inner, uint64_t stream, const struct upgrade *u)
{
	static const char *const what[] = {"unknown", "tunnel", "websocket", "h2c"};

	tape_put(inner, "inside %u %s %.*s\n", (unsigned)stream, what[u->to], tape_n(u->request->authority),
	        tape_p(u->request->authority));
}

static inline bool tape_bytes(
        void *inner, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	(void)when_ns;
	tape_put(inner, "%u%s%.*s\n", (unsigned)stream, dir == FLOW_C2S ? ">" : "<", (int)n, (const char *)p);
	return true;
}

static inline void tape_bytes_gap(void *inner, enum flow_dir dir, uint64_t stream, uint64_t n)
{
	tape_put(inner, "%u%s(%u)\n", (unsigned)stream, dir == FLOW_C2S ? ">" : "<", (unsigned)n);
}

static inline void tape_bytes_end(void *inner, uint64_t stream)
{
	tape_put(inner, "outside %u\n", (unsigned)stream);
}

/* `up` NULL: the connection begins with this layer. */
static inline struct tape *tape_new(const struct layer_ops *ops, bool midstream, const struct upgrade *up)
{
	struct tape *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->ops = ops;
	t->blocks = pool_create(8192, 64);
	t->bigs = pool_create(65536 + 4096, 32);
	assert_true(t->blocks && t->bigs);
	arena_init(&t->arena, t->blocks, 64);
	arena_use_big(&t->arena, t->bigs);
	t->c = (struct conn){.arena = &t->arena, .flow = &t->flow, .midstream = midstream};
	if (up)
		t->c.upgrade = *up;
	t->out = (struct sink){.arg = t,
	        .inner = t,
	        .head = tape_head,
	        .body = tape_body,
	        .body_gap = tape_gap,
	        .end = tape_end,
	        .bytes_open = tape_open_stream,
	        .bytes = tape_bytes,
	        .bytes_gap = tape_bytes_gap,
	        .bytes_end = tape_bytes_end};
	tape_put(t, "%s", "");
	t->state = arena_get(&t->arena, ops->state_size);
	assert_non_null(t->state);
	assert_int_equal(ops->open(t->state, &t->c), 0);
	return t;
}

/* In exact-size heap copies of at most `step` bytes, until the verdict is no longer MORE. */
static inline enum layer_verdict tape_feed(
        struct tape *t, enum flow_dir dir, const void *p, size_t n, size_t step, int64_t when_ns)
{
	enum layer_verdict v = LAYER_MORE;

	for (size_t at = 0; at < n && v == LAYER_MORE; at += step) {
		size_t k = n - at < step ? n - at : step;
		uint8_t *copy = malloc(k);

		assert_non_null(copy);
		memcpy(copy, (const uint8_t *)p + at, k);
		v = t->ops->feed(t->state, &t->c, dir, 0, copy, k, when_ns, &t->out);
		free(copy);
	}
	return v;
}

static inline void tape_lose(struct tape *t, enum flow_dir dir, uint64_t n)
{
	t->ops->gap(t->state, &t->c, dir, 0, n, &t->out);
}

/* Every head has one end. */
static inline void tape_close(struct tape *t)
{
	t->ops->close(t->state, &t->c, &t->out);
	assert_int_equal(t->heads, t->ends);
	for (size_t i = 0; i < TAPE_MESSAGES; i++)
		assert_false(t->open[i].used);
}

static inline void tape_free(struct tape *t)
{
	for (size_t i = 0; i < TAPE_MESSAGES; i++)
		free(t->open[i].body);
	arena_clear(&t->arena);
	pool_destroy(t->blocks);
	pool_destroy(t->bigs);
	free(t->text);
	free(t);
}

/* Ends it; what was told is `expect` (NULL: not of interest). */
static inline void tape_finish(struct tape *t, const char *expect)
{
	tape_close(t);
	if (expect)
		assert_string_equal(t->text, expect);
	tape_free(t);
}

#endif
