/* pool.h - equal blocks, reserved once at start, borrowed and given back.  The address space is taken at
 * creation, pages are touched on first use only, so a large limit costs nothing until it is needed.
 * Not shared between threads. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool;

/* `count` blocks of `size` bytes (rounded up to 16); NULL when the address space is refused. */
struct pool *pool_create(size_t size, size_t count);
void pool_destroy(struct pool *p); /* NULL is fine; blocks still out become invalid */

/* A block, contents undefined; NULL when all are out (counted in pool_refused). */
void *pool_get(struct pool *p);
void pool_put(struct pool *p, void *block); /* NULL is fine */

size_t pool_block_size(const struct pool *p);
size_t pool_count(const struct pool *p);
size_t pool_used(const struct pool *p);
size_t pool_peak(const struct pool *p);
uint64_t pool_refused(const struct pool *p);

#endif
