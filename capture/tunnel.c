/* tunnel.c - what packets come wrapped in: one reader for each encapsulation, which notes the tunnel and
 * answers with the layer inside.  See decode.h and decode_internal.h.
 *
 * Tunnels over UDP are known by their port alone, and anybody may send to a port: their readers refuse every
 * header that its specification does not allow, and decode.c takes the packet for the UDP datagram that it is
 * when a header is refused or its inside cannot be read.
 *
 * MPLS: RFC 3032, 4385, 4448, 4023, 7510.  GRE: RFC 1701, 2784, 2890, 2637 (PPTP), 7637 (NVGRE).  ERSPAN:
 * draft-foschiano-erspan-03.  VXLAN: RFC 7348, draft-ietf-nvo3-vxlan-gpe-13, draft-smith-vxlan-group-policy.
 * Geneve: RFC 8926.  GRE in UDP: RFC 8086.  Teredo: RFC 4380.  L2TP: RFC 2661.  GTP-U: 3GPP TS 29.281.  IP in
 * IP: RFC 2003, 2473, 4213.  EtherIP: RFC 3378.  WCCP: draft-mclaggan-wccp-v2rev1 3.5.2. */
#include "capture/decode_internal.h"

#define MPLS_LABELS_MAX 16

/* Lowest and highest port in udp_ports[]: most UDP is outside. */
#define UDP_PORT_MIN 1701
#define UDP_PORT_MAX 8472

static const struct udp_row {
	uint16_t port;
	uint8_t layer;
	bool either; /* also of what comes from that port: there are answers */
} udp_ports[] = {
        {2152, LAYER_GTPU, true}, /* TS 29.281 4.4.2: replies come from any port, data goes to this one */
        {4789, LAYER_VXLAN, false},
        {8472, LAYER_VXLAN, false}, /* Linux before it had a number, and still its default */
        {4790, LAYER_VXLAN_GPE, false},
        {6081, LAYER_GENEVE, false},
        {6635, LAYER_MPLS, false},
        {4754, LAYER_GRE, false}, /* RFC 8086 */
        {5247, LAYER_CAPWAP, true},
        {3544, LAYER_TEREDO, true},
        {1701, LAYER_L2TP, true},
};

/* Protocol types that are GRE's own; all others are ethertypes (RFC 2784 2.4). */
static const struct row gre_protocols[] = {
        {0x6558, LAYER_BRIDGED}, {0x880b, LAYER_PPP}, {0x883e, LAYER_WCCP}, {0x22eb, LAYER_ERSPAN3},
        /* ERSPAN I and II share 0x88be: gre_next() */
};

/* draft-ietf-nvo3-vxlan-gpe-13 3.2 */
static const struct row gpe_protocols[] = {
        {1, LAYER_IP4},
        {2, LAYER_IP6},
        {3, LAYER_ETHERNET},
        {4, LAYER_NSH},
        {5, LAYER_MPLS},
};

void tunnel_note(struct walk *w, enum tunnel_kind kind, uint32_t id, bool network_id)
{
	struct packet *p = w->p;

	if (p->n_tunnels < PACKET_TUNNELS_MAX)
		p->tunnel[p->n_tunnels++] =
		        (struct tunnel){.kind = (uint8_t)kind, .network_id = network_id, .id = id};
	if (network_id)
		p->network = id;
}

static const struct udp_row *port_find(uint16_t port)
{
	if (port >= UDP_PORT_MIN && port <= UDP_PORT_MAX)
		for (size_t i = 0; i < sizeof(udp_ports) / sizeof(udp_ports[0]); i++)
			if (udp_ports[i].port == port)
				return &udp_ports[i];
	return NULL;
}

int tunnel_of_ports(uint16_t sport, uint16_t dport)
{
	const struct udp_row *to = port_find(dport), *from = port_find(sport);

	if (from && from->either)
		return from->layer;
	return to ? to->layer : LAYER_NONE;
}

static int truncated_or_bad(const struct walk *w)
{
	return END(w->cut ? DECODE_TRUNCATED : DECODE_BAD_HEADER);
}

