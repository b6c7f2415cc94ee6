/* share_walk.c - the walk of decode.c and tunnel.c as a classic BPF program: from the network header of a
 * received frame (the link header of a sent one) to the innermost IP header.  See share_internal.h.
 *
 * Nothing can be repeated in such a program, so each level (a packet, and what it is wrapped in inside of the
 * level before) is written out: tags, labels, IPv6 extension headers, and the tunnels that lead to the next
 * level.  What is rare is not there: TRILL, NSH, L2TP, CAPWAP, 802.11, Cisco's HDLC.  The bounds below are
 * those of what is written; what is wrapped deeper is decided by the innermost header reached.  Header fields
 * that only tell sound packets from broken ones are looked at where anybody may have written them, behind the
 * port of a tunnel; else a broken packet may come to any worker, and a load behind the end of a short one
 * ends the program with 0.
 *
 * X is the place of the next header all the time, A is free.  Loads are relative to the packet and not to
 * SKF_NET_OFF: those reach only the linear part of what the kernel holds, where cards that split headers off
 * put the outer ones alone. */
#include "capture/share_internal.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define TAGS_MAX          4 /* of VLANs, and between them one of another kind */
#define TAGS_BEFORE_OTHER 2
#define LABELS_MAX        8
#define EXTENSIONS_MAX    4 /* of IPv6, in a packet */
#define ROUTES_MAX        2 /* source routes in a GRE header */
#define GTPU_MAX          4 /* extension headers of GTP-U */

#define ETHERTYPE_MIN 0x600
#define LOAD_AD(what) BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + (what))

enum entry { ETHER, TYPE, PPP, MPLS, IP, IP4, IP6, PROTO, GRE, ENTRIES };

struct gen {
	struct bpf_asm *a;
	unsigned level, levels;
	asm_label at[SHARE_LEVELS][ENTRIES];
	asm_label done;    /* the innermost IP header was reached */
	asm_label nothing; /* what is here cannot be read: the datagram counts that led here */
	asm_label fail;    /* leads there; stands behind each part, so that the jumps to it are short */
};

/* Every part ends with a jump. */
static void part(struct gen *g, void (*write)(struct gen *g))
{
	write(g);
	asm_here(g->a, g->fail);
	asm_go(g->a, g->nothing);
	g->fail = asm_name(g->a);
}

/* Where to go on with the number in A. */
struct way {
	uint32_t number;
	asm_label to;
};

static void load(struct gen *g, uint16_t size, uint32_t at)
{
	share_load(g->a, size, at);
}

static void need(struct gen *g, uint32_t n)
{
	share_need(g->a, n, g->fail);
}

static void keep(struct gen *g, uint32_t word)
{
	asm_op(g->a, BPF_ST, word);
}

static void kept(struct gen *g, uint32_t word)
{
	asm_op(g->a, BPF_LD | BPF_MEM, word);
}

static void alu(struct gen *g, uint16_t what, uint32_t k)
{
	asm_op(g->a, (uint16_t)(BPF_ALU | what | BPF_K), k);
}

static void forward(struct gen *g, uint32_t n)
{
	asm_op(g->a, BPF_MISC | BPF_TXA, 0);
	alu(g, BPF_ADD, n);
	asm_op(g->a, BPF_MISC | BPF_TAX, 0);
}

static void forward_by_a(struct gen *g)
{
	asm_op(g->a, BPF_ALU | BPF_ADD | BPF_X, 0);
	asm_op(g->a, BPF_MISC | BPF_TAX, 0);
}

/* A = the number at X + at, then X goes on. */
static void number_forward(struct gen *g, uint32_t at, uint32_t n)
{
	load(g, BPF_H, at);
	keep(g, M_KEPT);
	forward(g, n);
	kept(g, M_KEPT);
}

/* A must be `k`, or the header is none of its kind. */
static void must_be(struct gen *g, uint32_t k)
{
	asm_unless(g->a, BPF_JEQ, k, g->fail);
}

static void must_not_have(struct gen *g, uint32_t bits)
{
	asm_if(g->a, BPF_JSET, bits, g->fail);
}

static void branch(struct gen *g, const struct way *ways, size_t n, asm_label otherwise)
{
	for (size_t i = 0; i < n; i++)
		asm_if(g->a, BPF_JEQ, ways[i].number, ways[i].to);
	asm_go(g->a, otherwise);
}

