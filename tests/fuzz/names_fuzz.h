/* names_fuzz.h - a layer with its connection, fed from the input of a fuzz target: a row of
 * (control, length, bytes).  Control bit 0: direction, bit 1: a gap of that length instead of bytes, bit 2:
 * length times 16. */
#ifndef TESTS_FUZZ_NAMES_FUZZ_H
#define TESTS_FUZZ_NAMES_FUZZ_H

#include "base/cursor.h"
#include "classify/layer.h"
#include "classify/names/certificate.h"
#include "classify/names/hello.h"

#include <stdlib.h>
#include <string.h>

static void fuzz_hello_told(void *arg, const struct hello *h)
{
	unsigned *n = arg;

	if (++*n > 8 || !memchr(h->sni, 0, sizeof(h->sni)) || !memchr(h->ja4, 0, sizeof(h->ja4)))
		abort();
}

static void fuzz_cert_told(void *arg, const struct certificate *c)
{
	unsigned *n = arg;

	if (++*n > 8 || !memchr(c->name, 0, sizeof(c->name)) || !memchr(c->issuer, 0, sizeof(c->issuer)))
		abort();
}

static void fuzz_proxied_told(void *arg, const struct proxied *p)
{
	unsigned *n = arg;
	char plain[HOST_MAX];
	struct ip_addr literal;

	/* names go out as they stand: normalized, an address, or none */
	if (++*n > 8 || (p->host[0] && ip_parse(p->host, &literal) < 0 &&
	                        !host_normalize(p->host, strlen(p->host), plain)))
		abort();
}

static bool fuzz_inner_told(
        void *inner, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	volatile uint8_t sum = 0;

	(void)inner;
	(void)dir;
	(void)stream;
	(void)when_ns;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return n % 7 != 0;
}

struct fuzz_wire {
	struct arena arena;
	struct flow flow;
	struct conn conn;
	struct sink sink;
	void *state;
	unsigned told;
};

static void fuzz_open(struct fuzz_wire *w, const struct layer_ops *ops)
{
	static struct pool *pool;

	if (!pool)
		pool = pool_create(4096, 64);
	*w = (struct fuzz_wire){.told = 0};
	arena_init(&w->arena, pool, 24);
	w->conn = (struct conn){.arena = &w->arena, .flow = &w->flow};
	w->sink = (struct sink){.arg = &w->told,
	        .hello = fuzz_hello_told,
	        .cert = fuzz_cert_told,
	        .proxied = fuzz_proxied_told,
	        .bytes = fuzz_inner_told};
	w->state = arena_get(&w->arena, ops->state_size);
	if (!w->state || (ops->open && ops->open(w->state, &w->conn) < 0))
		abort();
}

static void fuzz_run(struct fuzz_wire *w, const struct layer_ops *ops, const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);

	while (cur_left(&c) >= 2) {
		uint8_t control = cur_u8(&c);
		size_t len = (size_t)cur_u8(&c) * (control & 4 ? 16 : 1);
		enum flow_dir dir = control & 1 ? FLOW_S2C : FLOW_C2S;
		enum layer_verdict v;
		uint8_t *copy;

		if (control & 2) {
			ops->gap(w->state, &w->conn, dir, 0, len, &w->sink);
			continue;
		}
		if (len > cur_left(&c))
			len = cur_left(&c);
		copy = malloc(len ? len : 1);
		if (!copy)
			abort();
		if (len)
			memcpy(copy, cur_take(&c, len), len);
		v = ops->feed(w->state, &w->conn, dir, 0, copy, len, 0, &w->sink);
		free(copy);
		if (v != LAYER_MORE)
			break;
	}
}

static void fuzz_close(struct fuzz_wire *w, const struct layer_ops *ops)
{
	if (ops->close)
		ops->close(w->state, &w->conn, &w->sink);
	arena_clear(&w->arena);
}

#endif
