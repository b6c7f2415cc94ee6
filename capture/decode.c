/* decode.c - see decode.h.
 *
 * Each layer reads its header through the cursor and answers with the next layer, or with the end of the
 * walk.  A layer never knows who called it: which one comes next stands in the tables of link types,
 * ethertypes, PPP protocols, IP protocols and (tunnel.c) UDP ports, so an encapsulation is one more reader
 * and one row for each number that leads to it; its payload starts again at a link or an IP layer.
 *
 * IEEE 802.3, 802.1Q, 802.2; RFC 791, 8200, 4302, 9293, 768, 1042, 1661, 1662, 2516;
 * https://www.tcpdump.org/linktypes.html */
#include "capture/decode_internal.h"

#include "capture/defrag.h"

#include <string.h>

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
        {0x0800, LAYER_IP4}, {0x86dd, LAYER_IP6}, {0x8100, LAYER_VLAN}, /* 802.1Q */
        {0x88a8, LAYER_VLAN},                                           /* 802.1ad */
        {0x9100, LAYER_VLAN},                                           /* tags within tags before 802.1ad */
        {0x9200, LAYER_VLAN}, {0x9300, LAYER_VLAN}, {0x8864, LAYER_PPPOE}, {0x8847, LAYER_MPLS},
        {0x8848, LAYER_MPLS}, /* upstream-assigned labels, RFC 5332 */
        /* named so that a tunnel which carries them is known for one */
        {0x0806, LAYER_NOT_IP}, /* ARP */
        {0x8863, LAYER_NOT_IP}, /* PPPoE discovery */
        {0x8809, LAYER_NOT_IP}, /* LACP */
        {0x88cc, LAYER_NOT_IP}, /* LLDP */
        {0x888e, LAYER_NOT_IP}, /* EAPOL */
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
        [4] = {LAYER_IPIP4, false},
        [PROTO_TCP] = {LAYER_TCP, false},
        [PROTO_UDP] = {LAYER_UDP, false},
        [41] = {LAYER_IPIP6, false},
        [43] = {LAYER_IP6_OPTION, true}, /* routing */
        [44] = {LAYER_IP6_FRAGMENT, true},
        [47] = {LAYER_GRE, false},
        [51] = {LAYER_AUTHENTICATION, false},
        [60] = {LAYER_IP6_OPTION, true}, /* destination options */
        [97] = {LAYER_ETHERIP, false},
        [135] = {LAYER_IP6_OPTION, true}, /* mobility, RFC 6275 */
        [137] = {LAYER_MPLS, false},      /* RFC 4023 */
        [139] = {LAYER_IP6_OPTION, true}, /* host identity, RFC 7401 */
        [140] = {LAYER_IP6_OPTION, true}, /* shim6, RFC 5533 */
};

int decode_ethertype(struct walk *w, uint16_t type)
{
	int next;

	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (type < 0x600)
		return LAYER_LLC;
	next = ROW_FIND(ethertypes, type, DECODE_NOT_IP);
	if (next >= LAYERS)
		w->unknown = true;
	return next;
}

static int not_ip_read(struct walk *w)
{
	(void)w;
	return END(DECODE_NOT_IP);
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
	return decode_ethertype(w, cur_be16(&w->c));
}

static int vlan_read(struct walk *w)
{
	uint16_t tag = cur_be16(&w->c);
	uint16_t type = cur_be16(&w->c);

	if (!w->c.bad && w->p->vlans < PACKET_VLANS_MAX)
		w->p->vlan[w->p->vlans++] = tag & 0xfff;
	return decode_ethertype(w, type);
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
	return decode_ethertype(w, type);
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
	return decode_ethertype(w, type);
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
	return decode_ethertype(w, type);
}

