/* test_tunnels.c - every encapsulation, built byte by byte as its specification draws it: alone, one in the
 * other, cut at every byte, with every bit turned, and with headers that lie. */
#include "capture/decode.h"

#include "tests/unit/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define A4 "10.1.2.3"
#define B4 "192.0.2.7"
#define A6 "2001:db8::1"
#define B6 "fd00::7"

#define IN_MACS  "\x06\0\0\0\0\x0b\x06\0\0\0\0\x0a"
#define BYTES(s) s, sizeof(s) - 1

static const char text[] = "GET / HTTP/1.1\r\n\r\n";
#define TEXT_LEN (sizeof(text) - 1)

/* How an encapsulation is carried, and what stands between that and the inside. */
enum carrier { IN_ETHER, IN_IP4, IN_IP6, IN_UDP };
enum inside { HAS_IP4, HAS_IP6, HAS_ETHER, IN_AIR /* the head ends with a frame of 802.11 */ };

/* Behind the frame control: duration, three addresses, sequence control; what leads to IPv4. */
#define ADDRESSES_802_11 "\x06\0\0\0\0\x01\x06\0\0\0\0\x0a\x06\0\0\0\0\x0b"
#define HEADER_802_11    "\0\0" ADDRESSES_802_11 "\x10\0"
#define SNAP_IP4         "\xaa\xaa\3\0\0\0\x08\0"
#define CLEAR_802_11     HEADER_802_11 SNAP_IP4

struct wrap {
	const char *name;
	enum carrier carrier;
	uint16_t number; /* ethertype, IP protocol, UDP port */
	const char *head;
	size_t n;
	enum inside inside;
	enum tunnel_kind kind;
	uint32_t id;
	bool network;
};

