/* bpf_asm.h - writes classic BPF programs (Linux Documentation/networking/filter.rst) with labels instead of
 * distances.  Jumps go forward only, as the machine knows no others, and a conditional jump reaches no
 * further than 255 instructions: one that has to takes an unconditional one behind it.  Which have to is
 * known only when all is written; so a program is written several times with the same calls (asm_again()),
 * until every jump that can be short is. */
#ifndef CAPTURE_BPF_ASM_H
#define CAPTURE_BPF_ASM_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASM_LABELS_MAX 4096
#define ASM_JUMPS_MAX  16384

typedef unsigned asm_label; /* from asm_name() */

enum asm_part { ASM_GO, ASM_TRUE, ASM_FALSE };

/* Too large for a stack. */
struct bpf_asm {
	struct sock_filter *out;
	size_t n, max;
	bool broken; /* too much of anything: no further turn will help */
	unsigned labels, jumps;
	uint16_t place[ASM_LABELS_MAX]; /* where the label stands in this turn */
	struct {
		uint16_t at;
		uint16_t label;
		uint8_t part; /* enum asm_part, of the instruction at `at`: where the distance stands */
		bool conditional;
		bool near; /* conditional, and in the turn before no more than 255 away */
	} jump[ASM_JUMPS_MAX];
};

/* `out` has room for `max` instructions. */
void asm_begin(struct bpf_asm *a, struct sock_filter *out, size_t max);
/* Ends a turn: the distances are filled in.  true: another turn would make it shorter. */
bool asm_end(struct bpf_asm *a);
/* Begins the next turn. */
void asm_again(struct bpf_asm *a);
/* The length of what was written, 0 when it did not fit. */
size_t asm_length(const struct bpf_asm *a);

asm_label asm_name(struct bpf_asm *a);
/* The label stands here; all jumps to it come before. */
void asm_here(struct bpf_asm *a, asm_label l);

void asm_op(struct bpf_asm *a, uint16_t code, uint32_t k);
void asm_go(struct bpf_asm *a, asm_label l);
/* `test` is BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET: of A with k; with BPF_X of A with X. */
void asm_if(struct bpf_asm *a, uint16_t test, uint32_t k, asm_label l);
void asm_unless(struct bpf_asm *a, uint16_t test, uint32_t k, asm_label l);

#endif
