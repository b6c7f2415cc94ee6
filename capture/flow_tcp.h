/* flow_tcp.h - what the table notes of every TCP flow, read or not: where the sequence numbers stand, who
 * opened it, whether it closed, what was missed.  Inside capture/ only.  RFC 9293; RFC 5961 for what a blind
 * sender must not be able to do. */
#ifndef CAPTURE_FLOW_TCP_H
#define CAPTURE_FLOW_TCP_H

#include "capture/flow.h"

/* flow.tcp_state; the first three by direction, shifted left by it */
#define FLOW_TCP_NEXT   0x01 /* next_seq[] is known */
#define FLOW_TCP_ISN    0x04 /* isn[] is known */
#define FLOW_TCP_FIN    0x10 /* sent FIN */
#define FLOW_TCP_RST    0x40
#define FLOW_TCP_LINGER 0x80 /* closed */

/* A reset or FIN counts when it lies this near to what is expected (RFC 5961 3.2 asks endpoints for more;
 * a sensor that missed packets knows the window less well). */
#define TCP_NEAR (1 << 20)

/* How far a lies behind b in sequence space (RFC 9293 3.4); negative: before. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool seq_near(uint32_t a, uint32_t b, int32_t within)
{
	int32_t d = seq_diff(a, b);

	return d >= -within && d <= within;
}

/* Does this packet belong to another connection than f, which has been quiet for quiet_ns?  FLOW_LIVE: no;
 * else how f ended. */
enum flow_end flow_tcp_reused(
        const struct flow *f, enum flow_dir dir, const struct packet *p, int64_t quiet_ns);
/* Turns f round when the packet shows that client and server were taken for one another and nothing reads f
 * yet; true when it did (then the packet's direction is the other one). */
bool flow_tcp_turn(struct flow *f, enum flow_dir dir, const struct packet *p);
/* Moves the TCP state on; true when the connection just closed. */
bool flow_tcp_count(struct flow *f, enum flow_dir dir, const struct packet *p);

#endif