static const struct wrap wraps[] = {
        /* RFC 3032: label 20 bits, class 3, bottom 1, TTL 8 */
        {"MPLS", IN_ETHER, 0x8847, BYTES("\x00\x06\x41\x40"), HAS_IP4, TUNNEL_MPLS, 100, false},
        {"MPLS upstream", IN_ETHER, 0x8848, BYTES("\x00\x06\x41\x40"), HAS_IP4, TUNNEL_MPLS, 100, false},
        {"MPLS stack", IN_ETHER, 0x8847, BYTES("\x00\x06\x40\x40\x00\x06\x50\x40\x00\x06\x61\x40"), HAS_IP6,
                TUNNEL_MPLS, 102, false},
        {"MPLS explicit null", IN_ETHER, 0x8847, BYTES("\0\0\x01\x40"), HAS_IP4, TUNNEL_MPLS, 0, false},
        {"MPLS explicit null 6", IN_ETHER, 0x8847, BYTES("\0\0\x21\x40"), HAS_IP6, TUNNEL_MPLS, 2, false},
        /* RFC 4448 4.6: control word, sequence number 7 */
        {"MPLS pseudowire", IN_ETHER, 0x8847, BYTES("\x00\x06\x41\x40\0\0\0\x07"), HAS_ETHER, TUNNEL_MPLS,
                100, false},
        {"MPLS pseudowire, no control word", IN_ETHER, 0x8847, BYTES("\x00\x06\x41\x40"), HAS_ETHER,
                TUNNEL_MPLS, 100, false},
        /* RFC 4023, RFC 7510 */
        {"MPLS in IP", IN_IP4, 137, BYTES("\x00\x06\x41\x40"), HAS_IP4, TUNNEL_MPLS, 100, false},
        {"MPLS in UDP", IN_UDP, 6635, BYTES("\x00\x06\x41\x40"), HAS_IP6, TUNNEL_MPLS, 100, false},
        /* RFC 2516, session 0x0102 */
        {"PPPoE", IN_ETHER, 0x8864, BYTES("\x11\0\x01\x02\0\0\0\x21"), HAS_IP4, TUNNEL_PPPOE, 0x102, false},
        /* RFC 2784 2.1, RFC 2890 2 */
        {"GRE", IN_IP4, 47, BYTES("\0\0\x08\0"), HAS_IP4, TUNNEL_GRE, 0, false},
        {"GRE 6 in 6", IN_IP6, 47, BYTES("\0\0\x86\xdd"), HAS_IP6, TUNNEL_GRE, 0, false},
        {"GRE checksum", IN_IP4, 47, BYTES("\x80\0\x08\0\x12\x34\0\0"), HAS_IP4, TUNNEL_GRE, 0, false},
        {"GRE key", IN_IP4, 47, BYTES("\x20\0\x08\0\0\0\x01\x02"), HAS_IP4, TUNNEL_GRE, 0x102, false},
        {"GRE sequence", IN_IP4, 47, BYTES("\x10\0\x08\0\0\0\0\x09"), HAS_IP4, TUNNEL_GRE, 0, false},
        {"GRE all", IN_IP6, 47, BYTES("\xb0\0\x86\xdd\x12\x34\0\0\0\0\x01\x02\0\0\0\x09"), HAS_IP6,
                TUNNEL_GRE, 0x102, false},
        /* RFC 1701: one source route entry of IP (family 0x0800) with one address, and the end */
        {"GRE routing", IN_IP4, 47, BYTES("\x60\0\x08\0\0\0\0\0\0\0\0\x05\x08\0\0\x04\x0a\0\0\x01\0\0\0\0"),
                HAS_IP4, TUNNEL_GRE, 5, false},
        {"GRE bridged", IN_IP4, 47, BYTES("\0\0\x65\x58"), HAS_ETHER, TUNNEL_GRE, 0, false},
        {"GRE bridged with a small key", IN_IP4, 47, BYTES("\x20\0\x65\x58\0\0\0\x64"), HAS_ETHER, TUNNEL_GRE,
                100, false},
        /* RFC 7637 3.2: VSID 24 bits, FlowID 8 */
        {"NVGRE", IN_IP4, 47, BYTES("\x20\0\x65\x58\0\x20\x01\x77"), HAS_ETHER, TUNNEL_GRE, 0x2001, true},
        /* RFC 2637 4.1: the length of the payload is filled in by wrap_finish() */
        {"PPTP", IN_IP4, 47, BYTES("\x30\x81\x88\x0b\0\0\x12\x34\0\0\0\x01\0\0\0\x02\xff\x03\0\x21"), HAS_IP4,
                TUNNEL_GRE, 0x1234, false},
        {"GRE of MPLS", IN_IP4, 47, BYTES("\0\0\x88\x47\x00\x06\x41\x40"), HAS_IP4, TUNNEL_MPLS, 100, false},
        {"WCCP 1", IN_IP4, 47, BYTES("\0\0\x88\x3e"), HAS_IP4, TUNNEL_GRE, 0, false},
        {"WCCP 2", IN_IP4, 47, BYTES("\0\0\x88\x3e\0\0\0\x01"), HAS_IP4, TUNNEL_GRE, 0, false},
        /* draft-foschiano-erspan-03 4: session 0x155 */
        {"ERSPAN I", IN_IP4, 47, BYTES("\0\0\x88\xbe"), HAS_ETHER, TUNNEL_ERSPAN, 0, false},
        {"ERSPAN II", IN_IP4, 47, BYTES("\x10\0\x88\xbe\0\0\0\x01\x10\x2a\x19\x55\0\0\0\x07"), HAS_ETHER,
                TUNNEL_ERSPAN, 0x155, false},
        {"ERSPAN III", IN_IP4, 47,
                BYTES("\x10\0\x22\xeb\0\0\0\x01\x20\x2a\x01\x55\x01\x02\x03\x04\0\0\0\x06"), HAS_ETHER,
                TUNNEL_ERSPAN, 0x155, false},
        {"ERSPAN III subheader", IN_IP4, 47,
                BYTES("\x10\0\x22\xeb\0\0\0\x01\x20\x2a\x01\x55\x01\x02\x03\x04\0\0\0\x07\1\2\3\4\5\6\7\x08"),
                HAS_ETHER, TUNNEL_ERSPAN, 0x155, false},
        {"ERSPAN III of IP", IN_IP4, 47,
                BYTES("\x10\0\x22\xeb\0\0\0\x01\x20\x2a\x01\x55\x01\x02\x03\x04\0\0\x08\x06"), HAS_IP4,
                TUNNEL_ERSPAN, 0x155, false},
        /* RFC 7348 5: VNI 0x010203 */
        {"VXLAN", IN_UDP, 4789, BYTES("\x08\0\0\0\1\2\3\0"), HAS_ETHER, TUNNEL_VXLAN, 0x10203, true},
        {"VXLAN of Linux", IN_UDP, 8472, BYTES("\x08\0\0\0\1\2\3\0"), HAS_ETHER, TUNNEL_VXLAN, 0x10203, true},
        {"VXLAN group policy", IN_UDP, 4789, BYTES("\x88\x08\x12\x34\1\2\3\0"), HAS_ETHER, TUNNEL_VXLAN,
                0x10203, true},
        /* draft-ietf-nvo3-vxlan-gpe-13 3.1 */
        {"VXLAN-GPE 4", IN_UDP, 4790, BYTES("\x0c\0\0\x01\1\2\3\0"), HAS_IP4, TUNNEL_VXLAN, 0x10203, true},
        {"VXLAN-GPE 6", IN_UDP, 4790, BYTES("\x0c\0\0\x02\1\2\3\0"), HAS_IP6, TUNNEL_VXLAN, 0x10203, true},
        {"VXLAN-GPE Ethernet", IN_UDP, 4790, BYTES("\x0c\0\0\x03\1\2\3\0"), HAS_ETHER, TUNNEL_VXLAN, 0x10203,
                true},
        {"VXLAN on the port of GPE", IN_UDP, 4790, BYTES("\x08\0\0\0\1\2\3\0"), HAS_ETHER, TUNNEL_VXLAN,
                0x10203, true},
        /* RFC 8926 3.4, 3.5: one option of 4 and one of 8 bytes */
        {"Geneve", IN_UDP, 6081, BYTES("\0\0\x65\x58\1\2\3\0"), HAS_ETHER, TUNNEL_GENEVE, 0x10203, true},
        {"Geneve of IP", IN_UDP, 6081, BYTES("\0\0\x86\xdd\1\2\3\0"), HAS_IP6, TUNNEL_GENEVE, 0x10203, true},
        {"Geneve options", IN_UDP, 6081,
                BYTES("\x05\x40\x65\x58\1\2\3\0\x01\x02\x80\x01\xde\xad\xbe\xef\x01\x03\0\x02\0\0\0\0\0\0\0"
                      "\0"),
                HAS_ETHER, TUNNEL_GENEVE, 0x10203, true},
        /* 3GPP TS 29.281 5.1, 5.2: the length is filled in by wrap_finish() */
        {"GTP-U", IN_UDP, 2152, BYTES("\x30\xff\0\0\1\2\3\4"), HAS_IP4, TUNNEL_GTPU, 0x1020304, false},
        {"GTP-U sequence", IN_UDP, 2152, BYTES("\x32\xff\0\0\1\2\3\4\0\x07\0\0"), HAS_IP6, TUNNEL_GTPU,
                0x1020304, false},
        {"GTP-U extensions", IN_UDP, 2152,
                BYTES("\x34\xff\0\0\1\2\3\4\0\0\0\x85\x01\0\x09\xc0\x02\0\0\0\0\0\0\0"), HAS_IP4, TUNNEL_GTPU,
                0x1020304, false},
        {"GTP-U extension type without E", IN_UDP, 2152, BYTES("\x32\xff\0\0\1\2\3\4\0\x07\0\x85"), HAS_IP4,
                TUNNEL_GTPU, 0x1020304, false},
        {"4 in 4", IN_IP4, 4, BYTES(""), HAS_IP4, TUNNEL_IPIP, 0, false},  /* RFC 2003 */
        {"6 in 4", IN_IP4, 41, BYTES(""), HAS_IP6, TUNNEL_IPIP, 0, false}, /* RFC 4213 */
        {"4 in 6", IN_IP6, 4, BYTES(""), HAS_IP4, TUNNEL_IPIP, 0, false},  /* RFC 2473 */
        {"6 in 6", IN_IP6, 41, BYTES(""), HAS_IP6, TUNNEL_IPIP, 0, false},
        /* the fields that RFC 7348 5 and RFC 8926 3.4 reserve are ignored on receipt */
        {"VXLAN, all that is reserved", IN_UDP, 4789, BYTES("\xfb\xff\xff\xff\1\2\3\xff"), HAS_ETHER,
                TUNNEL_VXLAN, 0x10203, true},
        {"VXLAN-GPE on the port of VXLAN", IN_UDP, 4789, BYTES("\x0c\0\0\x01\1\2\3\0"), HAS_IP4, TUNNEL_VXLAN,
                0x10203, true},
        {"VXLAN-GPE of NSH", IN_UDP, 4790, BYTES("\x0c\0\0\x04\1\2\3\0\x0f\xc2\2\1\0\0\1\xff"), HAS_IP4,
                TUNNEL_VXLAN, 0x10203, true},
        {"Geneve, all that is reserved", IN_UDP, 6081, BYTES("\0\x3f\x65\x58\1\2\3\xff"), HAS_ETHER,
                TUNNEL_GENEVE, 0x10203, true},
        /* RFC 8086 */
        {"GRE in UDP", IN_UDP, 4754, BYTES("\x20\0\x08\0\0\0\x01\x02"), HAS_IP4, TUNNEL_GRE, 0x102, false},
        /* RFC 4380 5.1.1: alone, with an origin, with an authentication (one byte each) and an origin */
        {"Teredo", IN_UDP, 3544, BYTES(""), HAS_IP6, TUNNEL_TEREDO, 0, false},
        {"Teredo origin", IN_UDP, 3544, BYTES("\0\0\1\2\1\2\3\4"), HAS_IP6, TUNNEL_TEREDO, 0, false},
        {"Teredo authentication", IN_UDP, 3544, BYTES("\0\1\1\1\xaa\xbb\1\2\3\4\5\6\7\x08\0\0\0\1\2\1\2\3\4"),
                HAS_IP6, TUNNEL_TEREDO, 0, false},
        /* RFC 2661 3.1: session 0x0102; all fields, with three bytes of offset */
        {"L2TP", IN_UDP, 1701, BYTES("\0\2\0\7\1\2\xff\3\0\x21"), HAS_IP4, TUNNEL_L2TP, 0x102, false},
        {"L2TP all", IN_UDP, 1701, BYTES("\x4a\2\0\0\0\7\1\2\0\1\0\2\0\3\0\0\0\xff\3\0\x57"), HAS_IP6,
                TUNNEL_L2TP, 0x102, false},
        /* RFC 5415 4.3: two words, 802.3; four words with the signal's strength, 802.11 */
        {"CAPWAP of 802.3", IN_UDP, 5247, BYTES("\0\x10\2\0\0\0\0\0"), HAS_ETHER, TUNNEL_CAPWAP, 0, false},
        {"CAPWAP of 802.11", IN_UDP, 5247,
                BYTES("\0\x20\3\x20\0\0\0\0\4\xbf\x23\0\0\0\0\0\x08\x01" CLEAR_802_11), IN_AIR, TUNNEL_CAPWAP,
                0, false},
        /* all fields of two bytes the other way round: the sequence number is 0x763, TID 5 */
        {"CAPWAP of Cisco", IN_UDP, 5247,
                BYTES("\0\x10\3\0\0\0\0\0\x11\x08\x2c\0" ADDRESSES_802_11 "\x76\x30" SNAP_IP4), IN_AIR,
                TUNNEL_CAPWAP, 0, false},
        {"CAPWAP of Cisco, QoS", IN_UDP, 5247,
                BYTES("\0\x10\3\0\0\0\0\0\x01\x88\x2c\0" ADDRESSES_802_11 "\x76\x30\x80\5" SNAP_IP4), IN_AIR,
                TUNNEL_CAPWAP, 0, false},
        {"802.11 in GRE", IN_IP4, 47, BYTES("\0\0\x82\x10\x88\x01" HEADER_802_11 "\0\0" SNAP_IP4), IN_AIR,
                TUNNEL_GRE, 0, false},
        /* from and to the distribution system, QoS and HT control */
        {"802.11 of four addresses", IN_IP4, 47,
                BYTES("\0\0\x83\x70\x88\x83" HEADER_802_11 "\x06\0\0\0\0\x0a\0\0\1\2\3\4" SNAP_IP4), IN_AIR,
                TUNNEL_GRE, 0, false},
        /* 802.1ah 9.7: instance 0x010203; RFC 6325 3.1, one word of options */
        {"802.1ah", IN_ETHER, 0x88e7, BYTES("\x60\1\2\3"), HAS_ETHER, TUNNEL_MAC_IN_MAC, 0x10203, true},
        {"FabricPath", IN_ETHER, 0x8903, BYTES("\x04\x20"), HAS_ETHER, TUNNEL_MAC_IN_MAC, 0, false},
        {"TRILL", IN_ETHER, 0x22f3, BYTES("\0\x7f\0\1\0\2\1\2\3\4"), HAS_ETHER, TUNNEL_MAC_IN_MAC, 0, false},
        {"EtherIP", IN_IP4, 97, BYTES("\x30\0"), HAS_ETHER, TUNNEL_ETHERIP, 0, false}, /* RFC 3378 */
};

