/* share.c - see share.h.  share_walk.c writes the part of the program that finds the addresses, here is what
 * decides by them, for files in C and for the kernel in classic BPF. */
#include "capture/share.h"

#include "capture/share_internal.h"

#include <stdlib.h>
#include <string.h>

#define MIX      0x9e3779b1u /* 2^32 / golden ratio: spreads neighbouring addresses */
#define PORT_DNS 53

static uint32_t mix(uint32_t v)
{
	v *= MIX;
	return v ^ v >> 16;
}

static uint32_t fold(const struct ip_addr *a)
{
	uint32_t w[4], first = ip_is4(a) ? 3 : 0, v = 0;

	memcpy(w, a->b, sizeof(w));
	for (uint32_t i = first; i < 4; i++)
		v ^= __builtin_bswap32(w[i]);
	return v;
}

unsigned share_of(const struct packet *p, struct share_end from, struct share_end to, unsigned count)
{
	uint32_t src = fold(&p->src), dst = fold(&p->dst), v;
	bool proxy = from.proxy || to.proxy;
	bool src_counts = proxy ? from.proxy : from.internal;
	bool dst_counts = proxy ? to.proxy : to.internal;
	bool src_asks = p->dport == PORT_DNS && p->sport != PORT_DNS && from.internal;
	bool dst_asks = p->sport == PORT_DNS && p->dport != PORT_DNS && to.internal;

	if (src_asks || dst_asks)
		v = src_asks ? src : dst;
	else if (src_counts != dst_counts)
		v = src_counts ? src : dst;
	else
		v = src ^ dst;
	return mix(v) % count;
}

/* ---- the program ----------------------------------------------------------------------------------------
 */

static void kept(struct bpf_asm *a, uint32_t word)
{
	asm_op(a, BPF_LD | BPF_MEM, word);
}

static void set(struct bpf_asm *a, uint32_t word, uint32_t value)
{
	asm_op(a, BPF_LD | BPF_IMM, value);
	asm_op(a, BPF_ST, word);
}

/* Goes to `found` when the address at X + at is in the network. */
static void in_network(struct bpf_asm *a, const struct cidr *c, bool v4, uint32_t at, asm_label found)
{
	unsigned bits = c->bits - (v4 ? 96u : 0u);
	asm_label other = asm_name(a);

	if (!bits)
		asm_go(a, found);
	for (unsigned w = 0; w * 32 < bits; w++) {
		unsigned here = bits - 32 * w >= 32 ? 32 : bits - 32 * w;
		bool last = bits <= 32 * (w + 1);
		uint32_t net;

		memcpy(&net, c->addr.b + (v4 ? 12 : 0) + 4 * w, sizeof(net));
		share_load(a, BPF_W, at + 4 * w);
		if (here < 32)
			asm_op(a, BPF_ALU | BPF_AND | BPF_K, ~(0xffffffffu >> here));
		if (last)
			asm_if(a, BPF_JEQ, __builtin_bswap32(net), found);
		else
			asm_unless(a, BPF_JEQ, __builtin_bswap32(net), other);
	}
	asm_here(a, other);
}

/* M[into] = 1 when one of the networks covers the address at X + at; it is 0 before. */
static void covered(struct bpf_asm *a, const struct cidr *list, size_t n, bool v4, uint32_t at, uint32_t into)
{
	asm_label found = asm_name(a), done = asm_name(a);

	for (size_t i = 0; i < n; i++)
		if (ip_is4(&list[i].addr) == v4 && (!v4 || list[i].bits >= 96))
			in_network(a, &list[i], v4, at, found);
	asm_go(a, done);
	asm_here(a, found);
	set(a, into, 1);
	asm_here(a, done);
}

static void keep_address(struct bpf_asm *a, bool v4, uint32_t at, uint32_t into)
{
	share_load(a, BPF_W, at);
	asm_op(a, BPF_ST, into);
	for (uint32_t w = 1; !v4 && w < 4; w++) {
		share_load(a, BPF_W, at + 4 * w);
		asm_op(a, BPF_STX, M_KEPT);
		asm_op(a, BPF_LDX | BPF_MEM, into);
		asm_op(a, BPF_ALU | BPF_XOR | BPF_X, 0);
		asm_op(a, BPF_LDX | BPF_MEM, M_KEPT);
		asm_op(a, BPF_ST, into);
	}
}