/* ---- MPLS ---- */

/* Something that may be an ethertype stands in its place, `at` bytes ahead. */
static uint16_t type_ahead(const struct walk *w, size_t at)
{
	return (uint16_t)(cur_peek(&w->c, at + 12) << 8 | cur_peek(&w->c, at + 13));
}

/* An Ethernet frame whose payload this decoder knows stands `at` bytes ahead. */
static bool ethernet_plausible(const struct walk *w, size_t at)
{
	uint16_t type = type_ahead(w, at);
	struct walk probe = *w;

	if (cur_left(&w->c) < at + 14 || type < 0x600)
		return false;
	if (type == 0x0800 || type == 0x86dd)
		return decode_ip_plausible(w, at + 14);
	return decode_ethertype(&probe, type) < LAYERS;
}

/* A frame with a length in place of the type.  Most two bytes may be one: asked last. */
static bool length_plausible(const struct walk *w, size_t at)
{
	uint16_t len = type_ahead(w, at);

	return cur_left(&w->c) >= at + 14 && len >= 3 && len < 0x600 &&
	       len <= cur_left(&w->c) - at - 14 + w->cut;
}

/* The stack says nothing of what it carries: RFC 4928 2 lets the first nibble tell IP from the rest, and RFC
 * 4385 3 begins a control word with 0.  Without one the nibble is that of a MAC address, which may be 0 too.
 */
static int mpls_payload(struct walk *w, uint32_t bottom)
{
	uint8_t nibble = cur_peek(&w->c, 0) >> 4;
	bool word = nibble == 0, frame;

	if (!cur_left(&w->c))
		return truncated_or_bad(w);
	if (bottom == 0 || bottom == 2) /* explicit null, RFC 3032 2.1 */
		return bottom ? LAYER_IP6 : LAYER_IP4;
	frame = ethernet_plausible(w, 0);
	if ((nibble == 4 || nibble == 6) && (decode_ip_plausible(w, 0) || !(frame || length_plausible(w, 0))))
		return LAYER_IP;
	if (word && (ethernet_plausible(w, 4) || (!frame && length_plausible(w, 4)))) {
		cur_skip(&w->c, 4);
		return LAYER_ETHERNET;
	}
	if (frame || length_plausible(w, 0))
		return LAYER_ETHERNET;
	w->unknown = true;
	return END(DECODE_NOT_IP); /* associated channels, ATM, TDM, ... */
}

int tunnel_mpls_read(struct walk *w)
{
	uint32_t entry = 0;

	for (unsigned i = 0; i < MPLS_LABELS_MAX; i++) {
		entry = cur_be32(&w->c); /* label 20, class 3, bottom of stack 1, TTL 8 */
		if (w->c.bad)
			return truncated_or_bad(w);
		if (entry & 0x100) {
			tunnel_note(w, TUNNEL_MPLS, entry >> 12, false);
			return mpls_payload(w, entry >> 12);
		}
	}
	return END(DECODE_TOO_DEEP);
}

/* ---- GRE and what it carries ---- */

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING  0x4000
#define GRE_KEY      0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_ACK      0x0080 /* version 1 */
#define GRE_VERSION  0x0007
/* Aruba's access points send 802.11 frames, with a number for each network of theirs. */
#define GRE_WIRELESS_MIN 0x8200
#define GRE_WIRELESS_MAX 0x8370
#define VSID_MIN         0x001000 /* RFC 7637 3.3: lower ones are reserved, and so is the highest */
#define VSID_MAX         0xfffffe

/* RFC 1701: entries of family, offset, length and that many bytes, up to one of zeros. */
static void gre_routing_skip(struct walk *w)
{
	for (;;) {
		uint16_t family = cur_be16(&w->c);
		uint8_t len;

		cur_skip(&w->c, 1);
		len = cur_u8(&w->c);
		cur_skip(&w->c, len);
		if (w->c.bad || (!family && !len))
			return;
	}
}

