/* share.h - which of several workers a packet belongs to: all flows of one internal address meet in one
 * worker, so that what spans flows (DNS answers, both sides of a proxy) needs no lock.
 *
 * The address is that of a proxy where one end is one; else the internal one; between two internal ones that
 * of the side with the higher port (the client); without an internal one a mixture of both that is the same
 * either way.  Live ports ask the kernel (PACKET_FANOUT_CBPF), files ask share_of(). */
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

/* The same for the kernel, as a classic BPF program; returns its length, 0 when it does not fit.  IPv6
 * extension headers are not followed: there the ports count as what stands in their place.  Of packets in a
 * tunnel it sees the outer addresses, where files are shared out by the inner ones. */
size_t share_program(const struct share_networks *w, struct sock_filter *out, size_t max);
#define SHARE_PROGRAM_MAX 4096 /* BPF_MAXINSNS */

#endif
