/* repeat.c - see repeat.h.  Two tables of equal make (key to slot, least recently used goes first): one for
 * repeats and groups, one for first uses. */
#include "alerts/repeat.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* ---- key to slot, least recently used first to go --------------------------------------------------------
 */

struct lru_slot {
	uint64_t key;
	uint32_t chain, newer, older;
};

struct lru {
	struct lru_slot *slot;
	uint32_t *bucket;
	uint32_t mask, max, used, newest, oldest;
	uint64_t seed;
};

static bool lru_init(struct lru *l, size_t max)
{
	uint32_t buckets = 64;

	while (buckets < max)
		buckets *= 2;
	*l = (struct lru){.mask = buckets - 1, .max = (uint32_t)max, .newest = NONE, .oldest = NONE};
	l->seed = hash_seed();
	l->slot = calloc(max, sizeof(*l->slot));
	l->bucket = malloc(buckets * sizeof(*l->bucket));
	if (!l->slot || !l->bucket)
		return false;
	memset(l->bucket, 0xff, buckets * sizeof(*l->bucket));
	return true;
}

static void lru_clear(struct lru *l)
{
	free(l->slot);
	free(l->bucket);
}

static uint32_t *lru_head(struct lru *l, uint64_t key)
{
	return &l->bucket[hash64(&key, sizeof(key), l->seed) & l->mask];
}

static void lru_unlink(struct lru *l, uint32_t s)
{
	struct lru_slot *e = &l->slot[s];

	*(e->newer == NONE ? &l->newest : &l->slot[e->newer].older) = e->older;
	*(e->older == NONE ? &l->oldest : &l->slot[e->older].newer) = e->newer;
}

static void lru_front(struct lru *l, uint32_t s)
{
	struct lru_slot *e = &l->slot[s];

	e->newer = NONE;
	e->older = l->newest;
	*(l->newest == NONE ? &l->oldest : &l->slot[l->newest].newer) = s;
	l->newest = s;
}

static uint32_t lru_find(struct lru *l, uint64_t key)
{
	uint32_t s = *lru_head(l, key);

	while (s != NONE && l->slot[s].key != key)
		s = l->slot[s].chain;
	if (s != NONE && s != l->newest) {
		lru_unlink(l, s);
		lru_front(l, s);
	}
	return s;
}

/* A slot for a new key: a fresh one, else the oldest, whose content the caller has settled before. */
static uint32_t lru_add(struct lru *l, uint64_t key)
{
	uint32_t s, *at;

	if (l->used < l->max) {
		s = l->used++;
	} else {
		s = l->oldest;
		lru_unlink(l, s);
		for (at = lru_head(l, l->slot[s].key); *at != s; at = &l->slot[*at].chain)
			;
		*at = l->slot[s].chain;
	}
	at = lru_head(l, key);
	l->slot[s].key = key;
	l->slot[s].chain = *at;
	*at = s;
	lru_front(l, s);
	return s;
}

/* ---- repeats ---------------------------------------------------------------------------------------------
 */

struct entry {
	uint64_t first, open, total; /* index of the first record; folded and not yet told; in all */
	int64_t first_ns, told_ns;
	bool group;              /* ends with the window */
	struct record_head last; /* the newest of the folded */
	char *tail;
	size_t tail_len, tail_cap;
};

struct repeats {
	struct repeat_limits limit;
	struct repeat_sink sink;
	struct lru known, first_uses;
	struct entry *entry;
	size_t bytes;    /* held in tails */
	uint32_t n_open; /* entries with a count to tell */
};

struct repeats *repeats_create(const struct repeat_limits *l, const struct repeat_sink *sink)
{
	struct repeats *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->limit = *l;
	r->sink = *sink;
	r->entry = calloc(l->entries, sizeof(*r->entry));
	if (!lru_init(&r->known, l->entries) || !lru_init(&r->first_uses, l->first_uses) || !r->entry) {
		repeats_destroy(r);
		return NULL;
	}
	return r;
}

void repeats_destroy(struct repeats *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; r->entry && i < r->known.used; i++)
		free(r->entry[i].tail);
	free(r->entry);
	lru_clear(&r->known);
	lru_clear(&r->first_uses);
	free(r);
}

/* Captures hold any time at all: what does not fit is very long ago or very far ahead. */
static int64_t between(int64_t from_ns, int64_t to_ns)
{
	int64_t ns;

	if (__builtin_sub_overflow(to_ns, from_ns, &ns))
		return to_ns < from_ns ? INT64_MIN : INT64_MAX;
	return ns;
}

