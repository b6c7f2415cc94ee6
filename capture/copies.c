/* copies.c - see copies.h.
 *
 * What a packet shares with its copy is hashed: addresses, the transport header as it stands, and of the
 * payload all (UDP) or both ends (TCP, where header and checksum pin the rest down, and a packet that is
 * taken for a copy by mistake holds a range of sequence numbers that was read already: the first data wins
 * there too).  Mirrors leave these bytes alone: a router changes TTL and MAC addresses, a switch the tag, an
 * overlay what is around the packet.
 *
 * The table has four places for each hash, of which the oldest is overwritten: a flood forgets early and
 * costs nothing.  They are one cache line, the only one that is touched for a packet. */
#include "capture/copies.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define WAYS   4
#define SAMPLE 64 /* bytes of each end of a TCP payload */

struct seen {
	uint64_t what; /* 40 bits of the hash (0 only in a free place), identification, TTL */
	int64_t when_ns;
};

_Static_assert(sizeof(struct seen) * WAYS == 64, "one cache line");

struct copies {
	struct seen (*table)[WAYS];
	size_t mask;
	uint64_t seed;
};

struct copies *copies_create(size_t remembered, struct err *e)
{
	struct copies *c = calloc(1, sizeof(*c));
	size_t sets = 1;

	while (sets * WAYS < remembered)
		sets *= 2;
	if (!c || !(c->table = aligned_alloc(64, sets * sizeof(*c->table)))) {
		free(c);
		err_set(e, "no memory to remember %zu packets (limits.copies)", remembered);
		return NULL;
	}
	memset(c->table, 0, sets * sizeof(*c->table));
	c->mask = sets - 1;
	c->seed = hash_seed();
	return c;
}

void copies_destroy(struct copies *c)
{
	if (!c)
		return;
	free(c->table);
	free(c);
}

static uint64_t shared_hash(const struct copies *c, const struct packet *p)
{
	struct {
		struct ip_addr src, dst;
		uint32_t wire, seq;
		uint16_t sport, dport;
		uint8_t proto, zero[3];
	} key = {.src = p->src,
	        .dst = p->dst,
	        .wire = p->payload_wire,
	        .seq = p->seq,
	        .sport = p->sport,
	        .dport = p->dport,
	        .proto = p->proto};
	const uint8_t *from = p->transport;
	size_t header = (size_t)(p->payload - from);
	uint64_t h = hash64(&key, sizeof(key), c->seed);

	if (p->proto == PROTO_UDP || p->payload_len <= 2 * SAMPLE)
		return hash64(from, header + p->payload_len, h);
	h = hash64(from, header + SAMPLE, h);
	return hash64(p->payload + p->payload_len - SAMPLE, SAMPLE, h);
}

static uint64_t what_of(const struct packet *p, uint64_t hash)
{
	return (hash << 24 | 1u << 24) | (uint64_t)p->ip_id << 8 | p->ttl;
}

/* What sends a packet again gives it another identification, but sends it with the same TTL; what passes it
 * on keeps the identification, or has it made anew and lowers the TTL.  IPv6 has none, and 0 numbers nothing
 * (RFC 6864): there all the rest being equal has to do.  Both are of packets with the same hash. */
static bool is_copy(uint64_t seen, uint64_t now)
{
	return (uint16_t)(seen >> 8) == (uint16_t)(now >> 8) || (uint8_t)seen != (uint8_t)now;
}

bool copies_seen(struct copies *c, const struct packet *p)
{
	uint64_t hash = shared_hash(c, p), what = what_of(p, hash);
	struct seen *set = c->table[hash >> 40 & c->mask], *place = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		struct seen *s = &set[i];
		int64_t age = p->ts_ns - s->when_ns;

		if (s->what >> 24 == what >> 24) {
			/* a retransmission takes the place of what it repeats */
			place = s;
			if (age <= COPY_NS && age >= -COPY_NS && is_copy(s->what, what))
				return true;
			break;
		}
		if (s->when_ns < place->when_ns)
			place = s;
	}
	*place = (struct seen){.what = what, .when_ns = p->ts_ns};
	return false;
}
