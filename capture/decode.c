/* decode.c - see decode.h.
 *
 * Each layer reads its header through the cursor and answers with the next layer, or with the end of the
 * walk.  A layer never knows who called it: which one comes next stands in the tables of link types,
 * ethertypes, PPP protocols and IP protocols, so an encapsulation is one more reader and one row for each
 * number that leads to it; its payload starts again at a link or an IP layer.
 *
 * IEEE 802.3, 802.1Q, 802.2; RFC 791, 8200, 4302, 9293, 768, 1042, 1661, 1662, 2516;
 * https://www.tcpdump.org/linktypes.html */
#include "capture/decode.h"

#include "base/cursor.h"

#include <stddef.h>
#include <string.h>

enum layer {
	LAYER_NONE, /* what a table says of a number it does not have */
	LAYER_ETHERNET,
	LAYER_VLAN,
	LAYER_LLC,
	LAYER_COOKED,
	LAYER_COOKED2,
	LAYER_NULL,
	LAYER_PPP,
	LAYER_CISCO_HDLC,
	LAYER_PPPOE,
	LAYER_IP,
	LAYER_IP4,
	LAYER_IP6,
	LAYER_IP6_OPTION,
	LAYER_IP6_FRAGMENT,
	LAYER_AUTHENTICATION,
	LAYER_TCP,
	LAYER_UDP,
	LAYERS
};

/* What a reader answers: a layer, or this plus the result that ends the walk. */
#define END(result) (LAYERS + (int)(result))

struct walk {
	struct cur c; /* captured bytes not yet read, up to the end of the innermost datagram */
	uint32_t cut; /* bytes of it behind c.end that were on the wire but not captured */
	struct packet *p;
};

typedef int (*layer_read)(struct walk *w);

struct row {
	uint16_t number;
	uint8_t layer;
};

static const struct row link_types[] = {
        {1, LAYER_ETHERNET},
        {113, LAYER_COOKED},
        {276, LAYER_COOKED2},
        {101, LAYER_IP}, /* LINKTYPE_RAW, as files say it */
        {12, LAYER_IP},  /* DLT_RAW, as libpcap says it */
        {14, LAYER_IP},  /* DLT_RAW of OpenBSD */
        {228, LAYER_IP4},
        {229, LAYER_IP6},
        {0, LAYER_NULL},
        {108, LAYER_NULL}, /* LOOP: the same, always in network order */
        {9, LAYER_PPP},
        {50, LAYER_PPP}, /* PPP_SERIAL */
        {51, LAYER_PPPOE},
        {104, LAYER_CISCO_HDLC},
};

static const struct row ethertypes[] = {
        {0x0800, LAYER_IP4},
        {0x86dd, LAYER_IP6},
        {0x8100, LAYER_VLAN}, /* 802.1Q */
        {0x88a8, LAYER_VLAN}, /* 802.1ad */
        {0x9100, LAYER_VLAN}, /* tags within tags before 802.1ad */
        {0x8864, LAYER_PPPOE},
};

static const struct row ppp_protocols[] = {
        {0x0021, LAYER_IP4},
        {0x0057, LAYER_IP6},
};

/* Those of RFC 8200 4 are IPv6's own: in IPv4 their numbers mean nothing that we read. */
static const struct ip_row {
	uint8_t layer; /* LAYER_NONE for every number without a row */
	bool only6;
} ip_protocols[256] = {
        [0] = {LAYER_IP6_OPTION, true}, /* hop-by-hop */
        [PROTO_TCP] = {LAYER_TCP, false},
        [PROTO_UDP] = {LAYER_UDP, false},
        [43] = {LAYER_IP6_OPTION, true}, /* routing */
        [44] = {LAYER_IP6_FRAGMENT, true},
        [51] = {LAYER_AUTHENTICATION, false},
        [60] = {LAYER_IP6_OPTION, true},  /* destination options */
        [135] = {LAYER_IP6_OPTION, true}, /* mobility, RFC 6275 */
        [139] = {LAYER_IP6_OPTION, true}, /* host identity, RFC 7401 */
        [140] = {LAYER_IP6_OPTION, true}, /* shim6, RFC 5533 */
};

