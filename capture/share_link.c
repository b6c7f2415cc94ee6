/* share_link.c - links and MPLS in the kernel's walk (share_walk.c), as link.c and tunnel.c read them. */
#include "capture/share_gen.h"

#define TAGS_MAX          4 /* of VLANs, and between them one of another kind */
#define TAGS_BEFORE_OTHER 2
#define LABELS_MAX        8

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

void share_write_link(struct gen *g)
{
	ether(g);
	type(g);
}

/* As ppp_read() of decode.c, but for Cisco's HDLC, which is no part of a tunnel. */
void share_write_ppp(struct gen *g)
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

void share_write_mpls(struct gen *g)
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