#define BRANCH(g, otherwise, ...)                                                                            \
	branch((g), (const struct way[]){__VA_ARGS__},                                                       \
	        sizeof((const struct way[]){__VA_ARGS__}) / sizeof(struct way), (otherwise))

static asm_label here(struct gen *g, enum entry e)
{
	return g->at[g->level][e];
}

/* In the packet inside of this one; where that is too deep, this one counts. */
static asm_label inside(struct gen *g, enum entry e)
{
	return g->level + 1 < g->levels ? g->at[g->level + 1][e] : g->done;
}

static bool innermost(const struct gen *g)
{
	return g->level + 1 == g->levels;
}

/* ---- link layers ----------------------------------------------------------------------------------------
 */

static void ether(struct gen *g)
{
	asm_here(g->a, here(g, ETHER));
	need(g, 14);
	number_forward(g, 12, 14);
}

/* A is an ethertype, X behind it; so it is again behind each tag. */
static void vlan_tag(struct gen *g)
{
	asm_label tag = asm_name(g->a), none = asm_name(g->a);

	BRANCH(g, none, {0x8100, tag}, {0x88a8, tag}, {0x9100, tag}, {0x9200, tag}, {0x9300, tag});
	asm_here(g->a, tag);
	number_forward(g, 2, 4);
	asm_here(g->a, none);
}

/* VN-tag, E-tag, Cisco MetaData: four or six bytes before the next ethertype. */
static void other_tag(struct gen *g)
{
	asm_label four = asm_name(g->a), six = asm_name(g->a), none = asm_name(g->a);

	BRANCH(g, none, {0x8926, four}, {0x893f, six}, {0x8909, six});
	asm_here(g->a, four);
	number_forward(g, 4, 6);
	asm_go(g->a, none);
	asm_here(g->a, six);
	number_forward(g, 6, 8);
	asm_here(g->a, none);
}

/* RFC 1042, as llc_read() of decode.c; A is the length, or a number of Linux's own for such frames. */
static void llc(struct gen *g)
{
	load(g, BPF_W, 0);
	must_be(g, 0xaaaa0300);
	load(g, BPF_H, 4);
	must_be(g, 0);
	number_forward(g, 6, 8);
}

static void pppoe(struct gen *g)
{
	load(g, BPF_H, 0);
	must_be(g, 0x1100);
	forward(g, 6);
}

/* A frame in a frame, after so many bytes. */
static void frame_inside(struct gen *g, asm_label at, uint32_t n)
{
	asm_here(g->a, at);
	forward(g, n);
	asm_go(g->a, inside(g, ETHER));
}

/* A is an ethertype, X behind it. */
static void type(struct gen *g)
{
	asm_label known = asm_name(g->a), session = asm_name(g->a), two = asm_name(g->a),
	          four = asm_name(g->a);

	asm_here(g->a, here(g, TYPE));
	asm_if(g->a, BPF_JEQ, 0x0800, here(g, IP4));
	asm_if(g->a, BPF_JEQ, 0x86dd, here(g, IP6));
	for (unsigned i = 0; i < TAGS_MAX; i++) {
		if (i == TAGS_BEFORE_OTHER)
			other_tag(g);
		vlan_tag(g);
	}
	asm_if(g->a, BPF_JGE, ETHERTYPE_MIN, known);
	llc(g);
	asm_here(g->a, known);
	BRANCH(g, g->fail, {0x0800, here(g, IP4)}, {0x86dd, here(g, IP6)}, {0x8847, here(g, MPLS)},
	        {0x8848, here(g, MPLS)}, {0x8864, session}, {0x88e7, four}, {0x8903, two});
	frame_inside(g, two, 2);  /* FabricPath */
	frame_inside(g, four, 4); /* 802.1ah */
	asm_here(g->a, session);
	pppoe(g);
	asm_go(g->a, here(g, PPP));
}

static void link(struct gen *g)
{
	ether(g);
	type(g);
}

/* As ppp_read() of decode.c, but for Cisco's HDLC, which is no part of a tunnel. */
static void ppp(struct gen *g)
{
	asm_label plain = asm_name(g->a), compressed = asm_name(g->a), four = asm_name(g->a),
	          six = asm_name(g->a);

	asm_here(g->a, here(g, PPP));
	load(g, BPF_H, 0);
	asm_unless(g->a, BPF_JEQ, 0xff03, plain);
	forward(g, 2);
	asm_here(g->a, plain);
	load(g, BPF_B, 0);
	asm_if(g->a, BPF_JSET, 1, compressed);
	number_forward(g, 0, 2);
	BRANCH(g, g->fail, {0x0021, here(g, IP4)}, {0x0057, here(g, IP6)});
	asm_here(g->a, compressed);
	BRANCH(g, g->fail, {0x21, four}, {0x57, six});
	asm_here(g->a, four);
	forward(g, 1);
	asm_go(g->a, here(g, IP4));
	asm_here(g->a, six);
	forward(g, 1);
	asm_go(g->a, here(g, IP6));
}