/* X = the IP header that counts. */
static void family(struct bpf_asm *a, const struct share_networks *w, bool v4)
{
	uint32_t src = v4 ? 12 : 8, dst = v4 ? 16 : 24;

	covered(a, w->internal, w->n_internal, v4, src, M_SRC_IN);
	covered(a, w->internal, w->n_internal, v4, dst, M_DST_IN);
	covered(a, w->proxies, w->n_proxies, v4, src, M_SRC_PROXY);
	covered(a, w->proxies, w->n_proxies, v4, dst, M_DST_PROXY);
	keep_address(a, v4, src, M_SRC);
	keep_address(a, v4, dst, M_DST);
}

static void addresses(struct bpf_asm *a, const struct share_networks *w)
{
	asm_label six = asm_name(a), done = asm_name(a);

	asm_op(a, BPF_LDX | BPF_MEM, M_IP);
	kept(a, M_FAMILY);
	asm_if(a, BPF_JEQ, 6, six);
	family(a, w, true);
	asm_go(a, done);
	asm_here(a, six);
	family(a, w, false);
	asm_here(a, done);
}

/* Goes on when nobody internal talks to port 53, else to `src` or `dst`. */
static void ask(struct bpf_asm *a, asm_label src, asm_label dst)
{
	asm_label from_53 = asm_name(a), none = asm_name(a);

	kept(a, M_PORTS);
	asm_if(a, BPF_JEQ, SHARE_NO_PORTS, none);
	asm_op(a, BPF_MISC | BPF_TAX, 0);
	share_need(a, 4, none);
	share_load(a, BPF_H, 0);
	asm_if(a, BPF_JEQ, PORT_DNS, from_53);
	share_load(a, BPF_H, 2);
	asm_unless(a, BPF_JEQ, PORT_DNS, none);
	kept(a, M_SRC_IN);
	asm_if(a, BPF_JEQ, 1, src);
	asm_go(a, none);
	asm_here(a, from_53);
	share_load(a, BPF_H, 2);
	asm_if(a, BPF_JEQ, PORT_DNS, none);
	kept(a, M_DST_IN);
	asm_if(a, BPF_JEQ, 1, dst);
	asm_here(a, none);
}

/* Goes to the one that has what the other has not, if so. */
static void one_of(struct bpf_asm *a, uint32_t of_src, uint32_t of_dst, asm_label src, asm_label dst)
{
	asm_label both = asm_name(a);

	kept(a, of_src);
	asm_op(a, BPF_LDX | BPF_MEM, of_dst);
	asm_if(a, BPF_JEQ | BPF_X, 0, both);
	asm_if(a, BPF_JEQ, 1, src);
	asm_go(a, dst);
	asm_here(a, both);
}

/* The same decision as share_of(). */
static void decide(struct bpf_asm *a)
{
	asm_label src = asm_name(a), dst = asm_name(a), both = asm_name(a), no_proxy = asm_name(a),
	          found = asm_name(a);

	ask(a, src, dst);
	one_of(a, M_SRC_PROXY, M_DST_PROXY, src, dst);
	kept(a, M_SRC_PROXY);
	asm_if(a, BPF_JEQ, 0, no_proxy);
	asm_go(a, both);
	asm_here(a, no_proxy);
	one_of(a, M_SRC_IN, M_DST_IN, src, dst);
	asm_here(a, both);
	kept(a, M_SRC);
	asm_op(a, BPF_LDX | BPF_MEM, M_DST);
	asm_op(a, BPF_ALU | BPF_XOR | BPF_X, 0);
	asm_go(a, found);
	asm_here(a, src);
	kept(a, M_SRC);
	asm_go(a, found);
	asm_here(a, dst);
	kept(a, M_DST);
	asm_here(a, found);
	asm_op(a, BPF_ALU | BPF_MUL | BPF_K, MIX);
	asm_op(a, BPF_MISC | BPF_TAX, 0);
	asm_op(a, BPF_ALU | BPF_RSH | BPF_K, 16);
	asm_op(a, BPF_ALU | BPF_XOR | BPF_X, 0);
	asm_op(a, BPF_RET | BPF_A, 0);
}

size_t share_program(const struct share_networks *w, struct sock_filter *out, size_t max, unsigned *levels)
{
	struct bpf_asm *a = malloc(sizeof(*a));
	size_t n = 0;

	if (!a)
		return 0;
	for (*levels = SHARE_LEVELS; *levels && !n; *levels -= !n) {
		asm_begin(a, out, max);
		do {
			asm_again(a);
			share_walk(a, *levels);
			addresses(a, w);
			decide(a);
		} while (asm_end(a));
		n = asm_length(a);
	}
	free(a);
	return n;
}