/* RFC 2637 4.1: the key is the length of the payload and the call. */
static int pptp_read(struct walk *w, uint16_t flags, uint16_t type)
{
	uint16_t len, call;

	if (type != 0x880b || (flags & (GRE_CHECKSUM | GRE_ROUTING | GRE_KEY)) != GRE_KEY)
		return END(DECODE_BAD_HEADER);
	len = cur_be16(&w->c);
	call = cur_be16(&w->c);
	cur_skip(&w->c, (flags & GRE_SEQUENCE ? 4 : 0) + (flags & GRE_ACK ? 4 : 0));
	if (w->c.bad)
		return truncated_or_bad(w);
	if (!(flags & GRE_SEQUENCE) || !len)
		return END(DECODE_NOT_IP); /* an acknowledgment alone */
	if (len > cur_left(&w->c) + w->cut)
		return END(DECODE_BAD_HEADER);
	decode_datagram_end(w, len);
	tunnel_note(w, TUNNEL_GRE, call, false);
	return LAYER_PPP;
}

static int gre_next(struct walk *w, uint16_t flags, uint16_t type, uint32_t key)
{
	int next = ROW_FIND(gre_protocols, type, DECODE_NOT_IP);
	uint32_t vsid = key >> 8;
	/* RFC 7637 3.2: no checksum, no sequence number, and the key is there */
	bool nvgre = type == 0x6558 && (flags & (GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE)) == GRE_KEY &&
	             vsid >= VSID_MIN && vsid <= VSID_MAX;

	if (type == 0x88be && flags & GRE_SEQUENCE)
		return LAYER_ERSPAN2;
	if (type == 0x88be) { /* ERSPAN I has no header of its own */
		tunnel_note(w, TUNNEL_ERSPAN, 0, false);
		return LAYER_ETHERNET;
	}
	if (next == LAYER_ERSPAN3)
		return next;
	if (type >= GRE_WIRELESS_MIN && type <= GRE_WIRELESS_MAX && !(type & 15))
		next = LAYER_WIRELESS;
	tunnel_note(w, TUNNEL_GRE, nvgre ? vsid : key, nvgre);
	if (next < LAYERS)
		return next;
	return type < 0x600 ? END(DECODE_NOT_IP) : decode_ethertype(w, type);
}

int tunnel_gre_read(struct walk *w)
{
	uint16_t flags = cur_be16(&w->c);
	uint16_t type = cur_be16(&w->c);
	uint32_t key;

	if (w->c.bad)
		return truncated_or_bad(w);
	if ((flags & GRE_VERSION) == 1)
		return pptp_read(w, flags, type);
	if (flags & GRE_VERSION)
		return END(DECODE_BAD_HEADER);
	if (flags & (GRE_CHECKSUM | GRE_ROUTING))
		cur_skip(&w->c, 4); /* checksum, offset */
	key = flags & GRE_KEY ? cur_be32(&w->c) : 0;
	if (flags & GRE_SEQUENCE)
		cur_skip(&w->c, 4);
	if (flags & GRE_ROUTING)
		gre_routing_skip(w);
	if (w->c.bad)
		return truncated_or_bad(w);
	return gre_next(w, flags, type, key);
}

int tunnel_bridged_read(struct walk *w)
{
	(void)w;
	return LAYER_ETHERNET;
}

/* Version and VLAN, class and flags and session; index.  Version 1 is type II. */
int tunnel_erspan2_read(struct walk *w)
{
	uint32_t head = cur_be32(&w->c);

	cur_skip(&w->c, 4);
	if (w->c.bad)
		return truncated_or_bad(w);
	if (head >> 28 != 1)
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_ERSPAN, head & 0x3ff, false);
	return LAYER_ETHERNET;
}

/* As type II (version 2, in place of the flags whether the frame was bad, short or oversized: it is read as
 * far as it goes); timestamp; group; frame type, 0 Ethernet or 2 IP; O: eight more bytes. */
