/* flow.h - the flows one worker follows.  Not shared between threads.
 *
 * Every TCP connection and UDP exchange gets one small record, found by its canonical key (both directions
 * are one flow).  All memory is taken in flow_table_create(); nothing grows later: when the table is full
 * the flow nearest to its idle time (to a quarter of a second) ends with FLOW_EVICTED, so that closed
 * connections and quiet UDP go before quiet TCP.  Time is packet time.
 *
 * A flow that ended stands in a queue until the loop has taken it with flow_ended() and given its memory back
 * with flow_release(); so whoever holds a flow pointer between those two calls may use it.  The loop empties
 * that queue after every packet: one packet ends a few flows at most, and the table keeps room for
 * FLOW_WAITING_MIN that wait.
 *
 * A TCP connection that closed (FIN from both sides, or from the only side seen, or RST) stays findable for
 * FLOW_LINGER_S after its last packet, so that retransmissions do not begin new flows; it ends then, or when
 * a new connection takes its ports.  Ports taken again although no end was seen: FLOW_FIN when one side had
 * sent FIN, else FLOW_IDLE.  A SYN with another sequence number on a connection in full use changes nothing
 * (RFC 5961 4.2): the SYN/ACK that answers it does. */
#ifndef CAPTURE_FLOW_H
#define CAPTURE_FLOW_H

#include "base/err.h"
#include "capture/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Index into every [2] of a flow, and the `dir` of the layer face. */
enum flow_dir { FLOW_C2S = 0, FLOW_S2C = 1 };

enum flow_end { FLOW_LIVE, FLOW_FIN, FLOW_RST, FLOW_IDLE, FLOW_ACTIVE, FLOW_EVICTED, FLOW_STOP };
const char *flow_end_name(enum flow_end e); /* fin rst idle active evict stop */

/* Three cache lines: what a look-up reads, what every packet writes, what TCP and the readers add. */
struct flow {
	/* key: client and server are told apart by SYN, else by the first packet and the ports (a reply seen
	 * first must not turn the flow round for a well-known port) */
	struct ip_addr addr[2]; /* [0] client, [1] server */
	uint16_t port[2];
	uint8_t proto;
	uint8_t ended;         /* enum flow_end */
	uint8_t tcp_state;     /* FLOW_TCP_* of flow_tcp.h */
	uint8_t flags;         /* FLOW_F_* */
	uint32_t link;         /* flow.c's own: queue of ended flows, free list */
	uint16_t wheel_slot;   /* flow.c's own */
	uint16_t vlan;         /* outermost tag of the first packet, 0: none */
	uint8_t client_mac[6]; /* with FLOW_F_MAC */
	uint16_t tunnels;   /* enum tunnel_kind of the first packet's, four bits each, the outermost lowest */
	uint32_t tunnel_id; /* of the innermost */
	uint32_t network;   /* packet.network: part of the key */

	int64_t start_ns, last_ns;
	int64_t touched_ns;  /* last packet by the table's own clock, which never goes back */
	uint64_t bytes[2];   /* on the wire, from the IP header on */
	uint64_t payload[2]; /* transport payload on the wire */
	uint32_t packets[2];

	uint32_t wheel_prev, wheel_next; /* flow.c's own */
	uint32_t next_seq[2];            /* highest sequence number seen + 1, by direction; see tcp_state */
	uint32_t isn[2];                 /* initial sequence numbers; see tcp_state */
	uint32_t missed[2];              /* payload bytes that were sent but not captured (saturating) */
	uint32_t hole_begin[2], hole_end[2]; /* sequence range in which retransmissions lower missed[] */
	void *inspect;          /* classify's: what is known of this flow, NULL: merely counted */
	struct tcp_stream *tcp; /* tcp.h: only while its bytes are read */
};

#define FLOW_F_FRESH    0x01 /* the packet just tracked is its first */
#define FLOW_F_SYN      0x02 /* the client's SYN was seen: client and server are certain */
#define FLOW_F_SYNACK   0x04
#define FLOW_F_ONESIDED 0x08 /* only one direction seen so far */
#define FLOW_F_MAC      0x10 /* client_mac is known */
#define FLOW_F_METERED  0x20 /* classify's: its bytes count for a volume */
#define FLOW_F_HIGH     0x80 /* flow.c's own: the client is the higher end of the canonical key */

#define FLOW_LINGER_S    5
#define FLOW_WAITING_MIN 256 /* ended flows the table has room for beside the limit, at least */

struct flow_limits {
	size_t flows; /* tracked at once */
	unsigned idle_tcp_s, idle_udp_s,
	        active_s; /* active_s: a longer flow is ended and begun anew; 0: never */
	bool vlan_in_key;
};

struct flow_stats {
	uint64_t created, ended[FLOW_STOP + 1]; /* by enum flow_end */
	uint64_t live, peak;                    /* in the table, closed connections that linger included */
	uint64_t clock_back; /* packets older than the newest time seen by more than a second */
};

struct flow_table;
struct flow_table *flow_table_create(const struct flow_limits *l, struct err *e); /* NULL: e says why */
void flow_table_destroy(struct flow_table *t);                                    /* NULL is fine */

/* The packet's flow, made if new, its counters already moved on; *dir says which way the packet goes.
 * Never NULL: the table makes room by ending a quiet flow.
 *
 * Client is who sent a SYN or was sent a SYN/ACK; in a flow met otherwise the sender of the first packet,
 * unless only its port is one of a service (below 1024, or in a short list such as 8080 and 11434; of two
 * ports below 1024 the lower).  A SYN or SYN/ACK that comes later and says otherwise turns the flow round
 * only among its first packets and while neither `inspect` nor `tcp` is set. */
struct flow *flow_track(struct flow_table *t, const struct packet *p, enum flow_dir *dir);
/* Moves the table's clock on and ends what was idle too long; does a bounded amount of work. Called by the
 * loop after every packet or poll with the newest packet time (in live capture without traffic: the wall
 * clock). */
void flow_advance(struct flow_table *t, int64_t now_ns);
/* The next flow that ended and was not yet taken, or NULL. */
struct flow *flow_ended(struct flow_table *t);
void flow_release(struct flow_table *t, struct flow *f);
/* Ends every flow with FLOW_STOP (those that had closed with FLOW_FIN or FLOW_RST); flow_ended() then yields
 * them all, and must have done so before the next flow_track(). */
void flow_stop_all(struct flow_table *t);
void flow_table_stats(const struct flow_table *t, struct flow_stats *out);

/* The sensor-local identity of a flow: a hash of addresses, ports, protocol and start time, the same for
 * every worker count and whatever the packets were wrapped in, never 0. */
uint64_t flow_id(const struct flow *f);

/* Community ID v1 (https://github.com/corelight/community-id-spec): "1:" and base64, seed as given (0 is
 * usual).  For ICMP the ports are type and code.  Returns buf. */
#define COMMUNITY_ID_MAX 32
const char *community_id(const struct ip_addr *src, const struct ip_addr *dst, uint16_t sport, uint16_t dport,
        uint8_t proto, uint16_t seed, char buf[COMMUNITY_ID_MAX]);

#endif