#define WRAPS (sizeof(wraps) / sizeof(wraps[0]))

/* Ethertype of what a wrap is carried in. */
static uint16_t outer_type(const struct wrap *w)
{
	return w->carrier == IN_ETHER ? w->number : w->carrier == IN_IP6 ? 0x86dd : 0x0800;
}

/* From behind the Ethernet type on; what stands in `length` fields of PPTP and GTP is poked by the caller. */
static size_t put_head(struct frame *f, const struct wrap *w)
{
	size_t at;

	switch (w->carrier) {
	case IN_ETHER:
		break;
	case IN_IP4:
		frame_ip4(f, "172.16.0.1", "172.16.0.2", (uint8_t)w->number);
		break;
	case IN_IP6:
		frame_ip6(f, "fd01::1", "fd01::2", (uint8_t)w->number);
		break;
	case IN_UDP:
		frame_ip4(f, "172.16.0.1", "172.16.0.2", PROTO_UDP);
		frame_udp(f, 50000, w->number);
		break;
	}
	at = f->n;
	frame_put(f, w->head, w->n);
	return at;
}

static void put_inner(struct frame *f, const struct wrap *w)
{
	if (w->inside == HAS_ETHER) {
		frame_put(f, IN_MACS, 12);
		frame_be(f, 0x0800, 2);
	}
	if (w->inside == HAS_IP6)
		frame_ip6(f, A6, B6, PROTO_TCP);
	else
		frame_ip4(f, A4, B4, PROTO_TCP);
	frame_tcp(f, 40000, 443, 1, 2, TCP_ACK);
	frame_put(f, text, TEXT_LEN);
	frame_finish(f);
}