static void drop_tail(struct repeats *r, struct entry *e)
{
	r->bytes -= e->tail_cap;
	free(e->tail);
	e->tail = NULL;
	e->tail_len = e->tail_cap = 0;
}

static void tell_update(
        struct repeats *r, struct entry *e, const struct record_head *h, const char *tail, size_t len)
{
	struct repeat_update u = {.first = e->first, .count = e->open, .total = e->total};

	r->sink.tell(r->sink.arg, h, tail, len, &u);
	e->told_ns = h->when_ns;
	e->open = 0;
	r->n_open--;
}

/* Tells what an entry still owes, and gives its memory back. */
static void settle(struct repeats *r, struct entry *e)
{
	if (e->open)
		tell_update(r, e, &e->last, e->tail, e->tail_len);
	drop_tail(r, e);
}

static bool keep_tail(
        struct repeats *r, struct entry *e, const struct record_head *h, const char *tail, size_t len)
{
	if (len > e->tail_cap) {
		char *more;

		if (r->bytes - e->tail_cap + len > r->limit.bytes || !(more = realloc(e->tail, len)))
			return false;
		r->bytes += len - e->tail_cap;
		e->tail = more;
		e->tail_cap = len;
	}
	memcpy(e->tail, tail, len);
	e->tail_len = len;
	e->last = *h;
	return true;
}

static void fold(
        struct repeats *r, struct entry *e, const struct record_head *h, const char *tail, size_t len)
{
	r->n_open += !e->open;
	e->open++;
	e->total++;
	/* no memory to wait with: told at once, which is more records and never fewer */
	if (between(e->told_ns, h->when_ns) >= r->limit.repeat_s * NS_PER_S || !keep_tail(r, e, h, tail, len))
		tell_update(r, e, h, tail, len);
	if (!e->open && e->tail)
		drop_tail(r, e);
}

static void remember(struct repeats *r, uint64_t key, bool group, uint64_t index, int64_t when_ns)
{
	uint32_t s = lru_find(&r->known, key);

	if (s == NONE) {
		if (r->known.used == r->known.max)
			settle(r, &r->entry[r->known.oldest]);
		s = lru_add(&r->known, key);
	} else {
		settle(r, &r->entry[s]); /* a group whose window has ended */
	}
	r->entry[s] = (struct entry){
	        .first = index, .total = 1, .first_ns = when_ns, .told_ns = when_ns, .group = group};
}

/* Groups go first: while a window is open it takes the repeats of its flows too, so that there is one count.
 */
static struct entry *find_known(struct repeats *r, const struct record_head *h, uint64_t group_key)
{
	uint32_t s = group_key ? lru_find(&r->known, group_key) : NONE;

	if (s != NONE && between(r->entry[s].first_ns, h->when_ns) < r->limit.group_window_s * NS_PER_S)
		return &r->entry[s];
	s = h->repeat_key ? lru_find(&r->known, h->repeat_key) : NONE;
	return s != NONE && !r->entry[s].group ? &r->entry[s] : NULL;
}

enum repeat_result repeats_offer(struct repeats *r, const struct record_head *h, const char *tail, size_t len)
{
	uint64_t group_key = r->limit.group_window_s ? h->group_key : 0, index;
	struct entry *e;

	if (h->first_key && lru_find(&r->first_uses, h->first_key) != NONE)
		return REPEAT_PASSED;
	e = find_known(r, h, group_key);
	index = e ? e->first : r->sink.tell(r->sink.arg, h, tail, len, NULL);
	if (!index)
		return REPEAT_TOLD; /* and lost: nobody knows of it, so the next one is no repeat */
	if (h->first_key)
		lru_add(&r->first_uses, h->first_key);
	if (e) {
		fold(r, e, h, tail, len);
		return REPEAT_FOLDED;
	}
	if (h->repeat_key)
		remember(r, h->repeat_key, false, index, h->when_ns);
	if (group_key)
		remember(r, group_key, true, index, h->when_ns);
	return REPEAT_TOLD;
}

void repeats_sweep(struct repeats *r, int64_t now_ns)
{
	for (uint32_t i = 0; i < r->known.used && r->n_open; i++) {
		struct entry *e = &r->entry[i];

		if (e->open && between(e->told_ns, now_ns) >= r->limit.repeat_s * NS_PER_S)
			settle(r, e);
	}
}

void repeats_flush(struct repeats *r)
{
	/* oldest first, the order in which they came */
	for (uint32_t s = r->known.oldest; s != NONE && r->n_open; s = r->known.slot[s].newer)
		settle(r, &r->entry[s]);
}
