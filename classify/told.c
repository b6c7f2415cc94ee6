/* told.c - see told.h. */
#include "classify/told.h"

#include "base/hash.h"

#include <stdlib.h>

#define PLACES 16384u /* a power of two */

struct place {
	uint64_t key; /* 0: empty */
	struct told what;
};

struct told_table {
	uint32_t next;
	struct place place[PLACES];
};

struct told_table *told_create(void)
{
	return calloc(1, sizeof(struct told_table));
}

void told_destroy(struct told_table *t)
{
	free(t);
}

static uint64_t key_of(uint64_t where, uint64_t value_hash)
{
	const uint64_t about[2] = {where, value_hash};

	return hash64(about, sizeof(about), 11) | 1;
}

bool told_find(const struct told_table *t, uint64_t where, uint64_t value_hash, struct told *out)
{
	uint64_t key = key_of(where, value_hash);
	const struct place *p = &t->place[key / 2 % PLACES];

	if (p->key != key)
		return false;
	*out = p->what;
	return true;
}

void told_put(struct told_table *t, uint64_t where, uint64_t value_hash, struct told what)
{
	uint64_t key = key_of(where, value_hash);

	t->place[key / 2 % PLACES] = (struct place){key, what};
}

uint32_t told_number(struct told_table *t)
{
	return ++t->next;
}