/* The lengths that some headers have of what follows them. */
static void wrap_finish(struct frame *f, const struct wrap *w, size_t at)
{
	if (!strncmp(w->name, "GTP", 3))
		frame_poke16(f, at + 2, f->n - at - 8);
	if (!strcmp(w->name, "PPTP"))
		frame_poke16(f, at + 4, f->n - at - 16);
}

static void wrap_build(const struct wrap *w, struct frame *f)
{
	size_t at;

	frame_begin(f);
	frame_ether(f, outer_type(w));
	at = put_head(f, w);
	put_inner(f, w);
	wrap_finish(f, w, at);
}

static enum decode_result decode(const struct frame *f, struct packet *p)
{
	*p = frame_packet(f, 1, 0);
	return decode_packet(p, NULL);
}

static enum decode_result decode_exact(const uint8_t *b, size_t n, uint32_t wirelen)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct packet p = {.data = copy, .caplen = (uint32_t)n, .wirelen = wirelen, .linktype = 1};
	enum decode_result r;

	assert_non_null(copy);
	memcpy(copy, b, n);
	r = decode_packet(&p, NULL);
	if (r == DECODE_OK) {
		assert_true(p.proto == PROTO_TCP || p.proto == PROTO_UDP);
		assert_true(p.ip >= copy && p.ip + p.ip_len <= copy + n);
		assert_true(p.payload >= p.ip && p.payload + p.payload_len <= p.ip + p.ip_len);
		assert_true(p.payload_wire >= p.payload_len);
	}
	assert_true(p.n_tunnels <= PACKET_TUNNELS_MAX);
	free(copy);
	return r;
}