/* ---- MPLS -----------------------------------------------------------------------------------------------
 */

/* Goes to `no` unless A bytes stand at X + at. */
static void fits(struct gen *g, uint32_t at, asm_label no)
{
	asm_label yes = asm_name(g->a);

	asm_op(g->a, BPF_ALU | BPF_ADD | BPF_X, 0);
	alu(g, BPF_ADD, at);
	keep(g, M_KEPT);
	asm_op(g->a, BPF_STX, M_SIZE);
	asm_op(g->a, BPF_LD | BPF_W | BPF_LEN, 0);
	asm_op(g->a, BPF_LDX | BPF_MEM, M_KEPT);
	asm_if(g->a, BPF_JGE | BPF_X, 0, yes);
	asm_op(g->a, BPF_LDX | BPF_MEM, M_SIZE);
	asm_go(g->a, no);
	asm_here(g->a, yes);
	asm_op(g->a, BPF_LDX | BPF_MEM, M_SIZE);
}

/* As decode_ip_plausible() at X + at. */
static void ip_plausible(struct gen *g, uint32_t at, asm_label yes, asm_label no)
{
	asm_label six = asm_name(g->a);

	share_need(g->a, at + 20, no);
	load(g, BPF_B, at);
	alu(g, BPF_RSH, 4);
	asm_if(g->a, BPF_JEQ, 6, six);
	asm_unless(g->a, BPF_JEQ, 4, no);
	load(g, BPF_B, at);
	alu(g, BPF_AND, 15);
	asm_unless(g->a, BPF_JGE, 5, no);
	load(g, BPF_H, at + 2); /* 0: cut into segments later */
	asm_if(g->a, BPF_JEQ, 0, yes);
	asm_unless(g->a, BPF_JGE, 20, no);
	fits(g, at, no);
	asm_go(g->a, yes);
	asm_here(g->a, six);
	share_need(g->a, at + 40, no);
	load(g, BPF_H, at + 4);
	fits(g, at + 40, no);
	asm_go(g->a, yes);
}

/* As ethernet_plausible() of tunnel.c, but that an IP header only begins as its type says. */
static void ethernet_plausible(struct gen *g, uint32_t at, asm_label yes, asm_label no)
{
	asm_label four = asm_name(g->a), six = asm_name(g->a);

	share_need(g->a, at + 34, no);
	load(g, BPF_H, at + 12);
	BRANCH(g, no, {0x0800, four}, {0x86dd, six}, {0x8100, yes}, {0x88a8, yes}, {0x9100, yes},
	        {0x9200, yes}, {0x9300, yes}, {0x8864, yes}, {0x8847, yes}, {0x8848, yes}, {0x8926, yes},
	        {0x893f, yes}, {0x8909, yes}, {0x88e7, yes}, {0x8903, yes}, {0x22f3, yes}, {0x894f, yes});
	asm_here(g->a, four);
	load(g, BPF_B, at + 14);
	asm_unless(g->a, BPF_JGE, 0x45, no);
	asm_if(g->a, BPF_JGE, 0x50, no);
	asm_go(g->a, yes);
	asm_here(g->a, six);
	load(g, BPF_B, at + 14);
	alu(g, BPF_RSH, 4);
	BRANCH(g, no, {6, yes});
}

/* As length_plausible() of tunnel.c. */
static void length_plausible(struct gen *g, uint32_t at, asm_label yes, asm_label no)
{
	share_need(g->a, at + 14, no);
	load(g, BPF_H, at + 12);
	asm_unless(g->a, BPF_JGE, 3, no);
	asm_if(g->a, BPF_JGE, ETHERTYPE_MIN, no);
	fits(g, at + 14, no);
	asm_go(g->a, yes);
}

