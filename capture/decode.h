/* decode.h - from frame to transport payload.  A table of layers (link, VLAN, IPv4, IPv6 and its extension
 * headers, tunnels, TCP, UDP): each reads its header through the cursor and names the next.  Checksums are
 * not trusted on a span port (offload); a frame may be longer than any MTU (GRO); a frame cut by the snaplen
 * is decoded as far as it goes.
 *
 * Tunnels are read to the innermost packet, whose fields the packet then has.  UDP to the port of a tunnel is
 * the datagram it looks like (DECODE_OK, no_tunnel) unless the tunnel's header is as its specification has it
 * and the inside can be read: nobody's flow is lost for its port.  Where the inside is known but holds
 * neither TCP nor UDP, it is that datagram too, and `carries` says what is in it: between a site's own
 * switches that is an ARP or ICMP packet, to anybody else a way to hide. */
#ifndef CAPTURE_DECODE_H
#define CAPTURE_DECODE_H

#include "capture/packet.h"

/* DECODE_OK: TCP or UDP with ports and payload.  Everything else is a packet not understood, by reason;
 * decode_reason_name() has the words that the summary and the sensor record show. */
enum decode_result {
	DECODE_OK,
	DECODE_TRUNCATED,    /* cut before the transport header was complete */
	DECODE_LINK_UNKNOWN, /* link type without a decoder */
	DECODE_NOT_IP,       /* ARP, LLDP, STP, ...: nothing for us */
	DECODE_BAD_HEADER,   /* a length or version that cannot be */
	DECODE_FRAGMENT,     /* IP fragment of a datagram that is not yet whole */
	DECODE_OTHER_PROTO,  /* IP, but neither TCP nor UDP */
	DECODE_TOO_DEEP,     /* more nested headers than DECODE_DEPTH_MAX */
	DECODE_RESULTS
};

/* Four Ethernet-in-UDP tunnels with a tag in each, one in the other, are 24; IPv6 headers may add some. */
#define DECODE_DEPTH_MAX 32

struct defrag;
/* `frags` NULL: fragments are not put together. */
enum decode_result decode_packet(struct packet *p, struct defrag *frags);
const char *decode_reason_name(enum decode_result r);

#endif
