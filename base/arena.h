/* arena.h - memory that lives as long as one thing (a flow, a request): carved from pool blocks, nothing
 * freed singly, all given back at once.  Embedded; not shared between threads. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/pool.h"

#include <stddef.h>

struct arena_block;
struct arena {
	struct pool *pool;
	struct arena_block *blocks; /* newest first */
	size_t left;                /* bytes unused in the newest */
	unsigned count, max;        /* blocks held, and at most */
};

/* Blocks come from `pool`, at most `max_blocks` of them; none is taken yet. */
void arena_init(struct arena *a, struct pool *pool, unsigned max_blocks);
/* Gives all blocks back; the arena can be used again. */
void arena_clear(struct arena *a);
/* n bytes, zeroed, aligned to 16.  NULL when n is more than a block holds, the arena has its most blocks or
 * the pool is empty: the caller gives up on what it wanted to remember and counts it. */
void *arena_get(struct arena *a, size_t n);
/* A copy of n bytes with a NUL behind; NULL as above. */
char *arena_text(struct arena *a, const void *p, size_t n);

#endif