/* As mpls_payload() of tunnel.c: M_KEPT is the last entry of the stack, X is behind it. */
static void mpls_payload(struct gen *g)
{
	asm_label word = asm_name(g->a), no_word = asm_name(g->a), frame = asm_name(g->a),
	          ip = asm_name(g->a), length = asm_name(g->a), with_word = asm_name(g->a),
	          last = asm_name(g->a);

	need(g, 1);
	kept(g, M_KEPT);
	alu(g, BPF_RSH, 12);
	asm_if(g->a, BPF_JEQ, 0, here(g, IP4));
	asm_if(g->a, BPF_JEQ, 2, here(g, IP6));
	load(g, BPF_B, 0);
	alu(g, BPF_RSH, 4);
	BRANCH(g, frame, {0, word}, {4, ip}, {6, ip});
	asm_here(g->a, ip);
	ip_plausible(g, 0, here(g, IP), frame);
	asm_here(g->a, word);
	ethernet_plausible(g, 4, with_word, no_word);
	asm_here(g->a, no_word);
	ethernet_plausible(g, 0, inside(g, ETHER), length);
	asm_here(g->a, length);
	length_plausible(g, 4, with_word, last);
	asm_here(g->a, with_word);
	forward(g, 4);
	asm_go(g->a, inside(g, ETHER));
	asm_here(g->a, frame);
	ethernet_plausible(g, 0, inside(g, ETHER), last);
	asm_here(g->a, last);
	length_plausible(g, 0, inside(g, ETHER), here(g, IP));
}

static void mpls(struct gen *g)
{
	asm_label bottom[LABELS_MAX], payload = asm_name(g->a);

	asm_here(g->a, here(g, MPLS));
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		bottom[i] = asm_name(g->a);
		load(g, BPF_W, 4 * i);
		asm_if(g->a, BPF_JSET, 0x100, bottom[i]);
	}
	asm_go(g->a, g->fail);
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		asm_here(g->a, bottom[i]);
		keep(g, M_KEPT);
		asm_op(g->a, BPF_LD | BPF_IMM, 4 * i + 4);
		asm_go(g->a, payload);
	}
	asm_here(g->a, payload);
	forward_by_a(g);
	mpls_payload(g);
}

/* ---- IP -------------------------------------------------------------------------------------------------
 */

static void ip(struct gen *g)
{
	asm_here(g->a, here(g, IP));
	need(g, 1);
	load(g, BPF_B, 0);
	alu(g, BPF_RSH, 4);
	BRANCH(g, g->fail, {4, here(g, IP4)}, {6, here(g, IP6)});
}

/* X is an IP header: it counts unless there is another inside. */
static void ip_found(struct gen *g, uint32_t family, uint32_t size)
{
	need(g, size);
	load(g, BPF_B, 0);
	alu(g, BPF_RSH, 4);
	must_be(g, family);
	keep(g, M_FAMILY);
	asm_op(g->a, BPF_STX, M_IP);
	asm_op(g->a, BPF_LD | BPF_IMM, SHARE_NO_PORTS);
	keep(g, M_PORTS);
}

/* The first two bytes of an extension header are the number of the next and its own length, in units of
 * 1 << shift bytes without the first few.  M_KEPT = both, A = its size. */
static void extension_size(struct gen *g, uint32_t more, uint32_t shift)
{
	load(g, BPF_H, 0);
	keep(g, M_KEPT);
	alu(g, BPF_AND, 0xff);
	alu(g, BPF_ADD, more);
	alu(g, BPF_LSH, shift);
}

/* Past it by its size in A; A = the number of the next. */
static void extension_forward(struct gen *g)
{
	forward_by_a(g);
	kept(g, M_KEPT);
	alu(g, BPF_RSH, 8);
}

static void ip4(struct gen *g)
{
	asm_here(g->a, here(g, IP4));
	ip_found(g, 4, 20);
	load(g, BPF_H, 6);
	asm_if(g->a, BPF_JSET, 0x3fff, g->done); /* a fragment has no ports, nor a whole packet inside */
	load(g, BPF_B, 9);
	keep(g, M_KEPT);
	load(g, BPF_B, 0);
	alu(g, BPF_AND, 15);
	asm_unless(g->a, BPF_JGE, 5, g->fail);
	alu(g, BPF_LSH, 2);
	forward_by_a(g);
	kept(g, M_KEPT);
	asm_unless(g->a, BPF_JEQ, 51, here(g, PROTO));
	extension_size(g, 2, 2);
	extension_forward(g);
	asm_go(g->a, here(g, PROTO));
}