static int row_find(const struct row *rows, size_t n, uint16_t number, enum decode_result none)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].number == number)
			return rows[i].layer;
	return END(none);
}

#define ROW_FIND(rows, number, none) row_find(rows, sizeof(rows) / sizeof(*(rows)), number, none)

/* What follows an ethertype field; numbers below 1536 there are 802.3 lengths. */
static int ethertype_next(struct walk *w, uint16_t type)
{
	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (type < 0x600)
		return LAYER_LLC;
	return ROW_FIND(ethertypes, type, DECODE_NOT_IP);
}

static int ip_protocol_next(struct walk *w, uint8_t number)
{
	const struct ip_row *row = &ip_protocols[number];

	w->p->proto = number;
	if (row->layer == LAYER_NONE || (row->only6 && w->p->ip_version != 6))
		return END(DECODE_OTHER_PROTO);
	return row->layer;
}

static int ethernet_read(struct walk *w)
{
	w->p->dst_mac = cur_take(&w->c, 6);
	w->p->src_mac = cur_take(&w->c, 6);
	return ethertype_next(w, cur_be16(&w->c));
}

static int vlan_read(struct walk *w)
{
	uint16_t tag = cur_be16(&w->c);
	uint16_t type = cur_be16(&w->c);

	if (!w->c.bad && w->p->vlans < PACKET_VLANS_MAX)
		w->p->vlan[w->p->vlans++] = tag & 0xfff;
	return ethertype_next(w, type);
}

/* Only SNAP with the null organization carries ethertypes (RFC 1042). */
static int llc_read(struct walk *w)
{
	uint64_t head = cur_be(&w->c, 6);
	uint16_t type;

	if (w->c.bad || head != 0xaaaa03000000)
		return END(DECODE_NOT_IP);
	type = cur_be16(&w->c);
	if (!w->c.bad && type < 0x600)
		return END(DECODE_NOT_IP);
	return ethertype_next(w, type);
}

/* The link address of a cooked capture is the sender's. */
static void cooked_address(struct walk *w, uint16_t len, const uint8_t *address)
{
	if (len == 6)
		w->p->src_mac = address;
}

/* The protocol field of a cooked header: ethertypes, or small numbers of Linux's own (if_ether.h), of which
 * 4 is 802.2. */
static int cooked_next(struct walk *w, uint16_t type)
{
	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (type < 0x600)
		return type == 4 ? LAYER_LLC : END(DECODE_NOT_IP);
	return ethertype_next(w, type);
}

static int cooked_read(struct walk *w)
{
	uint16_t len;

	cur_skip(&w->c, 4); /* direction, device type */
	len = cur_be16(&w->c);
	cooked_address(w, len, cur_take(&w->c, 8));
	return cooked_next(w, cur_be16(&w->c));
}

static int cooked2_read(struct walk *w)
{
	uint16_t type = cur_be16(&w->c);
	uint16_t len;

	cur_skip(&w->c, 2 + 4 + 2 + 1); /* reserved, interface, device type, direction */
	len = cur_u8(&w->c);
	cooked_address(w, len, cur_take(&w->c, 8));
	return cooked_next(w, type);
}

/* An address family in the byte order of whoever wrote the file; a family is a small number, so a set upper
 * half means that the order is the other one. */
static int null_read(struct walk *w)
{
	uint32_t family = cur_be32(&w->c);

	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (family >> 16)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return LAYER_IP4;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD, BSD/OS */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return LAYER_IP6;
	default:
		return END(DECODE_NOT_IP);
	}
}

/* RFC 1661 2 and 6.5: an odd first byte is a whole compressed protocol number.  RFC 1662 3.1: address and
 * control may be there or not.  0f 00 and 8f 00 are Cisco's HDLC on the same kind of line. */
