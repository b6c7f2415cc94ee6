/* fuzz_decode.c - the decoder and what puts fragments together: two bytes of link type, two of how much
 * longer a frame was on the wire, frame.  With the highest bit of the link type several frames follow, each
 * behind two bytes of length: fragments of each other, if they like. */
#include "capture/decode.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "capture/copies.h"
#include "capture/defrag.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t read_all(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	return sum;
}

/* The frame in a copy of its exact size; what the packet points to is read to its ends. */
static void decode_one(
        struct packet p, const uint8_t *frame, size_t n, struct defrag *frags, struct copies *c)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum decode_result r;
	volatile uint32_t sum;

	if (n)
		memcpy(copy, frame, n);
	p.data = copy;
	p.caplen = (uint32_t)n;
	p.wirelen += p.caplen;
	r = decode_packet(&p, frags);
	if (decode_reason_name(r)[0] == 'u' || p.vlans > PACKET_VLANS_MAX || p.n_tunnels > PACKET_TUNNELS_MAX)
		abort();
	if (r == DECODE_OK) {
		if (!p.ip || !p.transport || p.payload < p.transport || p.payload - p.transport > 60 ||
		        p.payload_len > p.ip_len || p.payload_wire < p.payload_len)
			abort();
		sum = read_all(p.ip, p.ip_version == 4 ? 20 : 40);
		sum += read_all(p.transport, (size_t)(p.payload - p.transport) + p.payload_len);
		(void)sum;
		copies_seen(c, &p);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct defrag_limits limits = {.datagrams = 4, .memory_mb = 1, .seconds = 30};
	struct cur in = cur_of(data, size);
	struct packet p = {.linktype = cur_be16(&in), .wirelen = cur_be16(&in)};
	struct err e;
	struct defrag *frags;
	struct copies *copies;

	if (in.bad)
		return 0;
	frags = defrag_create(&limits, &e);
	copies = copies_create(16, &e);
	if (!frags || !copies)
		abort();
	if (p.linktype & 0x8000) {
		p.linktype &= 0x7fff;
		while (cur_left(&in)) {
			struct cur frame = cur_sub(&in, cur_be16(&in));

			p.ts_ns += NS_PER_MS;
			decode_one(p, frame.p, cur_left(&frame), frags, copies);
		}
	} else {
		decode_one(p, in.p, cur_left(&in), frags, copies);
	}
	copies_destroy(copies);
	defrag_destroy(frags);
	return 0;
}