/* RFC 8200 4: A is the number of the header at X; so it is again behind each. */
static void extension(struct gen *g)
{
	asm_label option = asm_name(g->a), fragment = asm_name(g->a), ah = asm_name(g->a),
	          next = asm_name(g->a);

	BRANCH(g, here(g, PROTO), {0, option}, {43, option}, {60, option}, {135, option}, {139, option},
	        {140, option}, {44, fragment}, {51, ah});
	asm_here(g->a, fragment);
	load(g, BPF_H, 2);
	asm_if(g->a, BPF_JSET, 0xfff9, g->done);
	load(g, BPF_H, 0);
	keep(g, M_KEPT);
	asm_op(g->a, BPF_LD | BPF_IMM, 8);
	asm_go(g->a, next);
	asm_here(g->a, ah); /* RFC 4302 2.2 */
	extension_size(g, 2, 2);
	asm_go(g->a, next);
	asm_here(g->a, option);
	extension_size(g, 1, 3);
	asm_here(g->a, next);
	extension_forward(g);
}

static void ip6(struct gen *g)
{
	asm_here(g->a, here(g, IP6));
	ip_found(g, 6, 40);
	load(g, BPF_B, 6);
	keep(g, M_KEPT);
	forward(g, 40);
	kept(g, M_KEPT);
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++)
		extension(g);
	asm_go(g->a, here(g, PROTO));
}

/* ---- tunnels in IP --------------------------------------------------------------------------------------
 */

/* RFC 2637 4.1: version 1 of GRE, with a sequence number where it carries something. */
static void pptp(struct gen *g)
{
	asm_label no_ack = asm_name(g->a), step = asm_name(g->a);

	need(g, 12);
	load(g, BPF_H, 2);
	must_be(g, 0x880b);
	load(g, BPF_H, 0);
	alu(g, BPF_AND, 0xf000);
	must_be(g, 0x3000);
	load(g, BPF_H, 0);
	asm_unless(g->a, BPF_JSET, 0x0080, no_ack);
	asm_op(g->a, BPF_LD | BPF_IMM, 16);
	asm_go(g->a, step);
	asm_here(g->a, no_ack);
	asm_op(g->a, BPF_LD | BPF_IMM, 12);
	asm_here(g->a, step);
	forward_by_a(g);
	asm_go(g->a, inside(g, PPP));
}

/* Flags and protocol type as one word. */
#define GRE_CHECKSUM 0x80000000
#define GRE_ROUTING  0x40000000
#define GRE_KEY      0x20000000
#define GRE_SEQUENCE 0x10000000
#define GRE_VERSION  0x00070000
#define GRE_TYPE     0x0000ffff

/* Four bytes more of header where one of the flags is set. */
static void gre_field(struct gen *g, uint32_t flags)
{
	asm_label absent = asm_name(g->a);

	load(g, BPF_W, 0);
	asm_unless(g->a, BPF_JSET, flags, absent);
	kept(g, M_SIZE);
	alu(g, BPF_ADD, 4);
	keep(g, M_SIZE);
	asm_here(g->a, absent);
}

/* RFC 1701: family, offset, length and that many bytes, up to an entry of zeros. */
static void gre_routes(struct gen *g)
{
	asm_label end = asm_name(g->a);

	for (unsigned i = 0; i <= ROUTES_MAX; i++) {
		asm_label entry = asm_name(g->a);

		load(g, BPF_W, 0);
		alu(g, BPF_AND, 0xffff00ff);
		asm_unless(g->a, BPF_JEQ, 0, entry);
		forward(g, 4);
		asm_go(g->a, end);
		asm_here(g->a, entry);
		alu(g, BPF_AND, 0xff);
		alu(g, BPF_ADD, 4);
		forward_by_a(g);
	}
	asm_go(g->a, g->fail);
	asm_here(g->a, end);
}

/* M_SIZE = protocol type and two of the flags, X = what is behind the header. */
static void gre_header(struct gen *g)
{
	asm_label plain = asm_name(g->a);

	asm_op(g->a, BPF_LD | BPF_IMM, 4);
	keep(g, M_SIZE);
	gre_field(g, GRE_CHECKSUM | GRE_ROUTING);
	gre_field(g, GRE_KEY);
	gre_field(g, GRE_SEQUENCE);
	load(g, BPF_W, 0);
	alu(g, BPF_AND, GRE_TYPE | GRE_ROUTING | GRE_SEQUENCE);
	keep(g, M_KEPT);
	kept(g, M_SIZE);
	forward_by_a(g);
	kept(g, M_KEPT);
	keep(g, M_SIZE);
	asm_unless(g->a, BPF_JSET, GRE_ROUTING, plain);
	gre_routes(g);
	asm_here(g->a, plain);
}