/* RFC 2516 4: version 1, type 1; code 0 is the session stage, where PPP follows. */
static int pppoe_read(struct walk *w)
{
	uint8_t version = cur_u8(&w->c);
	uint8_t code = cur_u8(&w->c);
	uint16_t session = cur_be16(&w->c);

	cur_skip(&w->c, 2); /* length: the IP header has the better one */
	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (version != 0x11)
		return END(DECODE_BAD_HEADER);
	if (code)
		return END(DECODE_NOT_IP);
	tunnel_note(w, TUNNEL_PPPOE, session, false);
	return LAYER_PPP;
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

/* What follows a datagram is link padding or a checksum.  A datagram longer than the frame was is one that
 * someone cut without saying so. */
void decode_datagram_end(struct walk *w, uint32_t len)
{
	size_t left = cur_left(&w->c);

	if (len <= left) {
		w->c.end = w->c.p + len;
		w->cut = 0;
	} else {
		w->cut = len - (uint32_t)left;
	}
	if (w->snapped > w->cut)
		w->snapped = w->cut;
}

bool decode_ip_plausible(const struct walk *w, size_t at)
{
	uint8_t first = cur_peek(&w->c, at);
	size_t wire = cur_left(&w->c) + w->cut;
	unsigned four = (unsigned)cur_peek(&w->c, at + 2) << 8 | cur_peek(&w->c, at + 3);
	unsigned six = (unsigned)cur_peek(&w->c, at + 4) << 8 | cur_peek(&w->c, at + 5);

	if (wire < at + 20)
		return false;
	if (first >> 4 == 4)
		return (first & 15) >= 5 && (!four || (four >= (first & 15) * 4u && four <= wire - at));
	return first >> 4 == 6 && wire >= at + 40 && six <= wire - at - 40;
}

/* A fragment is handed to those that it belongs to.  When it was the last one missing, the walk goes on in
 * the whole datagram; `header` bytes of IP stood before it. */
static bool fragment_read(struct walk *w, uint32_t header, uint32_t id, uint32_t offset, bool more)
{
	struct packet *p = w->p;
	struct fragment f = {.src = p->src,
	        .dst = p->dst,
	        .network = p->network,
	        .id = id,
	        .version = p->ip_version,
	        .proto = p->proto,
	        .more = more,
	        .offset = offset,
	        .p = w->c.p,
	        .len = (uint32_t)cur_left(&w->c),
	        .cut = w->cut > 0,
	        .when_ns = p->ts_ns};
	const uint8_t *whole;
	uint32_t len;

	if (!w->frags)
		return false;
	whole = defrag_add(w->frags, &f, &len, &p->proto);
	if (!whole)
		return false;
	w->c = cur_of(whole, len);
	w->cut = w->snapped = 0;
	w->whole = true;
	p->in_fragments = true;
	p->ip_len = header + len;
	return true;
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
		decode_datagram_end(w, total);
	p->ip_version = 4;
	p->src = ip_from4(addresses);
	p->dst = ip_from4(addresses + 4);
	p->ip = w->c.p;
	p->ip_len = (uint32_t)cur_left(&w->c);
	w->whole = false;
	cur_skip(&w->c, header);
	if (w->c.bad)
		return header_past_end(w);
	/* more fragments, or not the first */
	if (frag & 0x3fff && !fragment_read(w, header, p->ip_id, (frag & 0x1fffu) * 8, frag & 0x2000))
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
		decode_datagram_end(w, 40 + payload);
	p->ip_version = 6;
	p->ip_id = 0; /* that of what it came in */
	p->src = ip_from6(addresses);
	p->dst = ip_from6(addresses + 16);
	p->ip = w->c.p;
	p->ip_len = (uint32_t)cur_left(&w->c);
	w->whole = false;
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
	/* what every fragment repeats; a second fragment header in a datagram that was put together is legal
	 */
	uint32_t header = w->whole ? 40 : (uint32_t)(w->c.p - w->p->ip), id;
	uint8_t next = cur_u8(&w->c);
	uint16_t frag;

	cur_skip(&w->c, 1);
	frag = cur_be16(&w->c);
	id = cur_be32(&w->c);
	if (w->c.bad)
		return header_past_end(w);
	w->p->proto = next;
	if (frag & 0xfff9 /* offset, or more fragments */ &&
	        !fragment_read(w, header, id, frag & 0xfff8u, frag & 1))
		return END(DECODE_FRAGMENT);
	return ip_protocol_next(w, w->p->proto); /* that of the first fragment, RFC 8200 4.5 */
}

static int payload_found(struct walk *w)
{
	w->p->payload = w->c.p;
	w->p->payload_len = (uint32_t)cur_left(&w->c);
	w->p->payload_wire = w->p->payload_len + w->cut;
	w->p->payload_cut = w->snapped;
	return END(DECODE_OK);
}

static int tcp_read(struct walk *w)
{
	struct packet *p = w->p;
	struct cur head = w->c;
	size_t header;

	p->transport = w->c.p;
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

/* Behind the port of a tunnel the walk goes on, and comes back to this datagram when it leads nowhere. */
static int udp_inside(struct walk *w)
{
	int next = tunnel_of_ports(w->p->sport, w->p->dport), end = payload_found(w);

	if (next == LAYER_NONE)
		return end;
	*w->udp = *w->p;
	w->in_udp = true;
	w->p->payload = NULL;
	w->p->payload_len = w->p->payload_wire = w->p->payload_cut = 0;
	return next;
}

/* RFC 768; RFC 2675 4: length 0 is a datagram of more than 64 KiB, or one that is cut into segments later. */
static int udp_read(struct walk *w)
{
	struct packet *p = w->p;
	size_t wire = cur_left(&w->c) + w->cut;
	size_t len;

	p->transport = w->c.p;
	p->sport = cur_be16(&w->c);
	p->dport = cur_be16(&w->c);
	len = cur_be16(&w->c);
	cur_skip(&w->c, 2); /* checksum */
	if (w->c.bad)
		return header_past_end(w);
	if (len && (len < 8 || len > wire))
		return END(DECODE_BAD_HEADER);
	if (len)
		decode_datagram_end(w, (uint32_t)len - 8);
	return udp_inside(w);
}

static const layer_read layers[LAYERS] = {
        [LAYER_NOT_IP] = not_ip_read,
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
        [LAYER_MPLS] = tunnel_mpls_read,
        [LAYER_GRE] = tunnel_gre_read,
        [LAYER_BRIDGED] = tunnel_bridged_read,
        [LAYER_ERSPAN2] = tunnel_erspan2_read,
        [LAYER_ERSPAN3] = tunnel_erspan3_read,
        [LAYER_WCCP] = tunnel_wccp_read,
        [LAYER_IPIP4] = tunnel_ipip4_read,
        [LAYER_IPIP6] = tunnel_ipip6_read,
        [LAYER_ETHERIP] = tunnel_etherip_read,
        [LAYER_VXLAN] = tunnel_vxlan_read,
        [LAYER_VXLAN_GPE] = tunnel_vxlan_gpe_read,
        [LAYER_GENEVE] = tunnel_geneve_read,
        [LAYER_GTPU] = tunnel_gtpu_read,
};

/* What a tunnel over UDP may be found to carry: a packet that would be told the same had it come alone. */
static bool inside_is_sound(const struct walk *w, enum decode_result r)
{
	return r == DECODE_OK || r == DECODE_FRAGMENT || r == DECODE_OTHER_PROTO ||
	       (r == DECODE_NOT_IP && !w->unknown);
}

enum decode_result decode_packet(struct packet *p, struct defrag *frags)
{
	struct packet udp; /* written and read only with in_udp */
	struct walk w = {.c = cur_of(p->data, p->caplen), .p = p, .frags = frags, .udp = &udp};
	enum decode_result r;
	int next;

	/* packet.h keeps all that is ours behind what the source filled */
	memset((uint8_t *)p + offsetof(struct packet, ip), 0, sizeof(*p) - offsetof(struct packet, ip));
	if (frags)
		defrag_next(frags, p->ts_ns);
	if (p->wirelen > p->caplen)
		w.cut = w.snapped = p->wirelen - p->caplen;
	next = ROW_FIND(link_types, p->linktype, DECODE_LINK_UNKNOWN);
	for (unsigned depth = 0; next < LAYERS; depth++)
		next = depth == DECODE_DEPTH_MAX ? END(DECODE_TOO_DEEP) : layers[next](&w);
	r = (enum decode_result)(next - LAYERS);
	if (!w.in_udp || inside_is_sound(&w, r))
		return r;
	/* cppcheck-suppress uninitvar ; in_udp says that it was written */
	*p = udp;
	p->no_tunnel = true;
	return DECODE_OK;
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
	        [TUNNEL_ETHERIP] = "etherip",
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
