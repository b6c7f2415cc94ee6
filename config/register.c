/* register.c - see register.h.  One hash table for all entries: its keys are "this service, any source",
 * "this service, this group" and "this service, this network"; equal keys (contracts that follow each other
 * in time) form a chain.  A service remembers which prefix lengths its networks have, so that a look-up
 * probes only those. */
#include "config/register.h"

#include "base/clock.h"
#include "base/hash.h"
#include "config/store.h"

#include <stdlib.h>
#include <string.h>

enum source_kind { SOURCE_ANY, SOURCE_GROUP, SOURCE_NETWORK };

struct source_key {
	uint32_t service;
	uint16_t kind; /* enum source_kind */
	uint16_t n;    /* the group, or the prefix length */
	struct ip_addr addr;
};

struct link {
	struct source_key key;
	uint32_t partner;
	uint32_t next; /* of the same key; 0: none */
};

struct service_entries {
	uint32_t first, last; /* of its entries, + 1; 0: none */
	uint64_t lengths[3];  /* bit by prefix length */
	bool any, groups;
};

struct partner_index {
	const struct partner *list;
	size_t n;
	struct service_entries *service;
	size_t n_services;
	uint32_t *next_of; /* the service's next entry, + 1 */
	struct link *link; /* [0] unused */
	uint32_t n_links;
	uint32_t *slot; /* first link by hash of the key */
	size_t n_slots;
};

static struct ip_addr prefix_of(const struct ip_addr *a, unsigned bits)
{
	struct ip_addr p = {{0}};

	memcpy(p.b, a->b, bits / 8);
	if (bits % 8)
		p.b[bits / 8] = (uint8_t)(a->b[bits / 8] & (0xff00u >> bits % 8));
	return p;
}

static uint32_t *slot_of(const struct partner_index *x, const struct source_key *key)
{
	size_t at = (size_t)hash64(key, sizeof(*key), 0) & (x->n_slots - 1);

	while (x->slot[at] && memcmp(&x->link[x->slot[at]].key, key, sizeof(*key)) != 0)
		at = (at + 1) & (x->n_slots - 1);
	return &x->slot[at];
}

static uint32_t chain_of(const struct partner_index *x, const struct service_entries *e,
        enum source_kind kind, unsigned n, const struct ip_addr *addr)
{
	struct source_key key = {
	        .service = (uint32_t)(e - x->service), .kind = (uint16_t)kind, .n = (uint16_t)n};

	if (addr)
		key.addr = *addr;
	return *slot_of(x, &key);
}

/* The longest prefix length the service uses that is at most `most`; -1 when there is none. */
static int next_length(const struct service_entries *e, int most)
{
	for (int word = most / 64; most >= 0 && word >= 0; word--) {
		uint64_t bits = e->lengths[word];

		if (word == most / 64 && most % 64 != 63)
			bits &= (1ull << (most % 64 + 1)) - 1;
		if (bits)
			return word * 64 + 63 - __builtin_clzll(bits);
	}
	return -1;
}

/* ---- finding --------------------------------------------------------------------------------------------
 */

static bool in_force(const struct partner *p, int32_t day)
{
	return (p->from == DAY_NONE || day >= p->from) && (p->until == DAY_NONE || day <= p->until);
}

/* Of two entries for one source: the one in force; else the one that ended last; else the one that begins
 * first. */
static bool is_better(const struct partner *a, const struct partner *b, int32_t day)
{
	bool ended_a = a->until != DAY_NONE && a->until < day,
	     ended_b = b->until != DAY_NONE && b->until < day;

	if (in_force(a, day) != in_force(b, day))
		return in_force(a, day);
	if (ended_a != ended_b)
		return ended_a;
	return ended_a ? a->until > b->until : a->from < b->from;
}

static void consider(const struct partner_index *x, uint32_t chain, int32_t day, const struct partner **best)
{
	for (; chain; chain = x->link[chain].next) {
		const struct partner *p = &x->list[x->link[chain].partner];

		if (!*best || is_better(p, *best, day))
			*best = p;
	}
}

