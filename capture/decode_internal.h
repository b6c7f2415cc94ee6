/* decode_internal.h - what decode.c (IP, transport), link.c, wireless.c (frames) and tunnel.c (what packets
 * come wrapped in) share: the walk through a frame, its layers, and the tables that lead from one to the
 * next. */
#ifndef CAPTURE_DECODE_INTERNAL_H
#define CAPTURE_DECODE_INTERNAL_H

#include "base/cursor.h"
#include "capture/decode.h"

#include <stddef.h>

enum layer {
	LAYER_NONE, /* what a table says of a number it does not have */
	LAYER_NOT_IP,
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
	LAYER_MPLS,
	LAYER_GRE,
	LAYER_BRIDGED,
	LAYER_ERSPAN2,
	LAYER_ERSPAN3,
	LAYER_WCCP,
	LAYER_IPIP4,
	LAYER_IPIP6,
	LAYER_ETHERIP,
	LAYER_VXLAN,
	LAYER_VXLAN_GPE,
	LAYER_GENEVE,
	LAYER_GTPU,
	LAYER_TEREDO,
	LAYER_L2TP,
	LAYER_CAPWAP,
	LAYER_WIRELESS,
	LAYER_RADIOTAP,
	LAYER_TAG4,
	LAYER_TAG6,
	LAYER_PBB,
	LAYER_FABRICPATH,
	LAYER_TRILL,
	LAYER_NSH,
	LAYERS
};

/* What a reader answers: a layer, or this plus the result that ends the walk. */
#define END(result) (LAYERS + (int)(result))

struct walk {
	struct cur c;     /* captured bytes not yet read, up to the end of the innermost datagram */
	uint32_t cut;     /* bytes of it behind c.end that were not captured, as the headers say */
	uint32_t snapped; /* of those: what the capture says was on the wire */
	struct packet *p;
	struct defrag *frags;
	struct packet *udp; /* the packet as the innermost UDP datagram to a tunnel's port, with .. */
	bool in_udp;        /* .. when there was one */
	bool whole;   /* the innermost datagram was put together: the cursor is in another buffer than its
	                 header */
	bool unknown; /* the walk ended at a number that no table has */
};

typedef int (*layer_read)(struct walk *w);

struct row {
	uint16_t number;
	uint8_t layer;
};

/* The layer of a number, END(none) where no row has it. */
static inline int row_find(const struct row *rows, size_t n, uint16_t number, enum decode_result none)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].number == number)
			return rows[i].layer;
	return END(none);
}

#define ROW_FIND(rows, number, none) row_find(rows, sizeof(rows) / sizeof(*(rows)), number, none)

/* Ends the window at the end of a datagram that has `len` bytes from the cursor on. */
void decode_datagram_end(struct walk *w, uint32_t len);
/* True when a datagram of IP may begin here: version, header length and total length fit. */
bool decode_ip_plausible(const struct walk *w, size_t at);

/* link.c */
int link_of_type(uint16_t linktype); /* the layer, or END(DECODE_LINK_UNKNOWN) */
/* What follows an ethertype field; numbers below 1536 there are 802.3 lengths. */
int decode_ethertype(struct walk *w, uint16_t type);
int link_not_ip_read(struct walk *w);
int link_ethernet_read(struct walk *w);
int link_vlan_read(struct walk *w);
int link_tag4_read(struct walk *w);
int link_tag6_read(struct walk *w);
int link_llc_read(struct walk *w);
int link_cooked_read(struct walk *w);
int link_cooked2_read(struct walk *w);
int link_null_read(struct walk *w);
int link_ppp_read(struct walk *w);
int link_cisco_hdlc_read(struct walk *w);
int link_pppoe_read(struct walk *w);
int link_pbb_read(struct walk *w);
int link_fabricpath_read(struct walk *w);
int link_trill_read(struct walk *w);
int link_nsh_read(struct walk *w);

/* wireless.c */
int wireless_frame_read(struct walk *w);
int wireless_radiotap_read(struct walk *w);
int wireless_capwap_read(struct walk *w);

/* tunnel.c */
void tunnel_note(struct walk *w, enum tunnel_kind kind, uint32_t id, bool network_id);
/* The layer behind a UDP header, LAYER_NONE when neither port is one of a tunnel. */
int tunnel_of_ports(uint16_t sport, uint16_t dport);
int tunnel_mpls_read(struct walk *w);
int tunnel_gre_read(struct walk *w);
int tunnel_bridged_read(struct walk *w);
int tunnel_erspan2_read(struct walk *w);
int tunnel_erspan3_read(struct walk *w);
int tunnel_wccp_read(struct walk *w);
int tunnel_ipip4_read(struct walk *w);
int tunnel_ipip6_read(struct walk *w);
int tunnel_etherip_read(struct walk *w);
int tunnel_vxlan_read(struct walk *w);
int tunnel_vxlan_gpe_read(struct walk *w);
int tunnel_geneve_read(struct walk *w);
int tunnel_gtpu_read(struct walk *w);
int tunnel_teredo_read(struct walk *w);
int tunnel_l2tp_read(struct walk *w);

#endif