int tunnel_erspan3_read(struct walk *w)
{
	uint32_t head = cur_be32(&w->c);
	uint16_t tail;
	unsigned type;

	cur_skip(&w->c, 4 + 2);
	tail = cur_be16(&w->c);
	if (tail & 1)
		cur_skip(&w->c, 8);
	if (w->c.bad)
		return truncated_or_bad(w);
	type = tail >> 10 & 0x1f;
	if (head >> 28 != 2)
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_ERSPAN, head & 0x3ff, false);
	return type == 0 ? LAYER_ETHERNET : type == 2 ? LAYER_IP : END(DECODE_NOT_IP);
}

/* Version 1 has the IPv4 packet at once, version 2 four bytes before it. */
int tunnel_wccp_read(struct walk *w)
{
	if (cur_peek(&w->c, 0) >> 4 != 4)
		cur_skip(&w->c, 4);
	return w->c.bad ? truncated_or_bad(w) : LAYER_IP4;
}

/* ---- directly in IP ---- */

int tunnel_ipip4_read(struct walk *w)
{
	tunnel_note(w, TUNNEL_IPIP, 0, false);
	return LAYER_IP4;
}

int tunnel_ipip6_read(struct walk *w)
{
	tunnel_note(w, TUNNEL_IPIP, 0, false);
	return LAYER_IP6;
}

int tunnel_etherip_read(struct walk *w)
{
	uint16_t head = cur_be16(&w->c);

	if (w->c.bad)
		return truncated_or_bad(w);
	if (head != 0x3000) /* version 3; the rest MUST be 0 */
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_ETHERIP, 0, false);
	return LAYER_ETHERNET;
}

/* ---- over UDP ---- */

#define VXLAN_I       0x08
#define VXLAN_GPE_P   0x04
#define VXLAN_GPE_OAM 0x01

/* RFC 7348 5: I says that there is a VNI; what is reserved is ignored on receipt, and switches do write there
 * (groups and their policies).  P, and the number of what follows, are those of GPE, which some send to this
 * port too. */
int tunnel_vxlan_read(struct walk *w)
{
	uint8_t flags = cur_u8(&w->c);
	uint32_t middle = (uint32_t)cur_be(&w->c, 3);
	uint32_t vni = (uint32_t)cur_be(&w->c, 3);
	int next = ROW_FIND(gpe_protocols, middle & 0xff, DECODE_BAD_HEADER);

	cur_skip(&w->c, 1);
	if (w->c.bad)
		return truncated_or_bad(w);
	if (!(flags & VXLAN_I))
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_VXLAN, vni, true);
	return flags & VXLAN_GPE_P && next < LAYERS ? next : LAYER_ETHERNET;
}

int tunnel_vxlan_gpe_read(struct walk *w)
{
	uint8_t flags = cur_u8(&w->c);
	uint8_t next;
	uint32_t vni;

	cur_skip(&w->c, 2);
	next = cur_u8(&w->c);
	vni = (uint32_t)cur_be(&w->c, 3);
	cur_skip(&w->c, 1);
	if (w->c.bad)
		return truncated_or_bad(w);
	if (!(flags & VXLAN_I) || flags & VXLAN_GPE_OAM)
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_VXLAN, vni, true);
	return flags & VXLAN_GPE_P ? ROW_FIND(gpe_protocols, next, DECODE_BAD_HEADER) : LAYER_ETHERNET;
}

/* RFC 8926 3.5: class, type, length in units of 4 bytes; together they fill what the header says. */
static bool geneve_options_fit(struct cur options)
{
	while (cur_left(&options)) {
		cur_skip(&options, 3);
		cur_skip(&options, (cur_u8(&options) & 0x1f) * 4u);
	}
	return !options.bad;
}