static void assert_inner(const struct packet *p, enum inside inside)
{
	struct ip_addr a, b;

	assert_int_equal(ip_parse(inside == HAS_IP6 ? A6 : A4, &a), 0);
	assert_int_equal(ip_parse(inside == HAS_IP6 ? B6 : B4, &b), 0);
	assert_true(ip_equal(&p->src, &a));
	assert_true(ip_equal(&p->dst, &b));
	assert_int_equal(p->ip_version, inside == HAS_IP6 ? 6 : 4);
	assert_int_equal(p->ip_id, inside == HAS_IP6 ? 0 : 0x1234);
	assert_int_equal(p->proto, PROTO_TCP);
	assert_int_equal(p->sport, 40000);
	assert_int_equal(p->dport, 443);
	assert_int_equal(p->payload_len, TEXT_LEN);
	assert_int_equal(p->payload_wire, TEXT_LEN);
	assert_memory_equal(p->payload, text, TEXT_LEN);
	assert_int_equal(p->ip_len, (inside == HAS_IP6 ? 60 : 40) + TEXT_LEN);
	assert_memory_equal(p->src_mac,
	        inside == HAS_ETHER || inside == IN_AIR ? "\x06\0\0\0\0\x0a" : "\x02\0\0\0\0\x01", 6);
	assert_false(p->no_tunnel);
}

static void every_encapsulation(void **state)
{
	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		const struct wrap *w = &wraps[i];
		const struct tunnel *last;
		struct frame f;
		struct packet p;
		enum decode_result r;

		wrap_build(w, &f);
		r = decode(&f, &p);
		if (r != DECODE_OK || p.no_tunnel)
			fail_msg("%s: %s", w->name, decode_reason_name(r));
		assert_inner(&p, w->inside);
		assert_true(p.n_tunnels > 0);
		last = &p.tunnel[p.n_tunnels - 1];
		if (last->kind != w->kind || last->id != w->id)
			fail_msg("%s: kind %u id %u", w->name, last->kind, last->id);
		assert_int_equal(last->network_id, w->network);
		assert_int_equal(p.network, w->network ? w->id : 0);
		assert_int_equal(p.n_tunnels, strcmp(w->name, "GRE of MPLS") ? 1 : 2);
	}
}

/* Cut with the wire length known: the outer UDP datagram, or truncated; never a lie of the header. */
static void every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		struct frame f;

		wrap_build(&wraps[i], &f);
		for (size_t n = 0; n < f.n; n++) {
			enum decode_result r = decode_exact(f.b, n, (uint32_t)f.n);
			size_t outer = 14 + 20 + 8;

			if (wraps[i].carrier == IN_UDP && n >= outer)
				assert_int_equal(r, DECODE_OK);
			if (n >= f.n - TEXT_LEN)
				assert_int_equal(r, DECODE_OK);
			decode_exact(f.b, n, (uint32_t)n);
		}
	}
}

