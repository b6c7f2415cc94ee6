/* defrag.c - see defrag.h.
 *
 * Bytes wait in cells of a pool, so a datagram costs what came of it and not what it may become; when the
 * last hole is closed they are copied together once; then the datagram is known for a moment yet, for the
 * copies of its fragments that a mirror delivers.  What came is a sorted list of ranges that do not touch:
 * fragments in order, from either end, are one range all the time, and a list that grows past RANGES_MAX is
 * nobody's honest traffic. */
#include "capture/defrag.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

#define CELL        2048
#define CELLS_MAX   (DATAGRAM_MAX / CELL + 1)
#define RANGES_MAX  64
#define OUTPUTS_MAX 4 /* datagrams, one inside the other, that one packet can complete */
#define DONE_NS                                                                                              \
	(50 * NS_PER_MS) /* a datagram that is whole is known so long, for the copies of its fragments */
#define NONE UINT32_MAX

struct range {
	uint16_t begin, end;
};

struct key {
	struct ip_addr src, dst;
	uint32_t network, id;
	uint8_t version, proto, zero[6];
};

struct datagram {
	struct key key;
	int64_t since_ns;      /* of its first fragment; once done, of its last */
	uint32_t next;         /* in its hash chain, or in the free list */
	uint32_t older, newer; /* by since_ns, among those that wait or those that are done */
	uint32_t total;        /* bytes of the whole, 0: the last fragment has not come */
	uint16_t n_ranges;
	bool done;
	uint8_t proto; /* of the fragment at offset 0, once it came */
	struct range range[RANGES_MAX];
	uint8_t *cell[CELLS_MAX];
};

struct defrag {
	struct datagram *list;
	uint32_t *chains, mask;
	uint32_t free;
	struct line {
		uint32_t oldest, newest;
	} waiting, done;
	struct pool *cells;
	int64_t keep_ns;
	uint64_t seed;
	uint8_t *output[OUTPUTS_MAX];
	unsigned outputs;
	struct defrag_stats stats;
};

struct defrag *defrag_create(const struct defrag_limits *l, struct err *e)
{
	struct defrag *d = calloc(1, sizeof(*d));
	size_t chains = 1;

	if (!d)
		goto no_memory;
	while (chains < l->datagrams)
		chains *= 2;
	d->list = calloc(l->datagrams, sizeof(*d->list));
	d->chains = malloc(chains * sizeof(*d->chains));
	d->cells = pool_create(CELL, l->memory_mb * (1u << 20) / CELL);
	if (!d->list || !d->chains || !d->cells)
		goto no_memory;
	for (size_t i = 0; i < OUTPUTS_MAX; i++)
		if (!(d->output[i] = malloc(DATAGRAM_MAX)))
			goto no_memory;
	memset(d->chains, 0xff, chains * sizeof(*d->chains));
	d->mask = (uint32_t)(chains - 1);
	d->waiting = d->done = (struct line){NONE, NONE};
	for (size_t i = 0; i < l->datagrams; i++)
		d->list[i].next = i + 1 < l->datagrams ? (uint32_t)(i + 1) : NONE;
	d->keep_ns = (int64_t)l->seconds * NS_PER_S;
	d->seed = hash_seed();
	return d;
no_memory:
	defrag_destroy(d);
	err_set(e, "no memory for fragments (limits.fragments_mb: %zu)", l->memory_mb);
	return NULL;
}

void defrag_destroy(struct defrag *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < OUTPUTS_MAX; i++)
		free(d->output[i]);
	if (d->cells)
		pool_destroy(d->cells);
	free(d->chains);
	free(d->list);
	free(d);
}

/* ---- the table
 * --------------------------------------------------------------------------------------------- */

static uint32_t *chain_of(struct defrag *d, const struct key *k)
{
	return &d->chains[hash64(k, sizeof(*k), d->seed) & d->mask];
}

static void cells_free(struct defrag *d, struct datagram *g)
{
	for (size_t i = 0; i < CELLS_MAX; i++) {
		pool_put(d->cells, g->cell[i]);
		g->cell[i] = NULL;
	}
}

static struct line *line_of(struct defrag *d, const struct datagram *g)
{
	return g->done ? &d->done : &d->waiting;
}

static void line_leave(struct defrag *d, uint32_t at)
{
	struct datagram *g = &d->list[at];
	struct line *l = line_of(d, g);

	*(g->older == NONE ? &l->oldest : &d->list[g->older].newer) = g->newer;
	*(g->newer == NONE ? &l->newest : &d->list[g->newer].older) = g->older;
}

