/* packet.h - one packet: what the source saw and what the decoder understood.  Everything it points to is
 * borrowed from the source and valid until the next source_next(). */
#ifndef CAPTURE_PACKET_H
#define CAPTURE_PACKET_H

#include "base/ip.h"

#include <stdbool.h>
#include <stdint.h>

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

#define PROTO_TCP 6
#define PROTO_UDP 17

#define PACKET_VLANS_MAX   4
#define PACKET_TUNNELS_MAX 4
#define PACKET_TIME_MAX    ((int64_t)1 << 62) /* the year 2116; files can claim any time */

/* What a packet came wrapped in. */
enum tunnel_kind {
	TUNNEL_NONE,
	TUNNEL_MPLS,
	TUNNEL_PPPOE,
	TUNNEL_GRE,
	TUNNEL_ERSPAN,
	TUNNEL_VXLAN,
	TUNNEL_GENEVE,
	TUNNEL_GTPU,
	TUNNEL_IPIP,
	TUNNEL_ETHERIP,
	TUNNEL_TEREDO,
	TUNNEL_L2TP,
	TUNNEL_CAPWAP,
	TUNNEL_MAC_IN_MAC,
	TUNNEL_KINDS /* at most 16: flows keep four bits of each */
};
const char *tunnel_kind_name(enum tunnel_kind k); /* as records have it; "" for TUNNEL_NONE */

struct tunnel {
	uint8_t kind;    /* enum tunnel_kind */
	bool network_id; /* the id names a network of its own (VNI): equal addresses in another are others */
	uint32_t id; /* VNI, GRE key, ERSPAN session, PPPoE session, GTP TEID, MPLS label; 0 where there is
	                none */
};

struct packet {
	/* filled by the source */
	int64_t ts_ns;       /* packet time, 0 to PACKET_TIME_MAX: sums and differences stay within 64 bits */
	const uint8_t *data; /* the frame as captured */
	uint32_t caplen;     /* bytes in data */
	uint32_t wirelen;    /* bytes on the wire (>= caplen unless the file lies) */
	uint16_t linktype;   /* DLT_/LINKTYPE_ value */
	uint32_t iface;      /* index of the interface in the source */

	/* filled by decode_packet() */
	const uint8_t *ip; /* innermost IP header; behind it the rest of the datagram, unless it came in
	                      fragments */
	uint32_t ip_len;   /* captured bytes of it, header and all (padding cut off) */
	struct ip_addr src, dst;
	uint8_t ip_version; /* 4 or 6 */
	uint8_t proto;      /* PROTO_TCP or PROTO_UDP after a DECODE_OK */
	uint8_t ttl;
	uint16_t ip_id; /* IPv4 only */
	uint8_t vlans;  /* tags seen, outermost first in vlan[] */
	uint16_t vlan[PACKET_VLANS_MAX];
	const uint8_t *src_mac, *dst_mac; /* 6 bytes each, NULL where the link has none */
	uint16_t sport, dport;
	const uint8_t *transport; /* TCP or UDP header; the payload stands in the same buffer */
	const uint8_t *payload;
	uint32_t payload_len;  /* captured */
	uint32_t payload_wire; /* as the headers say; more than payload_len when the packet was cut */
	uint32_t payload_cut;  /* of what is missing: what the capture says it cut.  The rest may never have
	                          been: a packet shorter than its headers say is dropped by who receives it */
	uint32_t seq, ack;
	uint8_t tcp_flags;
	uint16_t tcp_window;
	uint8_t n_tunnels;
	struct tunnel tunnel[PACKET_TUNNELS_MAX]; /* outermost first; deeper ones are read, not kept */
	uint32_t network;  /* id of the innermost tunnel that names a network, 0: none; part of the flow's key
	                    */
	bool late;         /* handed from worker to worker: what was sent after it may have come before it */
	bool in_fragments; /* it, or what it came wrapped in, was put together */
	uint8_t carries; /* UDP to the port of a tunnel, and neither TCP nor UDP in it: the enum decode_result
	                    of what is inside, else 0 */
	bool no_tunnel;  /* UDP to the port of a tunnel, but with another header or another inside */
};

#endif