static void every_bit_flip(void **state)
{
	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		struct frame f;

		wrap_build(&wraps[i], &f);
		for (size_t bit = 0; bit < f.n * 8; bit++) {
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			decode_exact(f.b, f.n, (uint32_t)f.n);
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* Each in each: what carries Ethernet carries all, what carries IP those that come in its family. */
static void one_in_the_other(void **state)
{
	size_t nests = 0;

	(void)state;
	for (size_t i = 0; i < WRAPS; i++)
		for (size_t k = 0; k < WRAPS; k++) {
			const struct wrap *out = &wraps[i], *in = &wraps[k];
			size_t at, at_in;
			struct frame f;
			struct packet p;

			if (out->inside != HAS_ETHER &&
			        outer_type(in) != (out->inside == HAS_IP6 ? 0x86dd : 0x0800))
				continue;
			nests++;
			frame_begin(&f);
			frame_ether(&f, outer_type(out));
			at = put_head(&f, out);
			if (out->inside == HAS_ETHER) {
				frame_put(&f, IN_MACS, 12);
				frame_be(&f, outer_type(in), 2);
			}
			at_in = put_head(&f, in);
			put_inner(&f, in);
			wrap_finish(&f, in, at_in);
			wrap_finish(&f, out, at);
			if (decode(&f, &p) != DECODE_OK || p.no_tunnel || p.sport != 40000)
				fail_msg("%s in %s", in->name, out->name);
			assert_int_equal(p.tunnel[p.n_tunnels - 1].kind, in->kind);
			assert_int_equal(p.network, in->network ? in->id : out->network ? out->id : 0);
		}
	assert_true(nests > 500);
}

/* n VXLAN networks in each other, numbered from 1 on. */
static void nest_build(struct frame *f, unsigned n)
{
	frame_begin(f);
	frame_ether(f, 0x0800);
	for (unsigned i = 1; i <= n; i++) {
		if (f->fixes + 3 > FRAME_FIXES) /* deeper ones have no lengths: as before segmentation */
			f->fixes = 0;
		frame_ip4(f, "172.16.0.1", "172.16.0.2", PROTO_UDP);
		frame_udp(f, 50000, 4789);
		frame_put(f, "\x08\0\0\0\0\0", 6);
		frame_be(f, i, 1);
		frame_be(f, 0, 1);
		frame_ether(f, 0x0800);
	}
	frame_ip4(f, A4, B4, PROTO_TCP);
	frame_tcp(f, 40000, 443, 1, 2, TCP_ACK);
	frame_put(f, text, TEXT_LEN);
	frame_finish(f);
}

/* Ethernet, IP, UDP and VXLAN are four layers; with the TCP packet in the last.  Too deep, and the innermost
 * datagram that was reached is what counts. */
static void depth(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 12; n++) {
		struct frame f;
		struct packet p;
		bool whole = 4 * n + 3 <= DECODE_DEPTH_MAX;

		nest_build(&f, n);
		assert_int_equal(decode(&f, &p), DECODE_OK);
		assert_int_equal(p.proto, whole ? PROTO_TCP : PROTO_UDP);
		assert_int_equal(p.no_tunnel, !whole);
		if (whole) {
			assert_int_equal(p.n_tunnels, n < PACKET_TUNNELS_MAX ? n : PACKET_TUNNELS_MAX);
			assert_int_equal(p.tunnel[0].id, 1);
			assert_int_equal(p.network, n);
		}
	}
}

/* A datagram to a tunnel's port whose payload is `head` and a good Ethernet frame or IP packet. */
static void udp_build(struct frame *f, uint16_t port, const char *head, size_t n, enum inside inside)
{
	struct wrap w = {
	        .name = "", .carrier = IN_UDP, .number = port, .head = head, .n = n, .inside = inside};

	wrap_build(&w, f);
}

static void what_is_no_tunnel_is_udp(void **state)
{
	static const struct {
		const char *name;
		uint16_t port;
		const char *head;
		size_t n;
		enum inside inside;
	} cases[] = {
	        {"VXLAN without I", 4789, BYTES("\0\0\0\0\1\2\3\0"), HAS_ETHER},
	        {"VXLAN without I, another flag", 8472, BYTES("\x80\0\0\0\1\2\3\0"), HAS_ETHER},
	        {"VXLAN-GPE of what has no number", 4790, BYTES("\x0c\0\0\x07\1\2\3\0"), HAS_IP4},
	        {"VXLAN-GPE of the network's own", 4790, BYTES("\x0d\0\0\x01\1\2\3\0"), HAS_IP4},
	        {"Geneve version 1", 6081, BYTES("\x40\0\x65\x58\1\2\3\0"), HAS_ETHER},
	        {"Geneve, options past the end", 6081, BYTES("\x3f\0\x65\x58\1\2\3\0"), HAS_ETHER},
	        {"Geneve, an option past the options", 6081, BYTES("\x01\0\x65\x58\1\2\3\0\x01\x02\x80\x05"),
	                HAS_ETHER},
	        {"Geneve of an unknown type", 6081, BYTES("\0\0\x99\x99\1\2\3\0"), HAS_ETHER},
	        {"GTP version 2", 2152, BYTES("\x50\xff\0\x10\1\2\3\4"), HAS_IP4},
	        {"GTP'", 2152, BYTES("\x20\xff\0\x10\1\2\3\4"), HAS_IP4},
	        {"GTP-U echo", 2152, BYTES("\x32\x01\0\x04\0\0\0\0\0\1\0\0"), HAS_IP4},
	        {"GTP-U longer than the datagram", 2152, BYTES("\x30\xff\x7f\xff\1\2\3\4"), HAS_IP4},
	        {"GTP-U, extension of no length", 2152,
	                BYTES("\x34\xff\0\x40\1\2\3\4\0\0\0\x85\0\0\0\x85\0\0\0\x85"), HAS_IP4},
	        {"GTP-U, extension past the end", 2152, BYTES("\x34\xff\0\x40\1\2\3\4\0\0\0\x85\xff\0\0\x85"),
	                HAS_IP4},
	        {"GRE in UDP, version 2", 4754, BYTES("\0\2\x08\0"), HAS_IP4},
	        {"Teredo of IPv4", 3544, BYTES(""), HAS_IP4},
	        {"Teredo, authentication past the end", 3544, BYTES("\0\1\xff\xff"), HAS_IP6},
	        {"L2TP control", 1701, BYTES("\xc8\2\0\x0c\0\1\0\2\0\3\0\4"), HAS_IP4},
	        {"L2TP version 3", 1701, BYTES("\0\3\0\1\0\2\xff\3\0\x21"), HAS_IP4},
	        {"L2TP, offset past the end", 1701, BYTES("\2\2\0\1\0\2\xff\xff\xff\3\0\x21"), HAS_IP4},
	        {"CAPWAP in DTLS", 5247, BYTES("\1\x10\2\0\0\0\0\0"), HAS_ETHER},
	        {"CAPWAP fragment", 5247, BYTES("\0\x10\2\x80\0\7\0\0"), HAS_ETHER},
	        {"CAPWAP keepalive", 5247, BYTES("\0\x10\2\x08\0\0\0\0"), HAS_ETHER},
	        {"CAPWAP, header of one word", 5247, BYTES("\0\x08\2\0\0\0\0\0"), HAS_ETHER},
	        {"CAPWAP, header past the end", 5247, BYTES("\0\xf8\2\0\0\0\0\0"), HAS_ETHER},
	        {"CAPWAP of another radio", 5247, BYTES("\0\x10\5\0\0\0\0\0"), HAS_ETHER},
	        {"CAPWAP, encrypted", 5247, BYTES("\0\x10\3\0\0\0\0\0\x08\x41" CLEAR_802_11), HAS_IP4},
	        {"CAPWAP, a fragment of 802.11", 5247, BYTES("\0\x10\3\0\0\0\0\0\x08\x05" CLEAR_802_11),
	                HAS_IP4},
	        {"CAPWAP, no data", 5247, BYTES("\0\x10\3\0\0\0\0\0\x48\x01" CLEAR_802_11), HAS_IP4},
	        {"CAPWAP, several packets", 5247,
	                BYTES("\0\x10\3\0\0\0\0\0\x88\x01" HEADER_802_11 "\x80\0" SNAP_IP4), HAS_IP4},
	        {"MPLS without a bottom", 6635, BYTES("\0\x06\x40\x40\0\x06\x40\x40"), HAS_IP4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f;
		struct packet p;

		udp_build(&f, cases[i].port, cases[i].head, cases[i].n, cases[i].inside);
		if (decode(&f, &p) != DECODE_OK || p.proto != PROTO_UDP || !p.no_tunnel)
			fail_msg("%s", cases[i].name);
		assert_int_equal(p.dport, cases[i].port);
		assert_int_equal(p.n_tunnels, 0);
		assert_int_equal(p.network, 0);
		assert_ptr_equal(p.ip, f.b + 14);
		assert_ptr_equal(p.payload, f.b + 42);
		assert_int_equal(p.payload_len, f.n - 42);
	}
}

/* Rubbish behind a good header, and what is no TCP or UDP but sound. */
static void inside_of_udp(void **state)
{
	static const struct {
		const char *name, *inside;
		size_t n;
		enum decode_result result;
		bool no_tunnel;
	} cases[] = {
	        {"nothing", BYTES(""), DECODE_OK, true},
	        {"text", BYTES("exfiltrated: account 4711, and some more text"), DECODE_OK, true},
	        {"unknown ethertype", BYTES(IN_MACS "\x99\x99 some text"), DECODE_OK, true},
	        {"IPv4 that ends early", BYTES(IN_MACS "\x08\0\x45\0\0\x20"), DECODE_OK, true},
	        {"spanning tree, or what looks so", BYTES(IN_MACS "\0\x26\x42\x42\3 some text"), DECODE_OK,
	                true},
	        {"ARP", BYTES(IN_MACS "\x08\x06\0\1\x08\0\6\4\0\1"), DECODE_NOT_IP, false},
	        {"ICMP",
	                BYTES(IN_MACS
	                        "\x08\0\x45\0\0\x1c\0\1\0\0\x40\1\0\0\x0a\1\2\3\x0a\1\2\4\x08\0\0\0\0\0\0\1"),
	                DECODE_OTHER_PROTO, false},
	        {"a fragment",
	                BYTES(IN_MACS "\x08\0\x45\0\0\x1c\0\1\x20\0\x40\x11\0\0\x0a\1\2\3\x0a\1\2\4\0\1\0\2\0"
	                              "\x10\0\0"),
	                DECODE_FRAGMENT, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum decode_result r;
		struct frame f;
		struct packet p;

		frame_begin(&f);
		frame_ether(&f, 0x0800);
		frame_ip4(&f, A4, B4, PROTO_UDP);
		frame_udp(&f, 50000, 4789);
		frame_put(&f, "\x08\0\0\0\1\2\3\0", 8);
		frame_put(&f, cases[i].inside, cases[i].n);
		frame_finish(&f);
		r = decode(&f, &p);
		if (cases[i].result == DECODE_FRAGMENT) {
			assert_int_equal(r, DECODE_FRAGMENT);
			continue;
		}
		/* the datagram counts; what is in it is told where it is known */
		assert_int_equal(r, DECODE_OK);
		if (p.no_tunnel != cases[i].no_tunnel || p.carries != cases[i].result)
			fail_msg("%s", cases[i].name);
		assert_int_equal(p.dport, 4789);
		assert_int_equal(p.n_tunnels, 0);
		assert_int_equal(p.payload_len, 8 + cases[i].n);
	}
}

/* An answer of GTP-U comes from the port; others must go to theirs. */
static void ports(void **state)
{
	struct frame f;
	struct packet p;

	(void)state;
	udp_build(&f, 50001, BYTES("\x30\xff\0\0\1\2\3\4"), HAS_IP4);
	frame_poke16(&f, 42 + 2, f.n - 50);
	frame_poke16(&f, 34, 2152);
	assert_int_equal(decode(&f, &p), DECODE_OK);
	assert_inner(&p, HAS_IP4);
	udp_build(&f, 50001, BYTES("\x08\0\0\0\1\2\3\0"), HAS_ETHER);
	frame_poke16(&f, 34, 4789);
	assert_int_equal(decode(&f, &p), DECODE_OK);
	assert_int_equal(p.proto, PROTO_UDP);
	assert_false(p.no_tunnel);
}

/* A short frame is padded; without a control word the length of its datagram must not be taken for that of
 * the frame four bytes on. */
static void pseudowire_of_a_short_frame(void **state)
{
	for (int word = 0; word < 2; word++) {
		struct frame f;
		struct packet p;

		(void)state;
		frame_begin(&f);
		frame_ether(&f, 0x8847);
		frame_be(&f, 0x00064140, 4);
		if (word)
			frame_be(&f, 7, 4);
		frame_put(&f, "\0\x1b\x21\0\0\x0b\0\x1b\x21\0\0\x0a", 12);
		frame_be(&f, 0x0800, 2);
		frame_ip4(&f, A4, B4, PROTO_TCP);
		frame_tcp(&f, 40000, 443, 1, 2, TCP_ACK);
		frame_finish(&f);
		frame_put(&f, (uint8_t[6]){0}, 6);
		assert_int_equal(decode(&f, &p), DECODE_OK);
		assert_int_equal(p.sport, 40000);
		assert_int_equal(p.payload_len, 0);
	}
}

/* Directly in IP there is no flow to fall back to: a header that cannot be is one. */
static void headers_that_lie(void **state)
{
	static const struct {
		const char *name;
		uint8_t proto;
		const char *head;
		size_t n;
		enum decode_result result;
	} cases[] = {
	        {"GRE version 2", 47, BYTES("\0\2\x08\0"), DECODE_BAD_HEADER},
	        {"GRE, no key", 47, BYTES("\x20\0\x08\0\0"), DECODE_BAD_HEADER},
	        {"GRE, no sequence", 47, BYTES("\x30\0\x08\0\0\0\0\1\0"), DECODE_BAD_HEADER},
	        {"GRE, no checksum", 47, BYTES("\x80\0\x08\0"), DECODE_BAD_HEADER},
	        {"GRE, routing without an end", 47, BYTES("\x40\0\x08\0\0\0\0\0\x08\0\0\xff"),
	                DECODE_BAD_HEADER},
	        {"GRE keepalive", 47, BYTES("\0\0\0\0"), DECODE_NOT_IP},
	        {"PPTP without key", 47, BYTES("\x10\1\x88\x0b\0\0\0\1"), DECODE_BAD_HEADER},
	        {"PPTP acknowledgment", 47, BYTES("\x20\x81\x88\x0b\0\0\0\1\0\0\0\1"), DECODE_NOT_IP},
	        {"PPTP, longer than it is", 47, BYTES("\x30\1\x88\x0b\x0f\0\0\1\0\0\0\1"), DECODE_BAD_HEADER},
	        {"ERSPAN II of version 5", 47, BYTES("\x10\0\x88\xbe\0\0\0\1\x50\0\0\0\0\0\0\0"),
	                DECODE_BAD_HEADER},
	        {"ERSPAN III of version 1", 47, BYTES("\x10\0\x22\xeb\0\0\0\1\x10\0\0\0\0\0\0\0\0\0\0\0"),
	                DECODE_BAD_HEADER},
	        {"EtherIP version 4", 97, BYTES("\x40\0"), DECODE_BAD_HEADER},
	        {"4 in 4 that is none", 4, BYTES("\x60\0\0\0\0\0\0\0"), DECODE_BAD_HEADER},
	        {"MPLS of ten thousand labels", 137,
	                BYTES("\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0"
	                      "\1"
	                      "\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1"),
	                DECODE_TOO_DEEP},
	        {"MPLS associated channel", 137, BYTES("\0\6\x41\x40\x10\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0"),
	                DECODE_NOT_IP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum decode_result r;
		struct frame f;
		struct packet p;

		frame_begin(&f);
		frame_ether(&f, 0x0800);
		frame_ip4(&f, A4, B4, cases[i].proto);
		frame_put(&f, cases[i].head, cases[i].n);
		frame_finish(&f);
		r = decode(&f, &p);
		if (r != cases[i].result)
			fail_msg("%s: %s", cases[i].name, decode_reason_name(r));
		assert_null(p.payload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_encapsulation),
	        cmocka_unit_test(every_prefix),
	        cmocka_unit_test(every_bit_flip),
	        cmocka_unit_test(one_in_the_other),
	        cmocka_unit_test(depth),
	        cmocka_unit_test(what_is_no_tunnel_is_udp),
	        cmocka_unit_test(inside_of_udp),
	        cmocka_unit_test(ports),
	        cmocka_unit_test(pseudowire_of_a_short_frame),
	        cmocka_unit_test(headers_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
