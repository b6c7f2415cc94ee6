/* share_tunnel.c - tunnels in the kernel's walk (share_walk.c), as tunnel.c reads them. */
#include "capture/share_gen.h"

#define ROUTES_MAX 2 /* source routes in a GRE header */
#define GTPU_MAX   4 /* extension headers of GTP-U */

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

void share_write_gre(struct gen *g)
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

void share_write_etherip(struct gen *g)
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

void share_write_udp(struct gen *g)
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
