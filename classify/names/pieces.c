/* pieces.c - see pieces.h */
#include "classify/names/pieces.h"

#include <string.h>

#define PIECE_MIN 256  /* so that messages fed by the byte do not become a list of bytes */
#define PIECE_MAX 3520 /* fits a pool block of 4 KiB beside other things of the flow */

struct piece {
	struct piece *next;
	uint32_t len, cap;
	uint8_t data[];
};

static size_t piece_append(struct piece *b, const uint8_t *p, size_t n)
{
	size_t room = b->cap - b->len;

	if (n > room)
		n = room;
	memcpy(b->data + b->len, p, n);
	b->len += (uint32_t)n;
	return n;
}

static struct piece *piece_make(struct arena *a, size_t want)
{
	size_t cap = want < PIECE_MIN ? PIECE_MIN : want > PIECE_MAX ? PIECE_MAX : want;
	struct piece *b = arena_get(a, sizeof(*b) + cap);

	if (b)
		b->cap = (uint32_t)cap;
	return b;
}

bool pieces_add(struct pieces *s, struct arena *a, const uint8_t *p, size_t n, size_t want)
{
	while (n) {
		struct piece *b = s->last;
		size_t took;

		if (!b || b->len == b->cap) {
			b = b ? b->next : s->first;
			if (!b) {
				b = piece_make(a, want);
				if (!b)
					return false;
				if (s->last)
					s->last->next = b;
				else
					s->first = b;
			}
			s->last = b;
		}
		took = piece_append(b, p, n);
		p += took;
		n -= took;
		want -= took;
		s->len += took;
	}
	return true;
}

void pieces_copy(const struct pieces *s, uint8_t *out)
{
	for (const struct piece *b = s->first; b && b->len; b = b->next) {
		memcpy(out, b->data, b->len);
		out += b->len;
	}
}

void pieces_reset(struct pieces *s)
{
	for (struct piece *b = s->first; b; b = b->next)
		b->len = 0;
	s->last = NULL;
	s->len = 0;
}
