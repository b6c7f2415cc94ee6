/* link.c - from a frame to IP: link types, what tags a frame, and frames in frames.  See decode_internal.h.
 *
 * IEEE 802.3, 802.1Q, 802.1ah, 802.1BR, 802.2; RFC 1042, 1661, 1662, 2516, 6325 (TRILL), 8300 (NSH);
 * https://www.tcpdump.org/linktypes.html */
#include "capture/decode_internal.h"

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
        {105, LAYER_WIRELESS},
        {127, LAYER_RADIOTAP},
};

static const struct row ethertypes[] = {
        {0x0800, LAYER_IP4}, {0x86dd, LAYER_IP6}, {0x8100, LAYER_VLAN}, /* 802.1Q */
        {0x88a8, LAYER_VLAN},                                           /* 802.1ad */
        {0x9100, LAYER_VLAN},                                           /* tags within tags before 802.1ad */
        {0x9200, LAYER_VLAN}, {0x9300, LAYER_VLAN}, {0x8864, LAYER_PPPOE}, {0x8847, LAYER_MPLS},
        {0x8848, LAYER_MPLS},       /* upstream-assigned labels, RFC 5332 */
        {0x8926, LAYER_TAG4},       /* VN-tag of Cisco's fabric extenders */
        {0x893f, LAYER_TAG6},       /* E-tag, 802.1BR */
        {0x8909, LAYER_TAG6},       /* Cisco MetaData: version, length, option, security group */
        {0x88e7, LAYER_PBB},        /* 802.1ah */
        {0x8903, LAYER_FABRICPATH}, /* Cisco */
        {0x22f3, LAYER_TRILL}, {0x894f, LAYER_NSH},
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

int link_of_type(uint16_t linktype)
{
	return ROW_FIND(link_types, linktype, DECODE_LINK_UNKNOWN);
}

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

int link_not_ip_read(struct walk *w)
{
	(void)w;
	return END(DECODE_NOT_IP);
}

int link_ethernet_read(struct walk *w)
{
	w->p->dst_mac = cur_take(&w->c, 6);
	w->p->src_mac = cur_take(&w->c, 6);
	return decode_ethertype(w, cur_be16(&w->c));
}

int link_vlan_read(struct walk *w)
{
	uint16_t tag = cur_be16(&w->c);
	uint16_t type = cur_be16(&w->c);

	if (!w->c.bad && w->p->vlans < PACKET_VLANS_MAX)
		w->p->vlan[w->p->vlans++] = tag & 0xfff;
	return decode_ethertype(w, type);
}

/* Tags of other kinds, by the bytes before the next ethertype. */
int link_tag4_read(struct walk *w)
{
	cur_skip(&w->c, 4);
	return decode_ethertype(w, cur_be16(&w->c));
}

int link_tag6_read(struct walk *w)
{
	cur_skip(&w->c, 6);
	return decode_ethertype(w, cur_be16(&w->c));
}

/* 802.1ah 9.7: flags, and the service instance that the frame inside belongs to. */
int link_pbb_read(struct walk *w)
{
	uint32_t tag = cur_be32(&w->c);

	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	tunnel_note(w, TUNNEL_MAC_IN_MAC, tag & 0xffffff, true);
	return LAYER_ETHERNET;
}

/* The tree and a TTL. */
int link_fabricpath_read(struct walk *w)
{
	cur_skip(&w->c, 2);
	tunnel_note(w, TUNNEL_MAC_IN_MAC, 0, false);
	return w->c.bad ? END(DECODE_TRUNCATED) : LAYER_ETHERNET;
}

/* RFC 6325 3.1: version, flags, length of the options in words, hop count; the two bridges. */
int link_trill_read(struct walk *w)
{
	uint16_t head = cur_be16(&w->c);

	cur_skip(&w->c, 4 + (head >> 6 & 0x1f) * 4u);
	if (w->c.bad)
		return END(DECODE_TRUNCATED);
	if (head >> 14)
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_MAC_IN_MAC, 0, false);
	return LAYER_ETHERNET;
}

static const struct row nsh_protocols[] = {
        {1, LAYER_IP4},
        {2, LAYER_IP6},
        {3, LAYER_ETHERNET},
        {4, LAYER_NSH},
        {5, LAYER_MPLS},
};

/* RFC 8300 2.2: version, flags, TTL, length of all in words; kind of metadata; what follows; path.  It says
 * by which functions a packet goes, and is no tunnel of its own. */
int link_nsh_read(struct walk *w)
{
	uint16_t head = cur_be16(&w->c);
	uint32_t len = (head & 0x3f) * 4u;
	uint8_t next;

	cur_skip(&w->c, 1);
	next = cur_u8(&w->c);
	if (!w->c.bad && (head >> 14 || len < 8))
		return END(DECODE_BAD_HEADER);
	cur_skip(&w->c, len - 4);
	return w->c.bad ? END(DECODE_TRUNCATED) : ROW_FIND(nsh_protocols, next, DECODE_NOT_IP);
}

/* Spanning tree and the like: nothing says that it is what it seems to be. */
static int llc_other(struct walk *w)
{
	w->unknown = true;
	return END(DECODE_NOT_IP);
}

/* Only SNAP with the null organization carries ethertypes (RFC 1042). */
int link_llc_read(struct walk *w)
{
	uint64_t head = cur_be(&w->c, 6);
	uint16_t type;

	if (w->c.bad || head != 0xaaaa03000000)
		return llc_other(w);
	type = cur_be16(&w->c);
	if (!w->c.bad && type < 0x600)
		return llc_other(w);
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

int link_cooked_read(struct walk *w)
{
	uint16_t len;

	cur_skip(&w->c, 4); /* direction, device type */
	len = cur_be16(&w->c);
	cooked_address(w, len, cur_take(&w->c, 8));
	return cooked_next(w, cur_be16(&w->c));
}

int link_cooked2_read(struct walk *w)
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
int link_null_read(struct walk *w)
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
int link_ppp_read(struct walk *w)
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

int link_cisco_hdlc_read(struct walk *w)
{
	uint16_t type;

	cur_skip(&w->c, 2); /* address, control */
	type = cur_be16(&w->c);
	if (!w->c.bad && type < 0x600)
		return END(DECODE_NOT_IP);
	return decode_ethertype(w, type);
}

/* RFC 2516 4: version 1, type 1; code 0 is the session stage, where PPP follows. */
int link_pppoe_read(struct walk *w)
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
