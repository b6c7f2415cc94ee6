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

void arena_use_big(struct arena *a, struct pool *big)
{
	a->big = big;
}

static void give_back(struct pool *pool, struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;

		pool_put(pool, b);
		b = next;
	}
}

void arena_clear(struct arena *a)
{
	give_back(a->pool, a->blocks);
	give_back(a->big, a->bigs);
	a->blocks = a->bigs = NULL;
	a->left = 0;
	a->count = 0;
}

static struct arena_block *take(struct arena *a, struct pool *from, struct arena_block **list)
{
	struct arena_block *b;

	if (a->count >= a->max || !(b = pool_get(from)))
		return NULL;
	b->next = *list;
	*list = b;
	a->count++;
	return b;
}

void *arena_get(struct arena *a, size_t n)
{
	size_t size = pool_block_size(a->pool);
	uint8_t *p;

	if (n > size - sizeof(struct arena_block)) {
		struct arena_block *b;

		if (!a->big || n > pool_block_size(a->big) - sizeof(*b) || !(b = take(a, a->big, &a->bigs)))
			return NULL;
		return memset(b + 1, 0, n);
	}
	n = (n + 15) & ~(size_t)15;
	if (!a->blocks || a->left < n) {
		if (!take(a, a->pool, &a->blocks))
			return NULL;
		a->left = size - sizeof(struct arena_block);
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
