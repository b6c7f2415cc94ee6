/* bpf_asm.c - see bpf_asm.h.
 *
 * A jump that is near in one turn is near in the next: from turn to turn jumps only become shorter, and what
 * stands between two places with them. */
#include "capture/bpf_asm.h"

#include <assert.h>

#define NEAR_MAX   255
#define CODE_MAX   32768 /* of a turn in which jumps are still long */
#define NOT_PLACED UINT16_MAX

void asm_begin(struct bpf_asm *a, struct sock_filter *out, size_t max)
{
	a->out = out;
	a->max = max;
	a->broken = false;
	for (size_t i = 0; i < ASM_JUMPS_MAX; i++)
		a->jump[i].near = false;
	asm_again(a);
}

void asm_again(struct bpf_asm *a)
{
	a->n = 0;
	a->labels = a->jumps = 0;
}

size_t asm_length(const struct bpf_asm *a)
{
	return a->broken || a->n > a->max ? 0 : a->n;
}

static void put(struct bpf_asm *a, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (a->n == CODE_MAX) {
		a->broken = true;
		return;
	}
	if (a->n < a->max)
		a->out[a->n] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
	a->n++;
}

void asm_op(struct bpf_asm *a, uint16_t code, uint32_t k)
{
	put(a, code, 0, 0, k);
}

asm_label asm_name(struct bpf_asm *a)
{
	if (a->labels == ASM_LABELS_MAX) {
		a->broken = true;
		return ASM_LABELS_MAX - 1;
	}
	a->place[a->labels] = NOT_PLACED;
	return a->labels++;
}

void asm_here(struct bpf_asm *a, asm_label l)
{
	assert(a->broken || a->place[l] == NOT_PLACED);
	a->place[l] = (uint16_t)a->n;
}

/* Remembers that the instruction which comes next holds the distance to the label; true: a near one. */
static bool note(struct bpf_asm *a, asm_label l, enum asm_part part, bool conditional)
{
	unsigned j = a->jumps;

	if (j == ASM_JUMPS_MAX) {
		a->broken = true;
		return false;
	}
	assert(a->broken || a->place[l] == NOT_PLACED);
	a->jumps++;
	a->jump[j].at = (uint16_t)a->n;
	a->jump[j].label = (uint16_t)l;
	a->jump[j].part = (uint8_t)part;
	a->jump[j].conditional = conditional;
	if (conditional && !a->jump[j].near) { /* the distance stands in the jump behind it */
		a->jump[j].at++;
		a->jump[j].part = ASM_GO;
	}
	return a->jump[j].near;
}

void asm_go(struct bpf_asm *a, asm_label l)
{
	(void)note(a, l, ASM_GO, false);
	put(a, BPF_JMP | BPF_JA, 0, 0, 0);
}

void asm_if(struct bpf_asm *a, uint16_t test, uint32_t k, asm_label l)
{
	bool near = note(a, l, ASM_TRUE, true);

	put(a, (uint16_t)(BPF_JMP | test), 0, near ? 0 : 1, k);
	if (!near)
		put(a, BPF_JMP | BPF_JA, 0, 0, 0);
}

void asm_unless(struct bpf_asm *a, uint16_t test, uint32_t k, asm_label l)
{
	bool near = note(a, l, ASM_FALSE, true);

	put(a, (uint16_t)(BPF_JMP | test), near ? 0 : 1, 0, k);
	if (!near)
		put(a, BPF_JMP | BPF_JA, 0, 0, 0);
}

bool asm_end(struct bpf_asm *a)
{
	bool shorter = false;

	for (unsigned j = 0; !a->broken && j < a->jumps; j++) {
		size_t at = a->jump[j].at, to = a->place[a->jump[j].label];
		uint32_t distance = (uint32_t)(to - at - 1);

		assert(to != NOT_PLACED && to > at);
		if (at < a->max) {
			switch (a->jump[j].part) {
			case ASM_GO:
				a->out[at].k = distance;
				break;
			case ASM_TRUE:
				a->out[at].jt = (uint8_t)distance;
				break;
			case ASM_FALSE:
				a->out[at].jf = (uint8_t)distance;
				break;
			}
		}
		if (a->jump[j].conditional && !a->jump[j].near && distance < NEAR_MAX) {
			a->jump[j].near = true;
			shorter = true;
		}
	}
	return shorter;
}
