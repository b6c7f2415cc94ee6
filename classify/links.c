/* links.c - see links.h.  Two-way associative like the other tables of the capture path: of two places the
 * older is overwritten, so that a flood of connections costs what a few do. */
#include "classify/links.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

struct entry {
	uint64_t key; /* with the proxy's address; 0: free */
	int64_t when_ns;
	struct link who;
};

struct links {
	struct entry (*table)[WAYS];
	size_t mask;
	uint64_t held; /* entries ever noted: 0 means that nothing can be found */
};

struct links *links_create(size_t entries, struct err *e)
{
	struct links *l = calloc(1, sizeof(*l));
	size_t sets = 1;

	while (sets * WAYS < entries)
		sets *= 2;
	if (!l || !(l->table = calloc(sets, sizeof(*l->table)))) {
		free(l);
		err_set(e, "no memory for %zu links between the sides of proxies", entries);
		return NULL;
	}
	l->mask = sets - 1;
	return l;
}

void links_destroy(struct links *l)
{
	if (!l)
		return;
	free(l->table);
	free(l);
}

uint64_t link_key_hello(const uint8_t random[32])
{
	return hash64(random, 32, 1);
}

uint64_t link_key_request(struct slice method, const char *host, struct slice path, struct slice query)
{
	uint64_t h = hash64(method.p, method.n, 2);

	h = hash64(host, strlen(host), h);
	h = hash64(path.p, path.n, h);
	return hash64(query.p, query.n, h);
}

static uint64_t key_at(uint64_t key, const struct ip_addr *proxy)
{
	return hash64(proxy, sizeof(*proxy), key) | 1;
}

void links_note(
        struct links *l, uint64_t key, const struct ip_addr *proxy, const struct link *who, int64_t when_ns)
{
	uint64_t k = key_at(key, proxy);
	struct entry *set = l->table[k & l->mask], *place = &set[0];

	for (unsigned i = 1; i < WAYS; i++)
		if (!set[i].key || (place->key && set[i].when_ns < place->when_ns))
			place = &set[i];
	*place = (struct entry){.key = k, .when_ns = when_ns, .who = *who};
	l->held++;
}

/* The oldest that fits: requests that look the same are passed on in the order in which they came. */
bool links_take(struct links *l, uint64_t key, const struct ip_addr *proxy, int64_t when_ns, struct link *who)
{
	uint64_t k;
	struct entry *set, *found = NULL;

	if (!l->held)
		return false;
	k = key_at(key, proxy);
	set = l->table[k & l->mask];
	for (unsigned i = 0; i < WAYS; i++) {
		int64_t age = when_ns - set[i].when_ns;

		if (set[i].key == k && age <= LINK_NS && age >= -LINK_NS &&
		        (!found || set[i].when_ns < found->when_ns))
			found = &set[i];
	}
	if (!found)
		return false;
	*who = found->who;
	found->key = 0;
	return true;
}
