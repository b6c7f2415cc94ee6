/* share.c - see share.h.  Classic BPF as in Linux Documentation/networking/filter.rst; loads are relative to
 * the network header (SKF_NET_OFF), because a fanout program sees received frames from there on and sent ones
 * from their link header. */
#include "capture/share.h"

#include <linux/if_ether.h>
#include <string.h>

#define MIX 0x9e3779b1u /* 2^32 / golden ratio: spreads neighbouring addresses */

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
	bool src_internal = proxy ? from.proxy : from.internal;
	bool dst_internal = proxy ? to.proxy : to.internal;

	if (src_internal != dst_internal)
		v = src_internal ? src : dst;
	else if (src_internal && p->sport != p->dport)
		v = p->sport > p->dport ? src : dst;
	else
		v = src ^ dst;
	return mix(v) % count;
}

/* ---- the program ----------------------------------------------------------------------------------------
 */

/* Scratch words of the program. */
enum { M_SRC, M_DST, M_SPORT, M_DPORT, M_SRC_IN, M_DST_IN, M_SRC_PROXY, M_DST_PROXY };

struct prog {
	struct sock_filter *out;
	size_t n, max;
};

static void op(struct prog *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (p->n < p->max)
		p->out[p->n] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
	p->n++;
}

static void load(struct prog *p, uint16_t size, uint32_t at)
{
	op(p, BPF_LD | size | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + at);
}

/* M[into] = 1 when one of the networks covers the address that stands at `at`. */
static void covered(struct prog *p, const struct cidr *list, size_t n, bool v4, uint32_t at, uint32_t into)
{
	op(p, BPF_LD | BPF_IMM, 0, 0, 0);
	op(p, BPF_ST, 0, 0, into);
	for (size_t i = 0; i < n; i++) {
		unsigned bits = list[i].bits - (v4 ? 96u : 0u), checks;

		if (ip_is4(&list[i].addr) != v4 || (v4 && list[i].bits < 96))
			continue;
		checks = (bits + 31) / 32;
		for (unsigned w = 0; w < checks; w++) {
			unsigned here = bits - 32 * w >= 32 ? 32 : bits - 32 * w;
			uint32_t mask = here == 32 ? 0xffffffffu : ~(0xffffffffu >> here), net;

			memcpy(&net, list[i].addr.b + (v4 ? 12 : 0) + 4 * w, sizeof(net));
			load(p, BPF_W, at + 4 * w);
			op(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
			/* a word that differs skips the rest of this network: 3 for each further word, 2 to
			 * store */
			op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(3 * (checks - w - 1) + 2),
			        __builtin_bswap32(net));
		}
		op(p, BPF_LD | BPF_IMM, 0, 0, 1);
		op(p, BPF_ST, 0, 0, into);
	}
}

static void keep_address(struct prog *p, bool v4, uint32_t at, uint32_t into)
{
	load(p, BPF_W, at);
	for (uint32_t w = 1; !v4 && w < 4; w++) {
		op(p, BPF_MISC | BPF_TAX, 0, 0, 0);
		load(p, BPF_W, at + 4 * w);
		op(p, BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0);
	}
	op(p, BPF_ST, 0, 0, into);
}

static void keep_ports(struct prog *p, bool v4)
{
	if (v4) { /* X = length of the IPv4 header */
		load(p, BPF_B, 0);
		op(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, 15);
		op(p, BPF_ALU | BPF_LSH | BPF_K, 0, 0, 2);
		op(p, BPF_MISC | BPF_TAX, 0, 0, 0);
	} else {
		op(p, BPF_LDX | BPF_IMM, 0, 0, 40);
	}
	for (uint32_t i = 0; i < 2; i++) {
		op(p, BPF_LD | BPF_H | BPF_IND, 0, 0, (uint32_t)SKF_NET_OFF + 2 * i);
		op(p, BPF_ST, 0, 0, M_SPORT + i);
	}
}