static int ppp_read(struct walk *w)
{
	uint16_t number;

	if (cur_left(&w->c) < 2)
		return END(DECODE_TRUNCATED);
	if ((cur_peek(&w->c, 0) == 0x0f || cur_peek(&w->c, 0) == 0x8f) && cur_peek(&w->c, 1) == 0)
		return LAYER_CISCO_HDLC;
	if (cur_peek(&w->c, 0) == 0xff && cur_peek(&w->c, 1) == 0x03)
		cur_skip(&w->c, 2);
	number = cur_u8(&w->c);
	if (!(number & 1))
		number = (uint16_t)(number << 8 | cur_u8(&w->c));
	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	return ROW_FIND(ppp_protocols, number, DECODE_NOT_IP);
}

static int cisco_hdlc_read(struct walk *w)
{
	uint16_t type;

	cur_skip(&w->c, 2); /* address, control */
	type = cur_be16(&w->c);
	if (!w->c.bad && type < 0x600)
		return END(DECODE_NOT_IP);
	return ethertype_next(w, type);
}

/* RFC 2516 4: version 1, type 1; code 0 is the session stage, where PPP follows. */
static int pppoe_read(struct walk *w)
{
	uint8_t version = cur_u8(&w->c);
	uint8_t code = cur_u8(&w->c);

	cur_skip(&w->c, 4); /* session, length: the IP header has the better one */
	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (version != 0x11)
		return END(DECODE_BAD_HEADER);
	return code ? END(DECODE_NOT_IP) : LAYER_PPP;
}

static int ip_read(struct walk *w)
{
	if (!cur_left(&w->c))
		return END(DECODE_TRUNCATED);
	switch (cur_peek(&w->c, 0) >> 4) {
	case 4:
		return LAYER_IP4;
	case 6:
		return LAYER_IP6;
	default:
		return END(DECODE_BAD_HEADER);
	}
}

/* Ends the window at the end of a datagram that has `len` bytes from the cursor on: what follows it is link
 * padding or a checksum.  A datagram longer than the frame was is one that someone cut without saying so. */
static void datagram_end(struct walk *w, uint32_t len)
{
	size_t left = cur_left(&w->c);

	if (len <= left) {
		w->c.end = w->c.p + len;
		w->cut = 0;
	} else {
		w->cut = len - (uint32_t)left;
	}
}

/* A header that is longer than what is left of the datagram: cut away, or a lie. */
static int header_past_end(const struct walk *w)
{
	return END(w->cut ? DECODE_TRUNCATED : DECODE_BAD_HEADER);
}

static int ip4_read(struct walk *w)
{
	struct packet *p = w->p;
	struct cur head = w->c;
	uint8_t first = cur_peek(&head, 0);
	uint32_t header = (first & 15) * 4u, total;
	const uint8_t *addresses;
	uint16_t frag;

	if (!cur_left(&head))
		return END(DECODE_TRUNCATED);
	if (first >> 4 != 4 || header < 20)
		return END(DECODE_BAD_HEADER);
	cur_skip(&head, 2); /* version and length, traffic class */
	total = cur_be16(&head);
	p->ip_id = cur_be16(&head);
	frag = cur_be16(&head);
	p->ttl = cur_u8(&head);
	p->proto = cur_u8(&head);
	cur_skip(&head, 2); /* checksum: left to network cards, so not filled in on a span port */
	addresses = cur_take(&head, 8);
	if (!addresses)
		return END(DECODE_TRUNCATED);
	if (total && total < header)
		return END(DECODE_BAD_HEADER);
	/* 0: the card cuts it into segments later (TSO), or it was put together from more than 64 KiB */
	if (total)
		datagram_end(w, total);
	p->ip_version = 4;
	p->src = ip_from4(addresses);
	p->dst = ip_from4(addresses + 4);
	p->ip = w->c.p;
	p->ip_len = (uint32_t)cur_left(&w->c);
	cur_skip(&w->c, header);
	if (w->c.bad)
		return header_past_end(w);
	if (frag & 0x3fff) /* more fragments, or not the first */
		return END(DECODE_FRAGMENT);
	return ip_protocol_next(w, p->proto);
}

