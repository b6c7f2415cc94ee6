/* share_gen.h - what the parts of the kernel's walk (share_walk.c, share_link.c, share_tunnel.c) are written
 * with. X is the place of the next header all the time, A is free. */
#ifndef CAPTURE_SHARE_GEN_H
#define CAPTURE_SHARE_GEN_H

#include "capture/share_internal.h"

#define ETHERTYPE_MIN 0x600

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
static inline void part(struct gen *g, void (*write)(struct gen *g))
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

static inline void load(struct gen *g, uint16_t size, uint32_t at)
{
	share_load(g->a, size, at);
}

static inline void need(struct gen *g, uint32_t n)
{
	share_need(g->a, n, g->fail);
}

static inline void keep(struct gen *g, uint32_t word)
{
	asm_op(g->a, BPF_ST, word);
}

static inline void kept(struct gen *g, uint32_t word)
{
	asm_op(g->a, BPF_LD | BPF_MEM, word);
}

static inline void alu(struct gen *g, uint16_t what, uint32_t k)
{
	asm_op(g->a, (uint16_t)(BPF_ALU | what | BPF_K), k);
}

static inline void forward(struct gen *g, uint32_t n)
{
	asm_op(g->a, BPF_MISC | BPF_TXA, 0);
	alu(g, BPF_ADD, n);
	asm_op(g->a, BPF_MISC | BPF_TAX, 0);
}

static inline void forward_by_a(struct gen *g)
{
	asm_op(g->a, BPF_ALU | BPF_ADD | BPF_X, 0);
	asm_op(g->a, BPF_MISC | BPF_TAX, 0);
}

/* A = the number at X + at, then X goes on. */
static inline void number_forward(struct gen *g, uint32_t at, uint32_t n)
{
	load(g, BPF_H, at);
	keep(g, M_KEPT);
	forward(g, n);
	kept(g, M_KEPT);
}

/* A must be `k`, or the header is none of its kind. */
static inline void must_be(struct gen *g, uint32_t k)
{
	asm_unless(g->a, BPF_JEQ, k, g->fail);
}

static inline void must_not_have(struct gen *g, uint32_t bits)
{
	asm_if(g->a, BPF_JSET, bits, g->fail);
}

static inline void branch(struct gen *g, const struct way *ways, size_t n, asm_label otherwise)
{
	for (size_t i = 0; i < n; i++)
		asm_if(g->a, BPF_JEQ, ways[i].number, ways[i].to);
	asm_go(g->a, otherwise);
}

#define BRANCH(g, otherwise, ...)                                                                            \
	branch((g), (const struct way[]){__VA_ARGS__},                                                       \
	        sizeof((const struct way[]){__VA_ARGS__}) / sizeof(struct way), (otherwise))

static inline asm_label here(struct gen *g, enum entry e)
{
	return g->at[g->level][e];
}

/* In the packet inside of this one; where that is too deep, this one counts. */
static inline asm_label inside(struct gen *g, enum entry e)
{
	return g->level + 1 < g->levels ? g->at[g->level + 1][e] : g->done;
}

static inline bool innermost(const struct gen *g)
{
	return g->level + 1 == g->levels;
}

/* Each writes what it is named for and ends with a jump. */
/* share_link.c: from Ethernet, or an ethertype in A, on; PPP; a stack of labels */
void share_write_link(struct gen *g);
void share_write_ppp(struct gen *g);
void share_write_mpls(struct gen *g);
/* share_tunnel.c: directly in IP, and over UDP (X is the UDP header) */
void share_write_gre(struct gen *g);
void share_write_etherip(struct gen *g);
void share_write_udp(struct gen *g);

#endif
