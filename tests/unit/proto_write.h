/* proto_write.h - Protocol Buffers' wire format and gRPC's envelopes, written for tests. */
#ifndef TESTS_UNIT_PROTO_WRITE_H
#define TESTS_UNIT_PROTO_WRITE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define PROTO_MAX 100000

struct proto {
	size_t n;
	uint8_t p[PROTO_MAX];
};

static inline void proto_put(struct proto *b, const void *p, size_t n)
{
	assert(n <= sizeof(b->p) - b->n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void proto_raw(struct proto *b, uint64_t v)
{
	do {
		uint8_t c = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));

		proto_put(b, &c, 1);
		v >>= 7;
	} while (v);
}

static inline void proto_tag(struct proto *b, uint32_t number, unsigned wire)
{
	proto_raw(b, (uint64_t)number << 3 | wire);
}

static inline void proto_varint(struct proto *b, uint32_t number, uint64_t v)
{
	proto_tag(b, number, 0);
	proto_raw(b, v);
}

static inline void proto_bytes(struct proto *b, uint32_t number, const void *p, size_t n)
{
	proto_tag(b, number, 2);
	proto_raw(b, n);
	proto_put(b, p, n);
}

static inline void proto_text(struct proto *b, uint32_t number, const char *s)
{
	proto_bytes(b, number, s, strlen(s));
}

static inline void proto_message(struct proto *b, uint32_t number, const struct proto *m)
{
	proto_bytes(b, number, m->p, m->n);
}

static inline void proto_fixed(struct proto *b, uint32_t number, unsigned size, uint64_t v)
{
	proto_tag(b, number, size == 8 ? 1 : 5);
	for (unsigned i = 0; i < size; i++) {
		uint8_t c = (uint8_t)(v >> 8 * i);

		proto_put(b, &c, 1);
	}
}

static inline void envelope(struct proto *b, uint8_t flags, uint32_t n, const void *p, size_t len)
{
	uint8_t head[5] = {flags, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	proto_put(b, head, 5);
	proto_put(b, p, len);
}

#endif
