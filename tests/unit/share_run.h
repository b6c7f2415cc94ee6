/* share_run.h - the kernel's program of share.h, run by libpcap's interpreter of classic BPF.  That one does
 * not know Linux's own loads (what the kernel knows of a packet beside its bytes): they become constants. */
#ifndef TESTS_UNIT_SHARE_RUN_H
#define TESTS_UNIT_SHARE_RUN_H

#include "capture/share.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct share_run {
	struct bpf_insn program[SHARE_PROGRAM_MAX];
	uint32_t asks[SHARE_PROGRAM_MAX]; /* the load that stood there, 0: one of the packet's bytes */
	size_t n;
};

_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "two names of one thing");

/* How many packets, one inside the other, the program reads; 0: none was made, or it is not valid. */
static inline unsigned share_run_compile(struct share_run *r, const struct share_networks *w)
{
	unsigned levels;

	r->n = share_program(w, (struct sock_filter *)r->program, SHARE_PROGRAM_MAX, &levels);
	memset(r->asks, 0, sizeof(r->asks));
	for (size_t i = 0; i < r->n; i++) {
		struct bpf_insn *f = &r->program[i];

		if (f->code == (BPF_LD | BPF_W | BPF_ABS) && f->k >= (uint32_t)SKF_AD_OFF) {
			r->asks[i] = f->k;
			f->code = BPF_LD | BPF_IMM;
		}
	}
	return bpf_validate(r->program, (int)r->n) ? levels : 0;
}

static inline void share_run_know(struct share_run *r, uint32_t what, uint32_t value)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->asks[i] == (uint32_t)SKF_AD_OFF + what)
			r->program[i].k = value;
}

static inline uint32_t share_run(const struct share_run *r, const uint8_t *b, size_t n)
{
	return bpf_filter(r->program, b, (unsigned)n, (unsigned)n);
}

/* A frame that arrived: the program sees what is behind the Ethernet header, of which it knows the type. */
static inline uint32_t share_run_received(struct share_run *r, const uint8_t *frame, size_t n)
{
	unsigned type = (unsigned)frame[12] << 8 | frame[13];

	share_run_know(r, SKF_AD_PKTTYPE, PACKET_OTHERHOST);
	share_run_know(r, SKF_AD_HATYPE, ARPHRD_ETHER);
	share_run_know(r, SKF_AD_PROTOCOL, type < 0x600 ? ETH_P_802_2 : type);
	return share_run(r, frame + 14, n - 14);
}

/* A frame that this host sent. */
static inline uint32_t share_run_sent(struct share_run *r, const uint8_t *frame, size_t n)
{
	share_run_know(r, SKF_AD_PKTTYPE, PACKET_OUTGOING);
	share_run_know(r, SKF_AD_HATYPE, ARPHRD_ETHER);
	share_run_know(r, SKF_AD_PROTOCOL, ETH_P_IP);
	return share_run(r, frame, n);
}

#endif