static int ip6_read(struct walk *w)
{
	struct packet *p = w->p;
	struct cur head = w->c;
	uint8_t first = cur_peek(&head, 0), next;
	const uint8_t *addresses;
	uint32_t payload;

	if (!cur_left(&head))
		return END(DECODE_TRUNCATED);
	if (first >> 4 != 6)
		return END(DECODE_BAD_HEADER);
	cur_skip(&head, 4); /* version, traffic class, flow label */
	payload = cur_be16(&head);
	next = cur_u8(&head);
	p->ttl = cur_u8(&head);
	addresses = cur_take(&head, 32);
	if (!addresses)
		return END(DECODE_TRUNCATED);
	/* 0: a jumbogram (RFC 2675 2) or, as in IPv4, cut into segments later; the frame has the length */
	if (payload)
		datagram_end(w, 40 + payload);
	p->ip_version = 6;
	p->src = ip_from6(addresses);
	p->dst = ip_from6(addresses + 16);
	p->ip = w->c.p;
	p->ip_len = (uint32_t)cur_left(&w->c);
	cur_skip(&w->c, 40);
	return ip_protocol_next(w, next);
}

/* RFC 8200 4.2 ff, RFC 6564: next header, length in units of 8 bytes without the first 8. */
static int ip6_option_read(struct walk *w)
{
	uint8_t next = cur_u8(&w->c);
	size_t units = cur_u8(&w->c);

	cur_skip(&w->c, units * 8 + 6);
	if (w->c.bad)
		return header_past_end(w);
	return ip_protocol_next(w, next);
}

/* RFC 4302 2.2: the length counts units of 4 bytes, without the first 8. */
static int authentication_read(struct walk *w)
{
	uint8_t next = cur_u8(&w->c);
	size_t units = cur_u8(&w->c);

	cur_skip(&w->c, units * 4 + 6);
	if (w->c.bad)
		return header_past_end(w);
	return ip_protocol_next(w, next);
}

/* RFC 8200 4.5; RFC 6946: offset 0 and nothing to follow is a whole datagram. */
static int ip6_fragment_read(struct walk *w)
{
	uint8_t next = cur_u8(&w->c);
	uint16_t frag;

	cur_skip(&w->c, 1);
	frag = cur_be16(&w->c);
	cur_skip(&w->c, 4); /* identification */
	if (w->c.bad)
		return header_past_end(w);
	if (frag & 0xfff9) { /* offset, or more fragments */
		w->p->proto = next;
		return END(DECODE_FRAGMENT);
	}
	return ip_protocol_next(w, next);
}

static int payload_found(struct walk *w)
{
	w->p->payload = w->c.p;
	w->p->payload_len = (uint32_t)cur_left(&w->c);
	w->p->payload_wire = w->p->payload_len + w->cut;
	return END(DECODE_OK);
}

static int tcp_read(struct walk *w)
{
	struct packet *p = w->p;
	struct cur head = w->c;
	size_t header;

	p->sport = cur_be16(&head);
	p->dport = cur_be16(&head);
	p->seq = cur_be32(&head);
	p->ack = cur_be32(&head);
	header = (size_t)(cur_u8(&head) >> 4) * 4;
	p->tcp_flags = cur_u8(&head);
	p->tcp_window = cur_be16(&head);
	cur_skip(&head, 4); /* checksum, urgent pointer */
	if (head.bad)
		return header_past_end(w);
	if (header < 20)
		return END(DECODE_BAD_HEADER);
	cur_skip(&w->c, header);
	if (w->c.bad)
		return header_past_end(w);
	return payload_found(w);
}

