/* fuzz_decode.c - the decoder: two bytes of link type, two of how much longer the frame was on the wire,
 * frame. */
#include "capture/decode.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet p = {.data = data + 4};
	enum decode_result r;

	if (size < 4)
		return 0;
	p.linktype = (uint16_t)(data[0] << 8 | data[1]);
	p.caplen = (uint32_t)(size - 4);
	p.wirelen = p.caplen + ((uint32_t)data[2] << 8 | data[3]);
	r = decode_packet(&p, NULL);
	if (decode_reason_name(r)[0] == 'u' || p.vlans > PACKET_VLANS_MAX || p.n_tunnels > PACKET_TUNNELS_MAX)
		abort();
	if (p.ip && (p.ip < p.data || p.ip_len > p.caplen - (size_t)(p.ip - p.data)))
		abort();
	if (r != DECODE_OK)
		return 0;
	if (!p.ip || p.payload < p.ip || p.payload_len > p.ip_len - (size_t)(p.payload - p.ip) ||
	        p.payload_wire < p.payload_len)
		abort();
	return 0;
}