struct partner_choice partner_find(const struct partner_index *index, const struct service *service,
        const struct ip_addr *source, uint16_t group, int32_t day)
{
	struct partner_choice c = {NULL, PARTNER_NONE};
	const struct service_entries *e;

	if (!index || service->index >= index->n_services || !index->service[service->index].first)
		return c;
	e = &index->service[service->index];
	for (int bits = next_length(e, 128); bits >= 0; bits = next_length(e, bits - 1)) {
		struct ip_addr prefix = prefix_of(source, (unsigned)bits);

		consider(index, chain_of(index, e, SOURCE_NETWORK, (unsigned)bits, &prefix), day, &c.partner);
	}
	if (e->groups && group != GROUP_NONE)
		consider(index, chain_of(index, e, SOURCE_GROUP, group, NULL), day, &c.partner);
	if (e->any)
		consider(index, chain_of(index, e, SOURCE_ANY, 0, NULL), day, &c.partner);
	if (!c.partner)
		return (struct partner_choice){&index->list[e->first - 1], PARTNER_SOURCE};
	c.fit = in_force(c.partner, day) ? PARTNER_FITS : PARTNER_DATE;
	return c;
}

/* ---- building -------------------------------------------------------------------------------------------
 */

static void add_source(struct partner_index *x, uint32_t partner, enum source_kind kind, unsigned n,
        const struct ip_addr *addr)
{
	struct link *l = &x->link[x->n_links];
	uint32_t *slot;

	l->key.service = x->list[partner].service->index;
	l->key.kind = (uint16_t)kind;
	l->key.n = (uint16_t)n;
	if (addr)
		l->key.addr = *addr;
	l->partner = partner;
	slot = slot_of(x, &l->key);
	l->next = *slot;
	*slot = x->n_links++;
}

static void add_partner(struct partner_index *x, uint32_t i)
{
	const struct partner *p = &x->list[i];
	struct service_entries *e = &x->service[p->service->index];

	if (e->last)
		x->next_of[e->last - 1] = i + 1;
	else
		e->first = i + 1;
	e->last = i + 1;
	for (size_t k = 0; k < p->n_groups; k++)
		add_source(x, i, SOURCE_GROUP, p->groups[k], NULL);
	for (size_t k = 0; k < p->n_sources; k++) {
		add_source(x, i, SOURCE_NETWORK, p->sources[k].bits, &p->sources[k].addr);
		e->lengths[p->sources[k].bits / 64] |= 1ull << p->sources[k].bits % 64;
	}
	e->groups |= p->n_groups > 0;
	if (!p->n_groups && !p->n_sources) {
		add_source(x, i, SOURCE_ANY, 0, NULL);
		e->any = true;
	}
}

struct overlap_check {
	const struct partner_index *x;
	const struct partner_place *at;
	const char *file;
	struct faults *f;
	uint32_t self;
	struct {
		uint32_t a, b;
	} told[FAULTS_MAX];
	size_t n_told;
};

static bool days_meet(const struct partner *a, const struct partner *b)
{
	return (a->until == DAY_NONE || b->from == DAY_NONE || a->until >= b->from) &&
	       (b->until == DAY_NONE || a->from == DAY_NONE || b->until >= a->from);
}

static void tell_overlap(struct overlap_check *o, uint32_t other)
{
	uint32_t a = o->self < other ? o->self : other, b = o->self < other ? other : o->self;
	const struct partner *p = &o->x->list[a], *q = &o->x->list[b];
	char from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
	int32_t first = p->from > q->from ? p->from : q->from; /* DAY_NONE is the least */
	int32_t last = p->until == DAY_NONE                          ? q->until
	               : q->until == DAY_NONE || p->until < q->until ? p->until
	                                                             : q->until;

	if (a == b || !days_meet(p, q) || o->n_told == FAULTS_MAX)
		return;
	for (size_t i = 0; i < o->n_told; i++)
		if (o->told[i].a == a && o->told[i].b == b)
			return;
	o->told[o->n_told].a = a;
	o->told[o->n_told++].b = b;
	fault_add(o->f, o->file, o->at[b].line, o->at[b].column,
	        "this entry for `%s' and the one in line %u can both cover one source%s%s%s%s: give them "
	        "different sources "
	        "or dates",
	        q->service->id, o->at[a].line, first == DAY_NONE ? "" : " from ",
	        first == DAY_NONE ? "" : time_format_day(first, from), last == DAY_NONE ? "" : " until ",
	        last == DAY_NONE ? "" : time_format_day(last, until));
}