/* Where an end is a proxy, that is what counts. */
static void prefer_proxy(struct prog *p)
{
	op(p, BPF_LD | BPF_MEM, 0, 0, M_SRC_PROXY);
	op(p, BPF_LDX | BPF_MEM, 0, 0, M_DST_PROXY);
	op(p, BPF_ALU | BPF_OR | BPF_X, 0, 0, 0);
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 0); /* neither */
	op(p, BPF_LD | BPF_MEM, 0, 0, M_SRC_PROXY);
	op(p, BPF_ST, 0, 0, M_SRC_IN);
	op(p, BPF_LD | BPF_MEM, 0, 0, M_DST_PROXY);
	op(p, BPF_ST, 0, 0, M_DST_IN);
}

static void family(struct prog *p, const struct share_networks *w, bool v4)
{
	uint32_t src = v4 ? 12 : 8, dst = v4 ? 16 : 24;

	covered(p, w->internal, w->n_internal, v4, src, M_SRC_IN);
	covered(p, w->internal, w->n_internal, v4, dst, M_DST_IN);
	if (w->n_proxies) {
		covered(p, w->proxies, w->n_proxies, v4, src, M_SRC_PROXY);
		covered(p, w->proxies, w->n_proxies, v4, dst, M_DST_PROXY);
		prefer_proxy(p);
	}
	keep_address(p, v4, src, M_SRC);
	keep_address(p, v4, dst, M_DST);
	/* last: a load behind the end of a short packet ends the program with 0, the first worker */
	keep_ports(p, v4);
}

/* The same decision as share_of(), over the scratch words. */
static void decide(struct prog *p)
{
	op(p, BPF_LD | BPF_MEM, 0, 0, M_SRC_IN);
	op(p, BPF_LDX | BPF_MEM, 0, 0, M_DST_IN);
	op(p, BPF_JMP | BPF_JEQ | BPF_X, 2, 0, 0);  /* both or none: on */
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 10, 0, 1); /* source: src */
	op(p, BPF_JMP | BPF_JA, 0, 0, 11);          /* dst */
	op(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 1);  /* none: both mixed */
	op(p, BPF_LD | BPF_MEM, 0, 0, M_SPORT);
	op(p, BPF_LDX | BPF_MEM, 0, 0, M_DPORT);
	op(p, BPF_JMP | BPF_JGT | BPF_X, 5, 0, 0); /* src */
	op(p, BPF_JMP | BPF_JEQ | BPF_X, 0, 6, 0); /* equal: both mixed, else dst */
	op(p, BPF_LD | BPF_MEM, 0, 0, M_SRC);      /* both mixed */
	op(p, BPF_LDX | BPF_MEM, 0, 0, M_DST);
	op(p, BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0);
	op(p, BPF_JMP | BPF_JA, 0, 0, 3);     /* mix */
	op(p, BPF_LD | BPF_MEM, 0, 0, M_SRC); /* src */
	op(p, BPF_JMP | BPF_JA, 0, 0, 1);
	op(p, BPF_LD | BPF_MEM, 0, 0, M_DST);        /* dst */
	op(p, BPF_ALU | BPF_MUL | BPF_K, 0, 0, MIX); /* mix */
	op(p, BPF_MISC | BPF_TAX, 0, 0, 0);
	op(p, BPF_ALU | BPF_RSH | BPF_K, 0, 0, 16);
	op(p, BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0);
	op(p, BPF_RET | BPF_A, 0, 0, 0);
}

size_t share_program(const struct share_networks *w, struct sock_filter *out, size_t max)
{
	struct prog p = {.out = out, .max = max};
	size_t skip4, skip6;

	op(&p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	op(&p, BPF_JMP | BPF_JEQ | BPF_K, 3, 0, ETH_P_IP);
	op(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ETH_P_IPV6);
	op(&p, BPF_RET | BPF_K, 0, 0, 0);
	skip6 = p.n;
	op(&p, BPF_JMP | BPF_JA, 0, 0, 0); /* to IPv6, filled in below */
	family(&p, w, true);
	skip4 = p.n;
	op(&p, BPF_JMP | BPF_JA, 0, 0, 0); /* to the decision */
	if (p.n <= max)
		out[skip6].k = (uint32_t)(p.n - skip6 - 1);
	family(&p, w, false);
	if (p.n <= max)
		out[skip4].k = (uint32_t)(p.n - skip4 - 1);
	decide(&p);
	return p.n <= max ? p.n : 0;
}