static void erspan2(struct gen *g)
{
	need(g, 8);
	load(g, BPF_B, 0);
	alu(g, BPF_RSH, 4);
	must_be(g, 1);
	forward(g, 8);
	asm_go(g->a, inside(g, ETHER));
}

/* What it carries stands in five bits of its twelfth and last two bytes; the lowest says that there are eight
 * more. */
static void erspan3(struct gen *g)
{
	asm_label no_more = asm_name(g->a), more = asm_name(g->a);

	need(g, 12);
	load(g, BPF_B, 0);
	alu(g, BPF_RSH, 4);
	must_be(g, 2);
	load(g, BPF_H, 10);
	keep(g, M_KEPT);
	asm_if(g->a, BPF_JSET, 1, more);
	forward(g, 12);
	asm_go(g->a, no_more);
	asm_here(g->a, more);
	forward(g, 20);
	asm_here(g->a, no_more);
	kept(g, M_KEPT);
	alu(g, BPF_RSH, 10);
	alu(g, BPF_AND, 0x1f);
	BRANCH(g, g->fail, {0, inside(g, ETHER)}, {2, inside(g, IP)});
}

/* Version 2 has four bytes before the IPv4 packet. */
static void wccp(struct gen *g)
{
	need(g, 4);
	load(g, BPF_B, 0);
	alu(g, BPF_RSH, 4);
	asm_if(g->a, BPF_JEQ, 4, inside(g, IP4));
	forward(g, 4);
	asm_go(g->a, inside(g, IP4));
}

static void gre(struct gen *g)
{
	asm_label v0 = asm_name(g->a), v1 = asm_name(g->a), v2 = asm_name(g->a), v3 = asm_name(g->a),
	          cache = asm_name(g->a), other = asm_name(g->a);

	need(g, 4);
	load(g, BPF_W, 0);
	alu(g, BPF_AND, GRE_VERSION);
	BRANCH(g, g->fail, {0, v0}, {0x00010000, v1});
	asm_here(g->a, v0);
	gre_header(g);
	kept(g, M_SIZE);
	alu(g, BPF_AND, GRE_TYPE | GRE_SEQUENCE);
	/* ERSPAN I is 88be without a sequence number, and has no header of its own */
	BRANCH(g, other, {0x88be | GRE_SEQUENCE, v2}, {0x88be, inside(g, ETHER)});
	asm_here(g->a, other);
	alu(g, BPF_AND, GRE_TYPE);
	asm_if(g->a, BPF_JEQ, 0x6558, inside(g, ETHER));
	asm_if(g->a, BPF_JEQ, 0x880b, inside(g, PPP));
	asm_if(g->a, BPF_JEQ, 0x883e, cache);
	asm_if(g->a, BPF_JEQ, 0x22eb, v3);
	asm_unless(g->a, BPF_JGE, ETHERTYPE_MIN, g->fail);
	asm_go(g->a, inside(g, TYPE));
	asm_here(g->a, v1);
	part(g, pptp);
	asm_here(g->a, v2);
	erspan2(g);
	asm_here(g->a, v3);
	erspan3(g);
	asm_here(g->a, cache);
	wccp(g);
}

static void etherip(struct gen *g)
{
	need(g, 2);
	load(g, BPF_H, 0);
	must_be(g, 0x3000);
	forward(g, 2);
	asm_go(g->a, inside(g, ETHER));
}

/* ---- tunnels over UDP: X is the UDP header ----------------------------------------------------------------
 */

/* Both forms: the number of what follows counts where a flag says so. */
static void vxlan_inside(struct gen *g, asm_label unknown)
{
	asm_label numbered = asm_name(g->a);

	load(g, BPF_W, 8);
	keep(g, M_KEPT);
	forward(g, 16);
	kept(g, M_KEPT);
	asm_if(g->a, BPF_JSET, 0x04000000, numbered);
	asm_go(g->a, inside(g, ETHER));
	asm_here(g->a, numbered);
	alu(g, BPF_AND, 0xff);
	BRANCH(g, unknown, {1, inside(g, IP4)}, {2, inside(g, IP6)}, {3, inside(g, ETHER)},
	        {5, inside(g, MPLS)});
}

static void vxlan(struct gen *g)
{
	need(g, 16);
	load(g, BPF_W, 8);
	asm_unless(g->a, BPF_JSET, 0x08000000, g->fail);
	vxlan_inside(g, inside(g, ETHER));
}