static void line_join(struct defrag *d, uint32_t at)
{
	struct datagram *g = &d->list[at];
	struct line *l = line_of(d, g);

	g->older = l->newest;
	g->newer = NONE;
	*(l->newest == NONE ? &l->oldest : &d->list[l->newest].newer) = at;
	l->newest = at;
}

static void forget(struct defrag *d, uint32_t at)
{
	struct datagram *g = &d->list[at];
	uint32_t *link = chain_of(d, &g->key);

	while (*link != at)
		link = &d->list[*link].next;
	*link = g->next;
	line_leave(d, at);
	cells_free(d, g);
	if (!g->done)
		d->stats.waiting--;
	g->next = d->free;
	d->free = at;
}

static void evict_oldest(struct defrag *d)
{
	d->stats.evicted++;
	forget(d, d->waiting.oldest);
}

/* Datagrams that are done make room first. */
static void make_room(struct defrag *d)
{
	if (d->done.oldest != NONE)
		forget(d, d->done.oldest);
	else
		evict_oldest(d);
}

static bool too_old(const struct defrag *d, const struct datagram *g, int64_t now_ns)
{
	int64_t keep = g->done ? DONE_NS : d->keep_ns;

	/* what is of a later time was seen before the clock was set back */
	return now_ns - g->since_ns > keep || g->since_ns - now_ns > keep;
}

static struct datagram *find(struct defrag *d, const struct key *k)
{
	for (uint32_t i = *chain_of(d, k); i != NONE; i = d->list[i].next)
		if (!memcmp(&d->list[i].key, k, sizeof(*k)))
			return &d->list[i];
	return NULL;
}

static struct datagram *begin(struct defrag *d, const struct key *k, int64_t now_ns)
{
	uint32_t *chain = chain_of(d, k), at;
	struct datagram *g;

	if (d->free == NONE)
		make_room(d);
	at = d->free;
	g = &d->list[at];
	d->free = g->next;
	g->key = *k;
	g->since_ns = now_ns;
	g->total = 0;
	g->n_ranges = 0;
	g->done = false;
	g->next = *chain;
	*chain = at;
	line_join(d, at);
	d->stats.waiting++;
	return g;
}

static void give_up(struct defrag *d, struct datagram *g)
{
	forget(d, (uint32_t)(g - d->list));
}

/* ---- bytes
 * ------------------------------------------------------------------------------------------------- */

/* Cells for these bytes; the oldest other datagrams make room for them. */
static bool cells_get(struct defrag *d, struct datagram *g, uint32_t begin_at, uint32_t end)
{
	for (uint32_t i = begin_at / CELL; i <= (end - 1) / CELL; i++) {
		while (!g->cell[i] && !(g->cell[i] = pool_get(d->cells))) {
			if (&d->list[d->waiting.oldest] == g)
				return false;
			evict_oldest(d);
		}
	}
	return true;
}

static void copy_in(struct datagram *g, uint32_t at, const uint8_t *p, uint32_t n)
{
	while (n) {
		uint32_t room = CELL - at % CELL, k = n < room ? n : room;

		memcpy(g->cell[at / CELL] + at % CELL, p, k);
		at += k;
		p += k;
		n -= k;
	}
}

static bool equal_to(const struct datagram *g, uint32_t at, const uint8_t *p, uint32_t n)
{
	while (n) {
		uint32_t room = CELL - at % CELL, k = n < room ? n : room;

		if (memcmp(g->cell[at / CELL] + at % CELL, p, k) != 0)
			return false;
		at += k;
		p += k;
		n -= k;
	}
	return true;
}

/* Puts [begin, end) into the list: what is new is copied, what is there stays.  false: too many holes. */
static bool merge(struct defrag *d, struct datagram *g, uint32_t begin_at, uint32_t end, const uint8_t *p)
{
	uint32_t first = 0, last, at = begin_at, low = begin_at, high = end;
	bool overlap = false, differs = false;

	while (first < g->n_ranges && g->range[first].end < begin_at)
		first++;
	for (last = first; last < g->n_ranges && g->range[last].begin <= end; last++) {
		const struct range *r = &g->range[last];
		uint32_t from = r->begin > begin_at ? r->begin : begin_at, to = r->end < end ? r->end : end;

		if (at < from)
			copy_in(g, at, p + (at - begin_at), from - at);
		if (from < to) {
			overlap = true;
			differs |= !equal_to(g, from, p + (from - begin_at), to - from);
		}
		if (to > at)
			at = to;
		low = r->begin < low ? r->begin : low;
		high = r->end > high ? r->end : high;
	}
	if (at < end)
		copy_in(g, at, p + (at - begin_at), end - at);
	d->stats.duplicates += overlap && !differs;
	d->stats.overlap_differs += differs;
	if (first == last && g->n_ranges == RANGES_MAX)
		return false;
	memmove(&g->range[first + 1], &g->range[last], (g->n_ranges - last) * sizeof(g->range[0]));
	g->range[first] = (struct range){(uint16_t)low, (uint16_t)high};
	g->n_ranges = (uint16_t)(g->n_ranges - (last - first) + 1);
	return true;
}

