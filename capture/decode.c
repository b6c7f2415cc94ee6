/* decode.c - see decode.h.
 *
 * Each layer reads its header through the cursor and answers with the next layer, or with the end of the
 * walk.  A layer never knows who called it: which one comes next stands in the tables of link types,
 * ethertypes, PPP protocols (link.c), IP protocols and UDP ports (tunnel.c), so an encapsulation is one more
 * reader and one row for each number that leads to it; its payload starts again at a link or an IP layer.
 *
 * RFC 791, 8200, 4302, 9293, 768. */
#include "capture/decode_internal.h"

#include "capture/defrag.h"

#include <string.h>

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

static int ip_protocol_next(struct walk *w, uint8_t number)
{
	const struct ip_row *row = &ip_protocols[number];

	w->p->proto = number;
	if (row->layer == LAYER_NONE || (row->only6 && w->p->ip_version != 6))
		return END(DECODE_OTHER_PROTO);
	return row->layer;
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
        [LAYER_NOT_IP] = link_not_ip_read,
        [LAYER_ETHERNET] = link_ethernet_read,
        [LAYER_VLAN] = link_vlan_read,
        [LAYER_LLC] = link_llc_read,
        [LAYER_COOKED] = link_cooked_read,
        [LAYER_COOKED2] = link_cooked2_read,
        [LAYER_NULL] = link_null_read,
        [LAYER_PPP] = link_ppp_read,
        [LAYER_CISCO_HDLC] = link_cisco_hdlc_read,
        [LAYER_PPPOE] = link_pppoe_read,
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
        [LAYER_TEREDO] = tunnel_teredo_read,
        [LAYER_L2TP] = tunnel_l2tp_read,
        [LAYER_CAPWAP] = wireless_capwap_read,
        [LAYER_WIRELESS] = wireless_frame_read,
        [LAYER_RADIOTAP] = wireless_radiotap_read,
        [LAYER_TAG4] = link_tag4_read,
        [LAYER_TAG6] = link_tag6_read,
        [LAYER_PBB] = link_pbb_read,
        [LAYER_FABRICPATH] = link_fabricpath_read,
        [LAYER_TRILL] = link_trill_read,
        [LAYER_NSH] = link_nsh_read,
};

/* The walk through a datagram to the port of a tunnel ended with `r`. */
static enum decode_result inside_ended(struct walk *w, enum decode_result r)
{
	bool known = r == DECODE_OTHER_PROTO || (r == DECODE_NOT_IP && !w->unknown);

	if (r == DECODE_OK || r == DECODE_FRAGMENT)
		return r;
	/* cppcheck-suppress uninitvar ; in_udp says that it was written */
	*w->p = *w->udp;
	w->p->carries = known ? (uint8_t)r : 0;
	w->p->no_tunnel = !known;
	return DECODE_OK;
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
	next = link_of_type(p->linktype);
	for (unsigned depth = 0; next < LAYERS; depth++)
		next = depth == DECODE_DEPTH_MAX ? END(DECODE_TOO_DEEP) : layers[next](&w);
	r = (enum decode_result)(next - LAYERS);
	return w.in_udp ? inside_ended(&w, r) : r;
}

_Static_assert(TUNNEL_KINDS <= 16, "flow.tunnels");

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
	        [TUNNEL_TEREDO] = "teredo",
	        [TUNNEL_L2TP] = "l2tp",
	        [TUNNEL_CAPWAP] = "capwap",
	        [TUNNEL_MAC_IN_MAC] = "mac-in-mac",
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
