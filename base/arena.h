/* arena.h - memory that lives as long as one thing (a flow, a request): carved from pool blocks, nothing
 * freed singly, all given back at once.  Embedded; not shared between threads. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/pool.h"

#include <stddef.h>

struct arena_block;
struct arena {
	struct pool *pool;
	struct pool *big;           /* for what does not fit a block of `pool`; NULL: refused */
	struct arena_block *blocks; /* newest first */
	struct arena_block *bigs;
	size_t left;         /* bytes unused in the newest */
	unsigned count, max; /* blocks held, and at most; big ones count too */
};

/* Blocks come from `pool`, at most `max_blocks` of them; none is taken yet. */
void arena_init(struct arena *a, struct pool *pool, unsigned max_blocks);
/* A request larger than a block takes a whole block of `big`. */
void arena_use_big(struct arena *a, struct pool *big);
/* Gives all blocks back; the arena can be used again. */
void arena_clear(struct arena *a);
/* n bytes, zeroed, aligned to 16.  NULL when n is more than any block holds, the arena has its most blocks or
 * the pool is empty: the caller gives up on what it wanted to remember and counts it. */
void *arena_get(struct arena *a, size_t n);
/* A copy of n bytes with a NUL behind; NULL as above. */
char *arena_text(struct arena *a, const void *p, size_t n);

#endif