/* RFC 791 3.2, RFC 8200 4.5: all but the last are multiples of 8; nothing reaches past 65535; there is one
 * end. */
static bool fragment_good(const struct fragment *f)
{
	return f->len && f->offset + f->len <= DATAGRAM_MAX && (!f->more || f->len % 8 == 0);
}

static bool end_agrees(struct datagram *g, const struct fragment *f)
{
	uint32_t end = f->offset + f->len;
	uint32_t seen = g->n_ranges ? g->range[g->n_ranges - 1].end : 0;

	if (f->more)
		return !g->total || end <= g->total;
	if (g->total)
		return end == g->total;
	if (seen > end)
		return false;
	g->total = end;
	return true;
}

/* The first data wins here too: a second fragment at offset 0 changes nothing. */
static void proto_keep(struct datagram *g, const struct fragment *f)
{
	if (!f->offset && (!g->n_ranges || g->range[0].begin))
		g->proto = f->proto;
}

static const uint8_t *complete(struct defrag *d, struct datagram *g, int64_t now_ns, uint32_t *len)
{
	uint8_t *out;

	if (d->outputs == OUTPUTS_MAX) {
		d->stats.evicted++;
		give_up(d, g);
		return NULL;
	}
	out = d->output[d->outputs++];
	for (uint32_t at = 0; at < g->total; at += CELL)
		memcpy(out + at, g->cell[at / CELL], g->total - at < CELL ? g->total - at : CELL);
	*len = g->total;
	cells_free(d, g);
	line_leave(d, (uint32_t)(g - d->list));
	g->done = true;
	g->since_ns = now_ns;
	line_join(d, (uint32_t)(g - d->list));
	d->stats.completed++;
	d->stats.waiting--;
	return out;
}

const uint8_t *defrag_add(struct defrag *d, const struct fragment *f, uint32_t *len, uint8_t *proto)
{
	struct key k;
	struct datagram *g;

	memset(&k, 0, sizeof(k));
	k.src = f->src;
	k.dst = f->dst;
	k.network = f->network;
	k.id = f->id;
	k.version = f->version;
	k.proto = f->version == 4 ? f->proto : 0; /* RFC 8200 4.5: not part of it there */
	d->stats.fragments++;
	if (f->cut || !fragment_good(f)) {
		*(f->cut ? &d->stats.cut : &d->stats.bad) += 1;
		return NULL;
	}
	g = find(d, &k);
	if (g && too_old(d, g, f->when_ns)) {
		d->stats.expired += !g->done; /* else the identification is used again */
		give_up(d, g);
		g = NULL;
	}
	if (g && g->done) {
		d->stats.duplicates++;
		return NULL;
	}
	if (!g)
		g = begin(d, &k, f->when_ns);
	if (!end_agrees(g, f)) {
		d->stats.bad++;
		return NULL;
	}
	proto_keep(g, f);
	if (!cells_get(d, g, f->offset, f->offset + f->len) ||
	        !merge(d, g, f->offset, f->offset + f->len, f->p)) {
		d->stats.bad++;
		give_up(d, g);
		return NULL;
	}
	if (!g->total || g->n_ranges != 1 || g->range[0].begin || g->range[0].end != g->total)
		return NULL;
	*proto = g->proto;
	return complete(d, g, f->when_ns, len);
}

static void expire(struct defrag *d, const struct line *l, int64_t now_ns)
{
	while (l->oldest != NONE && too_old(d, &d->list[l->oldest], now_ns)) {
		d->stats.expired += !d->list[l->oldest].done;
		forget(d, l->oldest);
	}
}

void defrag_next(struct defrag *d, int64_t now_ns)
{
	d->outputs = 0;
	expire(d, &d->waiting, now_ns);
	expire(d, &d->done, now_ns);
}

void defrag_stats(const struct defrag *d, struct defrag_stats *out)
{
	*out = d->stats;
}
