/* share_walk.c - the walk of decode.c and tunnel.c as a classic BPF program: from the network header of a
 * received frame (the link header of a sent one) to the innermost IP header.  See share_internal.h.
 *
 * Nothing can be repeated in such a program, so each level (a packet, and what it is wrapped in inside of the
 * level before) is written out: tags, labels, IPv6 extension headers, and the tunnels that lead to the next
 * level.  What is rare is not there: TRILL, NSH, L2TP, CAPWAP, 802.11, Cisco's HDLC.  The bounds of each file
 * are those of what is written; what is wrapped deeper is decided by the innermost header reached.  Header
 * fields that only tell sound packets from broken ones are looked at where anybody may have written them,
 * behind the port of a tunnel; else a broken packet may come to any worker, and a load behind the end of a
 * short one ends the program with 0.
 *
 * X is the place of the next header all the time, A is free.  Loads are relative to the packet and not to
 * SKF_NET_OFF: those reach only the linear part of what the kernel holds, where cards that split headers off
 * put the outer ones alone. */
#include "capture/share_gen.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define EXTENSIONS_MAX 4 /* of IPv6, in a packet */

#define LOAD_AD(what) BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + (what))

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
	part(g, share_write_udp);
	asm_here(g->a, here(g, GRE));
	part(g, share_write_gre);
	asm_here(g->a, bridged);
	share_write_etherip(g);
}

/* ---- the whole ------------------------------------------------------------------------------------------
 */

static void level(struct gen *g)
{
	part(g, share_write_link);
	part(g, share_write_ppp);
	part(g, share_write_mpls);
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
