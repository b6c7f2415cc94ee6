/* pool.c - see pool.h.  Free blocks form a list through their first word; never-used ones come from a
 * rising mark, so nothing is touched at creation.  Under ASan a free block is poisoned. */
#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif
#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#define poison(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define poison(p, n)   ((void)(p), (void)(n))
#define unpoison(p, n) ((void)(p), (void)(n))
#endif

struct free_block {
	struct free_block *next;
};

struct pool {
	uint8_t *base;
	size_t size, count, fresh, used, peak; /* fresh: blocks ever handed out */
	uint64_t refused;
	struct free_block *free;
};

struct pool *pool_create(size_t size, size_t count)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->size = (size + 15) & ~(size_t)15;
	p->count = count;
	if (!count || p->size > SIZE_MAX / count)
		goto fail;
	p->base = mmap(NULL, p->size * count, PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->base == MAP_FAILED)
		goto fail;
	return p;
fail:
	free(p);
	return NULL;
}

void pool_destroy(struct pool *p)
{
	if (!p)
		return;
	unpoison(p->base, p->size * p->fresh);
	munmap(p->base, p->size * p->count);
	free(p);
}

void *pool_get(struct pool *p)
{
	void *b;

	if (p->free) {
		b = p->free;
		unpoison(b, p->size);
		p->free = p->free->next;
	} else if (p->fresh < p->count) {
		b = p->base + p->size * p->fresh++;
	} else {
		p->refused++;
		return NULL;
	}
	if (++p->used > p->peak)
		p->peak = p->used;
	return b;
}

void pool_put(struct pool *p, void *block)
{
	struct free_block *b = block;

	if (!b)
		return;
	assert((uint8_t *)block >= p->base && (uint8_t *)block < p->base + p->size * p->fresh);
	assert(((size_t)((uint8_t *)block - p->base)) % p->size == 0);
	b->next = p->free;
	p->free = b;
	p->used--;
	poison(b, p->size);
}

size_t pool_block_size(const struct pool *p)
{
	return p->size;
}

size_t pool_count(const struct pool *p)
{
	return p->count;
}

size_t pool_used(const struct pool *p)
{
	return p->used;
}

size_t pool_peak(const struct pool *p)
{
	return p->peak;
}

uint64_t pool_refused(const struct pool *p)
{
	return p->refused;
}
