/* copies.h - packets that a mirror delivers twice: from both ports of a connection, or from before and behind
 * a router.
 *
 * A packet is a copy of one at most COPY_NS earlier when addresses, transport header and payload are equal,
 * and the IP identification is (always in IPv6, which has none) or the TTL differs.  Tags, MAC addresses and
 * tunnels do not matter.  A TCP retransmission taken for a copy does no harm: its bytes were seen.
 */
#ifndef CAPTURE_COPIES_H
#define CAPTURE_COPIES_H

#include "base/clock.h"
#include "base/err.h"
#include "capture/packet.h"

#include <stdbool.h>
#include <stddef.h>

#define COPY_NS (50 * NS_PER_MS)

struct copies;
struct copies *copies_create(size_t remembered, struct err *e); /* packets remembered; memory is taken here */
void copies_destroy(struct copies *c);
/* After a DECODE_OK.  true: a copy of a packet that was given before. */
bool copies_seen(struct copies *c, const struct packet *p);

#endif
