/* handover.h - packets that the kernel gave to the wrong worker, handed to the right one.
 *
 * The kernel's program (share.h) sees most packets' inside, but not what comes in fragments of a tunnel's own
 * packets, nor what is nested deeper than it reads.  A worker that decodes such a packet and finds that its
 * flow belongs to another puts a copy into that one's inbox.  One inbox belongs to one worker; any other may
 * put.  Others wait for each other only while a packet is copied, the owner only to swap buffers. */
#ifndef CAPTURE_HANDOVER_H
#define CAPTURE_HANDOVER_H

#include "base/err.h"
#include "capture/packet.h"

struct handover;

/* `bytes` of copies may wait; the memory is touched only when it is needed. */
struct handover *handover_create(size_t bytes, struct err *e); /* NULL: e says why */
void handover_destroy(struct handover *h);                     /* NULL is fine */

/* Any thread, after a DECODE_OK.  false: there is no room, the packet stays where it is. */
bool handover_put(struct handover *h, const struct packet *p);
/* The owner.  What a decoded packet has, but for the frame (data, ip); borrowed until the next call.
 * false: nothing waits, or the next packet is of a time after `until_ns`. */
bool handover_take(struct handover *h, int64_t until_ns, struct packet *p);

#endif