/* RFC 768; RFC 2675 4: length 0 is a datagram of more than 64 KiB, or one that is cut into segments later. */
static int udp_read(struct walk *w)
{
	struct packet *p = w->p;
	size_t wire = cur_left(&w->c) + w->cut;
	size_t len;

	p->sport = cur_be16(&w->c);
	p->dport = cur_be16(&w->c);
	len = cur_be16(&w->c);
	cur_skip(&w->c, 2); /* checksum */
	if (w->c.bad)
		return header_past_end(w);
	if (len && (len < 8 || len > wire))
		return END(DECODE_BAD_HEADER);
	if (len)
		datagram_end(w, (uint32_t)len - 8);
	return payload_found(w);
}

static const layer_read layers[LAYERS] = {
        [LAYER_ETHERNET] = ethernet_read,
        [LAYER_VLAN] = vlan_read,
        [LAYER_LLC] = llc_read,
        [LAYER_COOKED] = cooked_read,
        [LAYER_COOKED2] = cooked2_read,
        [LAYER_NULL] = null_read,
        [LAYER_PPP] = ppp_read,
        [LAYER_CISCO_HDLC] = cisco_hdlc_read,
        [LAYER_PPPOE] = pppoe_read,
        [LAYER_IP] = ip_read,
        [LAYER_IP4] = ip4_read,
        [LAYER_IP6] = ip6_read,
        [LAYER_IP6_OPTION] = ip6_option_read,
        [LAYER_IP6_FRAGMENT] = ip6_fragment_read,
        [LAYER_AUTHENTICATION] = authentication_read,
        [LAYER_TCP] = tcp_read,
        [LAYER_UDP] = udp_read,
};

enum decode_result decode_packet(struct packet *p)
{
	struct walk w = {.c = cur_of(p->data, p->caplen), .p = p};
	int next;

	/* packet.h keeps all that is ours behind what the source filled */
	memset((uint8_t *)p + offsetof(struct packet, ip), 0, sizeof(*p) - offsetof(struct packet, ip));
	if (p->wirelen > p->caplen)
		w.cut = p->wirelen - p->caplen;
	next = ROW_FIND(link_types, p->linktype, DECODE_LINK_UNKNOWN);
	for (unsigned depth = 0; next < LAYERS; depth++) {
		if (depth == DECODE_DEPTH_MAX)
			return DECODE_TOO_DEEP;
		next = layers[next](&w);
	}
	return (enum decode_result)(next - LAYERS);
}

const char *tunnel_kind_name(enum tunnel_kind k)
{
	static const char *const names[TUNNEL_KINDS] = {
	        [TUNNEL_NONE] = "",
	        [TUNNEL_MPLS] = "mpls",
	        [TUNNEL_PPPOE] = "pppoe",
	        [TUNNEL_GRE] = "gre",
	        [TUNNEL_ERSPAN] = "erspan",
	        [TUNNEL_VXLAN] = "vxlan",
	        [TUNNEL_GENEVE] = "geneve",
	        [TUNNEL_GTPU] = "gtp-u",
	        [TUNNEL_IPIP] = "ip-in-ip",
	};

	return (unsigned)k < TUNNEL_KINDS ? names[k] : "";
}

const char *decode_reason_name(enum decode_result r)
{
	static const char *const names[DECODE_RESULTS] = {
	        [DECODE_OK] = "ok",
	        [DECODE_TRUNCATED] = "truncated",
	        [DECODE_LINK_UNKNOWN] = "link-unknown",
	        [DECODE_NOT_IP] = "not-ip",
	        [DECODE_BAD_HEADER] = "bad-header",
	        [DECODE_FRAGMENT] = "fragment",
	        [DECODE_OTHER_PROTO] = "other-protocol",
	        [DECODE_TOO_DEEP] = "too-deep",
	};

	return (unsigned)r < DECODE_RESULTS ? names[r] : "unknown";
}
