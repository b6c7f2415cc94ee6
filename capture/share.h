/* share.h - which of several workers a packet belongs to: all flows of one internal address meet in one
 * worker, so that what spans flows (DNS answers, both sides of a proxy) needs no lock.
 *
 * The address is, by what comes first:
 *   - that of an internal host which talks DNS to port 53, so that answers meet the flows they name;
 *   - that of the end which is a proxy, where one is;
 *   - that of the end which is internal, where one is;
 *   - a mixture of both, the same either way.
 * But for port 53 no port is looked at: fragments, which have none, meet the whole packets of their flow.  It
 * is the packet inside of all tunnels that counts.
 *
 * Live ports ask the kernel (PACKET_FANOUT_CBPF), files ask share_of().  What the kernel's program cannot see
 * (docs/decisions.md) workers hand to each other: handover.h. */
#ifndef CAPTURE_SHARE_H
#define CAPTURE_SHARE_H

#include "capture/packet.h"

#include <linux/filter.h>
#include <stddef.h>

/* What is known of one end of a packet. */
struct share_end {
	bool internal, proxy;
};

/* Which of `count` workers has the packet. */
unsigned share_of(const struct packet *p, struct share_end from, struct share_end to, unsigned count);

struct share_networks {
	const struct cidr *internal, *proxies;
	size_t n_internal, n_proxies;
};

#define SHARE_PROGRAM_MAX 4096 /* BPF_MAXINSNS */

/* The same for the kernel, as a classic BPF program; returns its length, 0 when it does not fit.  `*levels`
 * is then how many packets, one inside the other, it reads: SHARE_LEVELS, fewer where many networks leave no
 * room. */
size_t share_program(const struct share_networks *w, struct sock_filter *out, size_t max, unsigned *levels);
#define SHARE_LEVELS 4

#endif
