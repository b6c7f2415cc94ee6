/* cursor.h - the one way to read bytes that came from the network.
 *
 * A window plus a sticky failure flag: a read past the end yields zeros and sets `bad`; the parser
 * tests `bad` once, before it acts on what it read.  A length-prefixed part becomes a cursor of its own,
 * so an inner parser cannot leave its part, whatever the bytes claim.  Nothing is copied: pointers that a
 * cursor hands out live as long as the buffer it was made over. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cur {
	const uint8_t *p;   /* next byte */
	const uint8_t *end; /* one past the last */
	bool bad;           /* a read went past the end: everything since is zeros */
};

static inline struct cur cur_of(const void *p, size_t len)
{
	const uint8_t *b = p;

	return (struct cur){.p = b, .end = b ? b + len : b, .bad = false};
}

static inline size_t cur_left(const struct cur *c)
{
	return (size_t)(c->end - c->p);
}

/* The next n bytes, or NULL (and bad) when there are fewer. */
static inline const uint8_t *cur_take(struct cur *c, size_t n)
{
	const uint8_t *p = c->p;

	if (cur_left(c) < n) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	if (n)
		c->p += n;
	return p;
}

static inline void cur_skip(struct cur *c, size_t n)
{
	(void)cur_take(c, n);
}

static inline uint8_t cur_u8(struct cur *c)
{
	const uint8_t *p = cur_take(c, 1);

	return p ? p[0] : 0;
}

/* Big-endian (network order) number of n bytes, n <= 8. */
static inline uint64_t cur_be(struct cur *c, size_t n)
{
	const uint8_t *p = cur_take(c, n);
	uint64_t v = 0;

	if (p)
		for (size_t i = 0; i < n; i++)
			v = v << 8 | p[i];
	return v;
}

static inline uint16_t cur_be16(struct cur *c)
{
	return (uint16_t)cur_be(c, 2);
}

static inline uint32_t cur_be32(struct cur *c)
{
	return (uint32_t)cur_be(c, 4);
}

/* Little-endian number of n bytes, n <= 8. */
static inline uint64_t cur_le(struct cur *c, size_t n)
{
	const uint8_t *p = cur_take(c, n);
	uint64_t v = 0;

	if (p)
		for (size_t i = n; i-- > 0;)
			v = v << 8 | p[i];
	return v;
}

/* The next n bytes as a cursor of their own; an empty bad one when there are fewer. */
static inline struct cur cur_sub(struct cur *c, size_t n)
{
	const uint8_t *p = cur_take(c, n);
	struct cur s = {.p = p, .end = p ? p + n : p, .bad = !p && n};

	if (c->bad)
		s.bad = true;
	return s;
}

/* A part with a big-endian length of `size` bytes before it, as in TLS vectors. */
static inline struct cur cur_vec(struct cur *c, size_t size)
{
	size_t n = (size_t)cur_be(c, size);

	return cur_sub(c, n);
}

/* The byte `at` bytes ahead without moving; 0 when there is none (bad is not set). */
static inline uint8_t cur_peek(const struct cur *c, size_t at)
{
	return cur_left(c) > at ? c->p[at] : 0;
}

#endif
