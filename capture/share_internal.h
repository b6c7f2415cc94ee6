/* share_internal.h - what the two halves of the kernel's program (share.h) agree on: share_walk.c finds the
 * packet inside of all that it came wrapped in, share.c decides by its addresses. */
#ifndef CAPTURE_SHARE_INTERNAL_H
#define CAPTURE_SHARE_INTERNAL_H

#include "capture/bpf_asm.h"
#include "capture/share.h"

/* Scratch words.  A place is a distance from where the program's packet begins. */
enum share_word {
	/* the innermost IP header so far: its place, 4 or 6 (0: there is none), the place of its ports */
	M_IP,
	M_FAMILY,
	M_PORTS,
	/* the same of the innermost UDP datagram to the port of a tunnel */
	M_UDP_IP,
	M_UDP_FAMILY,
	M_UDP_PORTS,
	/* the walk's own, from one instruction to a later one */
	M_KEPT,
	M_SIZE,
	/* of the decision */
	M_SRC,
	M_DST,
	M_SRC_IN,
	M_DST_IN,
	M_SRC_PROXY,
	M_DST_PROXY,
	M_ASKER,
	M_WORDS
};

#define SHARE_NO_PORTS UINT32_MAX

/* Writes the walk through at most `levels` packets, one inside the other.  The program goes on behind it with
 * M_IP, M_FAMILY and M_PORTS; a packet that holds no IP ends it with 0. */
void share_walk(struct bpf_asm *a, unsigned levels);

static inline void share_load(struct bpf_asm *a, uint16_t size, uint32_t at) /* A = what stands at X + at */
{
	asm_op(a, (uint16_t)(BPF_LD | size | BPF_IND), at);
}

/* Goes to `otherwise` unless n bytes stand at X: a load behind the end would end the program. */
static inline void share_need(struct bpf_asm *a, uint32_t n, asm_label otherwise)
{
	asm_op(a, BPF_LD | BPF_W | BPF_LEN, 0);
	asm_unless(a, BPF_JGE | BPF_X, 0, otherwise);
	asm_op(a, BPF_ALU | BPF_SUB | BPF_X, 0);
	asm_unless(a, BPF_JGE, n, otherwise);
}

#endif