static void vxlan_gpe(struct gen *g)
{
	need(g, 16);
	load(g, BPF_W, 8);
	asm_unless(g->a, BPF_JSET, 0x08000000, g->fail);
	must_not_have(g, 0x01000000);
	vxlan_inside(g, g->fail);
}

static void geneve(struct gen *g)
{
	need(g, 16);
	load(g, BPF_H, 8);
	must_not_have(g, 0xc000);
	load(g, BPF_H, 10);
	keep(g, M_KEPT);
	load(g, BPF_B, 8); /* length of the options in units of 4 bytes, the version above it is 0 */
	alu(g, BPF_LSH, 2);
	alu(g, BPF_ADD, 16);
	forward_by_a(g);
	kept(g, M_KEPT);
	asm_if(g->a, BPF_JEQ, 0x6558, inside(g, ETHER));
	asm_unless(g->a, BPF_JGE, ETHERTYPE_MIN, g->fail);
	asm_go(g->a, inside(g, TYPE));
}

/* X is before the extension header, where its type stands (0: there is none), and so it is again at its last
 * byte. */
static void gtpu_extension(struct gen *g, asm_label none)
{
	load(g, BPF_B, 0);
	asm_if(g->a, BPF_JEQ, 0, none);
	load(g, BPF_B, 1);
	asm_if(g->a, BPF_JEQ, 0, g->fail);
	alu(g, BPF_LSH, 2);
	forward_by_a(g);
}

static void gtpu(struct gen *g)
{
	asm_label optional = asm_name(g->a), more = asm_name(g->a), none = asm_name(g->a);

	need(g, 16);
	load(g, BPF_H, 8);
	alu(g, BPF_AND, 0xf8ff);
	must_be(g, 0x30ff);
	load(g, BPF_B, 8);
	asm_if(g->a, BPF_JSET, 7, optional);
	forward(g, 16);
	asm_go(g->a, inside(g, IP));
	asm_here(g->a, optional);
	need(g, 20);
	load(g, BPF_B, 8);
	asm_if(g->a, BPF_JSET, 4, more); /* only here does the type of the first extension header count */
	forward(g, 20);
	asm_go(g->a, inside(g, IP));
	asm_here(g->a, more);
	forward(g, 19);
	for (unsigned i = 0; i < GTPU_MAX; i++)
		gtpu_extension(g, none);
	load(g, BPF_B, 0);
	must_be(g, 0);
	asm_here(g->a, none);
	forward(g, 1);
	asm_go(g->a, inside(g, IP));
}

static void mpls_in_udp(struct gen *g)
{
	forward(g, 8);
	asm_go(g->a, inside(g, MPLS));
}

/* RFC 4380 5.1.1: alone or behind an origin indication; authentication is between a client and its server. */
static void teredo(struct gen *g)
{
	asm_label origin = asm_name(g->a);

	need(g, 16);
	load(g, BPF_H, 8);
	asm_if(g->a, BPF_JEQ, 0, origin);
	forward(g, 8);
	asm_go(g->a, inside(g, IP6));
	asm_here(g->a, origin);
	forward(g, 16);
	asm_go(g->a, inside(g, IP6));
}

static void gre_in_udp(struct gen *g)
{
	forward(g, 8);
	asm_go(g->a, here(g, GRE));
}

static const struct {
	uint16_t port;
	bool source_too; /* as in tunnel.c */
	void (*write)(struct gen *g);
} udp_tunnels[] = {
        {2152, true, gtpu},
        {4789, false, vxlan},
        {8472, false, vxlan},
        {4790, false, vxlan_gpe},
        {6081, false, geneve},
        {6635, false, mpls_in_udp},
        {3544, true, teredo},
        {4754, false, gre_in_udp},
};

#define UDP_TUNNELS (sizeof(udp_tunnels) / sizeof(udp_tunnels[0]))

/* Anybody may send to a port: when the inside is none, this datagram counts. */
static void udp_remember(struct gen *g)
{
	for (uint32_t i = 0; i < 3; i++) {
		kept(g, M_IP + i);
		keep(g, M_UDP_IP + i);
	}
}

/* Goes to to[i] when a port is that of udp_tunnels[i]. */
static void udp_ports(struct gen *g, const asm_label to[UDP_TUNNELS])
{
	load(g, BPF_H, 0);
	for (size_t i = 0; i < UDP_TUNNELS; i++)
		if (udp_tunnels[i].source_too)
			asm_if(g->a, BPF_JEQ, udp_tunnels[i].port, to[i]);
	load(g, BPF_H, 2);
	for (size_t i = 0; i < UDP_TUNNELS; i++)
		asm_if(g->a, BPF_JEQ, udp_tunnels[i].port, to[i]);
}

