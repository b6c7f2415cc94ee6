/* hash.h - one hash for tables and identities: XXH3, seeded where an outsider chooses the keys. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t hash64(const void *p, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, len, seed);
}

/* A seed of this process, from the kernel's random source; for tables whose keys come off the wire. */
uint64_t hash_seed(void);

#endif
