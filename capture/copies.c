/* copies.c - see copies.h.
 *
 * What a packet shares with its copy is hashed: addresses, the transport header as it stands, and of the
 * payload all (UDP) or both ends (TCP, where header and checksum pin the rest down, and a packet that is
 * taken for a copy by mistake holds a range of sequence numbers that was read already: the first data wins
 * there too).  Mirrors leave these bytes alone: a router changes TTL and MAC addresses, a switch the tag, an
 * overlay what is around the packet.
 *
 * The table has two places for each hash, of which the older is overwritten: a flood forgets early and costs
 * nothing.  One cache line is touched for a packet. */
#include "capture/copies.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define WAYS   2
#define SAMPLE 64 /* bytes of each end of a TCP payload */

struct seen {
	uint64_t hash; /* 0: free */
	int64_t when_ns;
	uint16_t ip_id;
	uint8_t ttl;
};

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
		return hash64(from, header + p->payload_len, h) | 1;
	h = hash64(from, header + SAMPLE, h);
	return hash64(p->payload + p->payload_len - SAMPLE, SAMPLE, h) | 1;
}

/* What sends a packet again gives it another identification, but sends it with the same TTL; what passes it
 * on keeps the identification, or has it made anew and lowers the TTL.  IPv6 has none, and 0 numbers nothing
 * (RFC 6864): there all the rest being equal has to do. */
static bool is_copy(const struct seen *s, const struct packet *p)
{
	return s->ip_id == p->ip_id || s->ttl != p->ttl;
}

bool copies_seen(struct copies *c, const struct packet *p)
{
	uint64_t hash = shared_hash(c, p);
	struct seen *set = c->table[hash & c->mask], *place = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		struct seen *s = &set[i];
		int64_t age = p->ts_ns - s->when_ns;

		if (s->hash == hash) {
			/* a retransmission takes the place of what it repeats */
			place = s;
			if (age <= COPY_NS && age >= -COPY_NS && is_copy(s, p))
				return true;
			break;
		}
		if (s->when_ns < place->when_ns)
			place = s;
	}
	*place = (struct seen){.hash = hash, .when_ns = p->ts_ns, .ip_id = p->ip_id, .ttl = p->ttl};
	return false;
}
