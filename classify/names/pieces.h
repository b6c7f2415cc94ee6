/* pieces.h - a message that arrives in parts, kept in pieces of the flow's arena (a pool block is smaller
 * than the largest message) and copied together once, when it is whole. */
#ifndef CLASSIFY_NAMES_PIECES_H
#define CLASSIFY_NAMES_PIECES_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct piece;
struct pieces {
	struct piece *first, *last; /* last: the one being filled */
	size_t len;                 /* bytes held */
};

/* Appends; `want` is what the message still lacks with these n (a piece is not made larger than that).
 * false: the arena is full; the message cannot be read any more. */
bool pieces_add(struct pieces *s, struct arena *a, const uint8_t *p, size_t n, size_t want);
/* Copies all to `out`, which has room for s->len. */
void pieces_copy(const struct pieces *s, uint8_t *out);
/* Forgets the bytes and keeps the memory for the next message. */
void pieces_reset(struct pieces *s);

#endif