int tunnel_geneve_read(struct walk *w)
{
	uint8_t first = cur_u8(&w->c);
	uint16_t type;
	uint32_t vni;
	struct cur options;

	cur_skip(&w->c, 1); /* flags, of which the reserved ones are ignored on receipt, RFC 8926 3.4 */
	type = cur_be16(&w->c);
	vni = (uint32_t)cur_be(&w->c, 3);
	cur_skip(&w->c, 1);
	options = cur_sub(&w->c, (first & 0x3f) * 4u);
	if (w->c.bad)
		return truncated_or_bad(w);
	if (first >> 6 || !geneve_options_fit(options))
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_GENEVE, vni, true);
	if (type == 0x6558)
		return LAYER_ETHERNET;
	return type < 0x600 ? END(DECODE_BAD_HEADER) : decode_ethertype(w, type);
}

#define GTPU_VERSION 0x30 /* version 1, GTP and not GTP' */
#define GTPU_E       0x04
#define GTPU_S       0x02
#define GTPU_PN      0x01
#define GTPU_G_PDU   255

/* TS 29.281 5.2.1: length in units of 4 bytes, content, the type of the next; 0 ends the chain. */
static bool gtpu_extensions_skip(struct walk *w, uint8_t next)
{
	while (next && !w->c.bad) {
		size_t len = cur_u8(&w->c) * 4u;

		if (!len)
			return false;
		cur_skip(&w->c, len - 2);
		next = cur_u8(&w->c);
	}
	return !w->c.bad;
}

int tunnel_gtpu_read(struct walk *w)
{
	uint8_t flags = cur_u8(&w->c);
	uint8_t message = cur_u8(&w->c);
	uint32_t len = cur_be16(&w->c);
	uint32_t teid = cur_be32(&w->c);
	uint8_t next = 0;

	if (w->c.bad)
		return truncated_or_bad(w);
	if ((flags & 0xf8) != GTPU_VERSION || message != GTPU_G_PDU || len > cur_left(&w->c) + w->cut)
		return END(DECODE_BAD_HEADER);
	decode_datagram_end(w, len);
	if (flags & (GTPU_E | GTPU_S | GTPU_PN)) { /* all three fields are there when one is */
		cur_skip(&w->c, 3);
		next = cur_u8(&w->c);
	}
	if (w->c.bad || !gtpu_extensions_skip(w, flags & GTPU_E ? next : 0))
		return truncated_or_bad(w);
	tunnel_note(w, TUNNEL_GTPU, teid, false);
	return LAYER_IP;
}

/* RFC 4380 5.1.1: an authentication and an origin indication may stand before the IPv6 packet. */
int tunnel_teredo_read(struct walk *w)
{
	if (cur_peek(&w->c, 0) == 0 && cur_peek(&w->c, 1) == 1) {
		size_t id, value;

		cur_skip(&w->c, 2);
		id = cur_u8(&w->c);
		value = cur_u8(&w->c);
		cur_skip(&w->c, id + value + 8 + 1); /* nonce, confirmation */
	}
	if (cur_peek(&w->c, 0) == 0 && cur_peek(&w->c, 1) == 0)
		cur_skip(&w->c, 2 + 2 + 4); /* port, address */
	if (w->c.bad)
		return truncated_or_bad(w);
	tunnel_note(w, TUNNEL_TEREDO, 0, false);
	return LAYER_IP6;
}

#define L2TP_CONTROL  0x8000
#define L2TP_LENGTH   0x4000
#define L2TP_SEQUENCE 0x0800
#define L2TP_OFFSET   0x0200
#define L2TP_VERSION  0x000f

/* RFC 2661 3.1: version 2; length, tunnel, session, sequence numbers, offset of the data. */
int tunnel_l2tp_read(struct walk *w)
{
	uint16_t flags = cur_be16(&w->c);
	uint32_t session;

	cur_skip(&w->c, (flags & L2TP_LENGTH ? 2 : 0) + 2);
	session = cur_be16(&w->c);
	if (flags & L2TP_SEQUENCE)
		cur_skip(&w->c, 4);
	if (flags & L2TP_OFFSET)
		cur_skip(&w->c, cur_be16(&w->c));
	if (w->c.bad)
		return truncated_or_bad(w);
	if (flags & L2TP_CONTROL || (flags & L2TP_VERSION) != 2)
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_L2TP, session, false);
	return LAYER_PPP;
}
