/* defrag.h - IP fragments put together (RFC 791 3.2, RFC 8200 4.5, RFC 815).  One per decoder; memory is
 * taken at creation, time is packet time.
 *
 * Policy, the same for IPv4 and IPv6 and whatever the order of arrival: the first that is seen wins, of data
 * and of where the datagram ends.  A fragment that ends elsewhere is passed over, an overlap that differs is
 * counted, one that is equal is a duplicate.  So is a fragment passed over that is malformed or was cut:
 * whoever receives it drops it alone.  A datagram that is not complete after `seconds`, or of another time
 * because the clock was set, is given up; when memory is out, the oldest goes first. */
#ifndef CAPTURE_DEFRAG_H
#define CAPTURE_DEFRAG_H

#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATAGRAM_MAX 65535

struct defrag_limits {
	size_t datagrams; /* put together at once */
	size_t memory_mb; /* for all their bytes */
	unsigned seconds; /* RFC 8200 4.5, RFC 1122 3.3.2: 60; Linux: 30 for IPv4, 60 for IPv6 */
};

struct defrag_stats {
	uint64_t fragments, completed, expired, evicted, duplicates, overlap_differs, bad, cut;
	uint64_t waiting; /* datagrams being put together now */
};

struct fragment {
	struct ip_addr src, dst;
	uint32_t network; /* packet.network so far */
	uint32_t id;
	uint8_t version, proto; /* proto: of what the whole datagram carries.  IPv4: part of its identity;
	                           IPv6: only the first fragment's counts (RFC 8200 4.5) */
	bool more;
	uint32_t offset; /* in bytes */
	const uint8_t *p;
	uint32_t len;
	bool cut; /* some of its bytes were not captured */
	int64_t when_ns;
};

struct defrag;
struct defrag *defrag_create(const struct defrag_limits *l, struct err *e); /* NULL: e says why */
void defrag_destroy(struct defrag *d);
/* The whole payload once this fragment completed it, its length, and the protocol that the first fragment
 * (the one at offset 0) named; NULL: not yet (or given up, counted).  What it returns lives until
 * defrag_next(); several datagrams, one inside the other, may complete within one packet. */
const uint8_t *defrag_add(struct defrag *d, const struct fragment *f, uint32_t *len, uint8_t *proto);
/* A new packet begins: gives back what the one before completed, and gives up what is too old. */
void defrag_next(struct defrag *d, int64_t now_ns);
void defrag_stats(const struct defrag *d, struct defrag_stats *out);

#endif
