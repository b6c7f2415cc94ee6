/* arena.c - see arena.h */
#include "base/arena.h"

#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t unused; /* keeps what follows aligned to 16 */
};

void arena_init(struct arena *a, struct pool *pool, unsigned max_blocks)
{
	*a = (struct arena){.pool = pool, .max = max_blocks};
}

void arena_clear(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		pool_put(a->pool, b);
	}
	a->left = 0;
	a->count = 0;
}

void *arena_get(struct arena *a, size_t n)
{
	size_t size = pool_block_size(a->pool);
	uint8_t *p;

	if (n > size - sizeof(struct arena_block))
		return NULL;
	n = (n + 15) & ~(size_t)15;
	if (!a->blocks || a->left < n) {
		struct arena_block *b;

		if (a->count >= a->max || !(b = pool_get(a->pool)))
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
		a->left = size - sizeof(*b);
		a->count++;
	}
	p = (uint8_t *)a->blocks + (size - a->left);
	a->left -= n;
	return memset(p, 0, n);
}

char *arena_text(struct arena *a, const void *p, size_t n)
{
	char *t = arena_get(a, n + 1);

	if (t && n)
		memcpy(t, p, n);
	return t;
}