static void udp(struct gen *g)
{
	asm_label any[UDP_TUNNELS], each[UDP_TUNNELS], tunnel = asm_name(g->a);

	for (size_t i = 0; i < UDP_TUNNELS; i++) {
		any[i] = tunnel;
		each[i] = asm_name(g->a);
	}
	share_need(g->a, 8, g->done);
	udp_ports(g, any);
	asm_go(g->a, g->done);
	asm_here(g->a, tunnel);
	udp_remember(g);
	udp_ports(g, each);
	for (size_t i = 0; i < UDP_TUNNELS; i++) {
		asm_here(g->a, each[i]);
		part(g, udp_tunnels[i].write);
	}
}

/* A is the number of what is at X. */
static void protocol(struct gen *g)
{
	asm_label ports = asm_name(g->a), bridged = asm_name(g->a);

	asm_here(g->a, here(g, PROTO));
	asm_if(g->a, BPF_JEQ, 6, ports);
	asm_if(g->a, BPF_JEQ, 17, ports);
	if (innermost(g))
		asm_go(g->a, g->done);
	else
		BRANCH(g, g->done, {4, inside(g, IP4)}, {41, inside(g, IP6)}, {47, here(g, GRE)},
		        {97, bridged}, {137, inside(g, MPLS)});
	asm_here(g->a, ports);
	asm_op(g->a, BPF_STX, M_PORTS);
	if (innermost(g)) {
		asm_go(g->a, g->done);
		return;
	}
	asm_unless(g->a, BPF_JEQ, 17, g->done);
	part(g, udp);
	asm_here(g->a, here(g, GRE));
	part(g, gre);
	asm_here(g->a, bridged);
	etherip(g);
}

/* ---- the whole ------------------------------------------------------------------------------------------
 */

static void level(struct gen *g)
{
	part(g, link);
	part(g, ppp);
	part(g, mpls);
	part(g, ip);
	part(g, ip4);
	part(g, ip6);
	part(g, protocol);
}

/* A received packet begins behind its link header; one that this host sends begins with it, if it has one. */
static void begin(struct gen *g)
{
	asm_label received = asm_name(g->a);

	asm_op(g->a, BPF_LD | BPF_IMM, 0);
	for (uint32_t i = 0; i < M_WORDS; i++)
		keep(g, i);
	asm_op(g->a, BPF_MISC | BPF_TAX, 0);
	asm_op(g->a, LOAD_AD(SKF_AD_PKTTYPE));
	asm_unless(g->a, BPF_JEQ, PACKET_OUTGOING, received);
	asm_op(g->a, LOAD_AD(SKF_AD_HATYPE));
	asm_if(g->a, BPF_JEQ, ARPHRD_ETHER, here(g, ETHER));
	asm_if(g->a, BPF_JEQ, ARPHRD_LOOPBACK, here(g, ETHER));
	asm_here(g->a, received);
	asm_op(g->a, LOAD_AD(SKF_AD_PROTOCOL));
	asm_go(g->a, here(g, TYPE));
}

/* Nothing more is read: the innermost UDP datagram to a tunnel counts, else the innermost IP header. */
static void end(struct gen *g)
{
	asm_label no_udp = asm_name(g->a);

	asm_here(g->a, g->nothing);
	kept(g, M_UDP_FAMILY);
	asm_if(g->a, BPF_JEQ, 0, no_udp);
	for (uint32_t i = 0; i < 3; i++) {
		kept(g, M_UDP_IP + i);
		keep(g, M_IP + i);
	}
	asm_go(g->a, g->done);
	asm_here(g->a, no_udp);
	kept(g, M_FAMILY);
	asm_unless(g->a, BPF_JEQ, 0, g->done);
	asm_op(g->a, BPF_RET | BPF_K, 0);
	asm_here(g->a, g->done);
}

void share_walk(struct bpf_asm *a, unsigned levels)
{
	struct gen g = {.a = a, .levels = levels};

	for (unsigned l = 0; l < levels; l++)
		for (unsigned e = 0; e < ENTRIES; e++)
			g.at[l][e] = asm_name(a);
	g.done = asm_name(a);
	g.nothing = asm_name(a);
	g.fail = asm_name(a);
	begin(&g);
	for (g.level = 0; g.level < levels; g.level++)
		level(&g);
	end(&g);
}
