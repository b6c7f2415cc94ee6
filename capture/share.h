/* share.h - which of several workers a packet belongs to: all flows of one internal address meet in one
 * worker, so that what spans flows (DNS answers, later proxies) needs no lock.
 *
 * The address is the internal one; between two internal ones that of the side with the higher port (the
 * client); without an internal one a mixture of both that is the same either way.  Live ports ask the kernel
 * (PACKET_FANOUT_CBPF), files ask share_of(). */
#ifndef CAPTURE_SHARE_H
#define CAPTURE_SHARE_H

#include "capture/packet.h"

#include <linux/filter.h>
#include <stddef.h>

/* Which of `count` workers has the packet; the internal flags are of its source and destination. */
unsigned share_of(const struct packet *p, bool src_internal, bool dst_internal, unsigned count);

/* The same for the kernel, as a classic BPF program over `internal`; returns its length, 0 when it does not
 * fit. IPv6 extension headers are not followed: there the ports count as what stands in their place. */
size_t share_program(const struct cidr *internal, size_t n, struct sock_filter *out, size_t max);
#define SHARE_PROGRAM_MAX 4096 /* BPF_MAXINSNS */

#endif