static void tell_chain(struct overlap_check *o, uint32_t chain)
{
	for (; chain; chain = o->x->link[chain].next)
		tell_overlap(o, o->x->link[chain].partner);
}

static void group_meets(void *arg, uint16_t group)
{
	struct overlap_check *o = arg;
	const struct service_entries *e = &o->x->service[o->x->list[o->self].service->index];

	tell_chain(o, chain_of(o->x, e, SOURCE_GROUP, group, NULL));
}

/* Of two networks that meet, one holds the other: it is found from the smaller one.  A group and a network
 * meet where some address of the network belongs to that group; two groups never do. */
static void check_partner(struct overlap_check *o, const struct networks *networks)
{
	const struct partner *p = &o->x->list[o->self];
	const struct service_entries *e = &o->x->service[p->service->index];

	if (!p->n_groups && !p->n_sources) {
		for (uint32_t i = e->first; i; i = o->x->next_of[i - 1])
			tell_overlap(o, i - 1);
		return;
	}
	for (size_t k = 0; k < p->n_groups; k++)
		tell_chain(o, chain_of(o->x, e, SOURCE_GROUP, p->groups[k], NULL));
	for (size_t k = 0; k < p->n_sources; k++) {
		const struct cidr *c = &p->sources[k];

		for (int bits = next_length(e, c->bits); bits >= 0; bits = next_length(e, bits - 1)) {
			struct ip_addr prefix = prefix_of(&c->addr, (unsigned)bits);

			tell_chain(o, chain_of(o->x, e, SOURCE_NETWORK, (unsigned)bits, &prefix));
		}
		if (e->groups)
			networks_groups_in(networks, c, group_meets, o);
	}
}

struct partner_index *partner_index_create(const struct partner *list, size_t n,
        const struct partner_place *at, size_t services, const struct networks *networks, const char *file,
        struct faults *f)
{
	struct overlap_check o = {.at = at, .file = file, .f = f};
	struct partner_index *x;
	size_t links = 1;

	if (!n)
		return NULL;
	x = store_grow(NULL, 1, sizeof(*x));
	*x = (struct partner_index){
	        .list = list, .n = n, .n_services = services, .n_links = 1, .n_slots = 16};
	for (size_t i = 0; i < n; i++)
		links += list[i].n_groups + list[i].n_sources + 1;
	while (x->n_slots < links * 2)
		x->n_slots *= 2;
	x->service = store_grow(NULL, services, sizeof(*x->service));
	memset(x->service, 0, services * sizeof(*x->service));
	x->next_of = store_grow(NULL, n, sizeof(*x->next_of));
	memset(x->next_of, 0, n * sizeof(*x->next_of));
	x->link = store_grow(NULL, links, sizeof(*x->link));
	memset(x->link, 0, links * sizeof(*x->link));
	x->slot = store_grow(NULL, x->n_slots, sizeof(*x->slot));
	memset(x->slot, 0, x->n_slots * sizeof(*x->slot));
	for (uint32_t i = 0; i < n; i++)
		add_partner(x, i);
	o.x = x;
	for (o.self = 0; o.self < n; o.self++)
		check_partner(&o, networks);
	return x;
}

void partner_index_free(struct partner_index *index)
{
	if (!index)
		return;
	free(index->service);
	free(index->next_of);
	free(index->link);
	free(index->slot);
	free(index);
}
